//! The line between the parent and one of its children: how far the child has come, that it still works, and what the
//! parent is to hold for it.
//!
//! JSON, one message a line, on a socket of its own. The parent is of the same build as its children.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::SocketAddrV4,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    panic,
    sync::mpsc::Receiver,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use dormouse_model::{Door, Keep};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, send, sendmsg,
};
use serde::{Deserialize, Serialize};

/// How often a child that serves says so.
pub(crate) const BEAT: Duration = Duration::from_secs(2);

/// A child speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromChild {
    /// Everything is read and checked that can be without touching what is shared. Control waits here.
    Prepared,
    /// It does its work.
    Serving,
    /// It still does: what it serves with has just answered.
    Alive,
    /// The edge listens between services. A duplicate of the socket is attached (SCM_RIGHTS, unix(7)): hold it in place of what
    /// was held of this address before.
    Keeps {
        /// What it is for.
        door: Door,
        /// Where it listens.
        addr: SocketAddrV4,
    },
    /// It does not any more.
    LetsGo {
        /// What it was for.
        door: Door,
        /// Where it listened.
        addr: SocketAddrV4,
    },
    /// It cannot, and says why.
    Failed {
        /// The whole message, with its hint.
        why: String,
    },
}

/// The parent speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToChild {
    /// No other control is there any more: take over.
    Go,
    /// The server serves: answer people too.
    Open,
}

/// The child's end.
#[derive(Debug)]
pub(crate) struct Upward(UnixStream);

impl Upward {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// Tell the parent. That it has been killed is no concern of ours: we serve on.
    pub(crate) fn say(&self, word: &FromChild) {
        // Nobody listens then.
        let _ = write(&self.0, word);
    }

    /// Tell the parent that we work. One that does not listen must not hold us up: unlike [`say`](Self::say), this never
    /// waits for room.
    pub(crate) fn beat(&self) {
        let mut line = serde_json::to_vec(&FromChild::Alive).unwrap_or_default();
        line.push(b'\n');
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        // A line this short is taken whole or not at all.
        let _ = send(&self.0, &line, flags);
    }

    /// Wait until the parent says this.
    ///
    /// # Errors
    /// When it dies before.
    pub(crate) fn wait_for(&self, word: &ToChild) -> Result<()> {
        // Not a byte more than the line: the next word may be behind it.
        let (mut line, mut byte) = (Vec::new(), [0]);
        while (&self.0).read(&mut byte).context("cannot hear the server")? > 0 && byte != [b'\n'] {
            line.push(byte[0]);
        }
        if line.is_empty() {
            bail!("the server ended before this process was to begin");
        }
        let said: ToChild =
            serde_json::from_slice(&line).context("the server says what is not understood")?;
        anyhow::ensure!(said == *word, "the server says {said:?} instead of {word:?}");
        Ok(())
    }

    /// Tell the parent what to hold, for as long as somebody says so or until it has died. Blocks, also for as long as the parent
    /// does not listen.
    pub(crate) fn keep(&self, told: &Receiver<Keep>) {
        for Keep { door, addr, socket } in told {
            let sent = match &socket {
                Some(socket) => self.attach(&FromChild::Keeps { door, addr }, socket.as_fd()),
                None => write(&self.0, &FromChild::LetsGo { door, addr }),
            };
            if sent.is_err() {
                return;
            }
        }
    }

    fn attach(&self, word: &FromChild, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(word)?;
        line.push(b'\n');
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        let fds = [socket];
        attached.push(SendAncillaryMessage::ScmRights(&fds));
        // In one piece, as what is said beside it by another thread.
        sendmsg(&self.0, &[IoSlice::new(&line)], &mut attached, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Should this thread panic, the parent is told of what: the process ends of it, without another word.
    pub(crate) fn tell_panic(&self) -> io::Result<()> {
        let (parent, this, before) = (self.again()?, thread::current().id(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            before(panic);
            if thread::current().id() == this {
                let why = format!("{panic}\n  hint: this is a fault in Dormouse: please report it");
                parent.say(&FromChild::Failed { why });
            }
        }));
        Ok(())
    }

    /// Another handle on the same line.
    pub(crate) fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }
}

/// The parent's end.
#[derive(Debug)]
pub(crate) struct Downward {
    stream: UnixStream,
    heard: Vec<u8>,
    /// What was attached, in order: to each word that has something attached belongs the next.
    attached: VecDeque<OwnedFd>,
}

impl Downward {
    /// Both ends of a new line.
    pub(crate) fn pair() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self { stream: ours, heard: Vec::new(), attached: VecDeque::new() }, theirs))
    }

    pub(crate) fn say(&self, word: &ToChild) {
        // A child that has died is noticed otherwise.
        let _ = write(&self.stream, word);
    }

    /// Everything the child has said since the last call.
    pub(crate) fn words(&mut self) -> Vec<FromChild> {
        // Whatever was read before an error is kept; an end is noticed otherwise.
        while self.read().is_ok_and(|read| read > 0) {}
        let end = self.heard.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.heard.drain(..end).collect();
        let words = lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        words.collect()
    }
}

impl Downward {
    fn read(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let into = &mut [IoSliceMut::new(&mut chunk)];
        let received = recvmsg(&self.stream, into, &mut attached, RecvFlags::CMSG_CLOEXEC)?;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.attached.extend(fds);
            }
        }
        self.heard.extend_from_slice(&chunk[..received.bytes]);
        Ok(received.bytes)
    }

    /// What is attached to the next of those words that have something attached. To be asked in their order.
    pub(crate) fn next_attached(&mut self) -> Option<OwnedFd> {
        self.attached.pop_front()
    }
}

impl AsFd for Downward {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn write(mut stream: &UnixStream, word: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    stream.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: of a process that panicked at its start nothing was known but its exit code.
    #[test]
    fn a_panic_is_told() {
        let (mut parent, child) = Downward::pair().unwrap();
        Upward::new(child).tell_panic().unwrap();
        assert!(panic::catch_unwind(|| panic!("no such thing")).is_err());
        drop(panic::take_hook());
        let words = parent.words();
        let [FromChild::Failed { why }] = &words[..] else { panic!("{words:?}") };
        assert!(why.contains("line.rs") && why.contains("no such thing") && why.contains("hint: "), "{why}");
    }

    #[test]
    fn words_arrive_whole_and_in_order() {
        let (mut parent, child) = Downward::pair().unwrap();
        let child = Upward::new(child);
        assert_eq!(parent.words(), []);
        child.say(&FromChild::Prepared);
        let failed = FromChild::Failed { why: "no room\n  hint: make some".into() };
        child.say(&failed);
        let text = serde_json::to_vec(&FromChild::Serving).unwrap();
        (&child.0).write_all(&text[..4]).unwrap();
        assert_eq!(parent.words(), [FromChild::Prepared, failed]);
        (&child.0).write_all(&text[4..]).unwrap();
        (&child.0).write_all(b"\n").unwrap();
        assert_eq!(parent.words(), [FromChild::Serving]);
        parent.say(&ToChild::Go);
        parent.say(&ToChild::Open);
        child.wait_for(&ToChild::Go).unwrap();
        child.again().unwrap().wait_for(&ToChild::Open).unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        let addr = "10.0.0.1:53".parse().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        for socket in [Some(near.into()), None] {
            tell.send(Keep { door: Door::NamesTcp, addr, socket }).unwrap();
        }
        drop(tell);
        child.beat();
        child.keep(&told);
        let door = Door::NamesTcp;
        let said = [FromChild::Alive, FromChild::Keeps { door, addr }, FromChild::LetsGo { door, addr }];
        assert_eq!(parent.words(), said);
        (&UnixStream::from(parent.next_attached().unwrap())).write_all(b"x").unwrap();
        (&far).read_exact(&mut [0]).unwrap();
        assert!(parent.next_attached().is_none());

        // Nobody hears it for a long time.
        (0..100_000).for_each(|_| child.beat());
        let heard = parent.words();
        assert!(!heard.is_empty() && heard.iter().all(|word| *word == FromChild::Alive));
        child.beat();
        assert_eq!(parent.words(), [FromChild::Alive]);
        drop(parent);
        child.beat();
        assert!(child.wait_for(&ToChild::Open).is_err());
        child.say(&FromChild::Serving);
    }
}
