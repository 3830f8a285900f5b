//! Lines of JSON with descriptors attached.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Serialize, de::DeserializeOwned};

/// More descriptors than anybody sends at once.
const MOST_FDS: usize = 16;

/// Longer than any message of ours.
const MOST_BYTES: usize = 64 * 1024;

/// One end.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
    closed: bool,
}

/// What has been heard.
#[derive(Debug)]
pub(super) enum Heard<M> {
    /// Nothing more yet.
    Nothing,
    /// A message, and the descriptors that have come: the two ends speak in turns, so they belong to it.
    Message(M, Vec<OwnedFd>),
    /// The other end is gone, or says what is no message.
    Closed,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, bytes: Vec::new(), fds: Vec::new(), closed: false })
    }

    /// Say something. Messages are short, so that they always fit into the socket.
    pub(super) fn send(&self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            attached.push(SendAncillaryMessage::ScmRights(fds));
        }
        let sent = sendmsg(&self.stream, &[IoSlice::new(&line)], &mut attached, SendFlags::NOSIGNAL)?;
        if sent < line.len() {
            return Err(io::Error::other("the other end does not listen"));
        }
        Ok(())
    }

    /// What the other end said, if anything. Does not wait.
    pub(super) fn receive<M: DeserializeOwned>(&mut self) -> Heard<M> {
        loop {
            if let Some(end) = self.bytes.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                if let Ok(message) = serde_json::from_slice(&line) {
                    return Heard::Message(message, std::mem::take(&mut self.fds));
                }
                self.closed = true;
            }
            if self.closed {
                return Heard::Closed;
            }
            if !self.read().unwrap_or(true) {
                return Heard::Nothing;
            }
        }
    }

    /// Whether there was something to read.
    fn read(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let received =
            recvmsg(&self.stream, &mut [IoSliceMut::new(&mut chunk)], &mut attached, RecvFlags::CMSG_CLOEXEC);
        let received = match received {
            Ok(received) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => {
                self.closed = true;
                return Err(error.into());
            }
        };
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        self.bytes.extend_from_slice(&chunk[..received.bytes]);
        self.closed = received.bytes == 0 || self.bytes.len() > MOST_BYTES;
        Ok(true)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn messages_and_what_is_attached() {
        let (a, b) = UnixStream::pair().unwrap();
        let (here, mut there) = (Channel::new(a).unwrap(), Channel::new(b).unwrap());
        assert!(matches!(there.receive::<String>(), Heard::Nothing));
        let (mut near, far) = UnixStream::pair().unwrap();
        here.send(&"plain", &[]).unwrap();
        assert!(
            matches!(there.receive::<String>(), Heard::Message(text, fds) if text == "plain" && fds.is_empty())
        );
        here.send(&"with a socket", &[far.as_fd()]).unwrap();
        drop((here, far));
        let Heard::Message(text, mut fds) = there.receive::<String>() else { panic!() };
        assert_eq!((text.as_str(), fds.len()), ("with a socket", 1));
        UnixStream::from(fds.pop().unwrap()).write_all(b"x").unwrap();
        let mut byte = [0];
        near.read_exact(&mut byte).unwrap();
        assert!(matches!(there.receive::<String>(), Heard::Closed));
    }

    #[test]
    fn nonsense_is_an_end() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut there = Channel::new(b).unwrap();
        a.write_all(b"nonsense\n").unwrap();
        assert!(matches!(there.receive::<String>(), Heard::Closed));
    }
}
