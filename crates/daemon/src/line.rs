//! The line between the parent and one of its children: how far the child has come, and that it still works.
//!
//! JSON, one message a line, on a socket of its own. The parent is of the same build as its children.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::net::{SendFlags, send};
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
}

impl Downward {
    /// Both ends of a new line.
    pub(crate) fn pair() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self { stream: ours, heard: Vec::new() }, theirs))
    }

    pub(crate) fn say(&self, word: &ToChild) {
        // A child that has died is noticed otherwise.
        let _ = write(&self.stream, word);
    }

    /// Everything the child has said since the last call.
    pub(crate) fn words(&mut self) -> Vec<FromChild> {
        // Whatever was read before an error is kept; an end is noticed otherwise.
        let _ = (&self.stream).read_to_end(&mut self.heard);
        let end = self.heard.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.heard.drain(..end).collect();
        let words = lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        words.collect()
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
