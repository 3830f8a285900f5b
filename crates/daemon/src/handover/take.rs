//! The successor's side.

use std::{
    fs::File,
    io::ErrorKind,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use dormouse_runtime::Process;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{info, warn};

use super::{
    FromGiver, FromHeir, Offered, PROTOCOL,
    channel::{Channel, Heard},
};
use crate::{orphans, records, role::Role, state::StateDir};

/// How long the predecessor may take to answer: longest while its control ends.
const ANSWER: Duration = Duration::from_secs(60);

/// Between two attempts to find the folder free or its server listening.
const AGAIN: Duration = Duration::from_millis(50);

/// Attempts, when the server is just coming up or going away.
const ATTEMPTS: u32 = 40;

/// From whom we take over.
#[derive(Debug)]
pub(crate) enum Predecessor {
    /// From nobody who lives; but children of a server that was killed may.
    Dead,
    /// From a server that goes on until we say that we serve.
    Living(Heir),
}

/// Our line to it.
#[derive(Debug)]
pub(crate) struct Heir(Channel);

/// Make the state folder ours, or begin to: then the server that has it offers what it holds. Only when `take_over`.
pub(crate) fn begin(state: &StateDir, take_over: bool) -> Result<(File, Predecessor, Option<Offered>)> {
    let mut attempt = 0;
    loop {
        if let Some(lock) = state.lock()? {
            return Ok((lock, Predecessor::Dead, None));
        }
        if !take_over {
            bail!(
                "another dormouse server already uses {}\n  hint: deploy to it with `dormouse deploy`, replace it with \
                 `dormouse serve --take-over`, or give this one its own folder with --state",
                state.root().display()
            );
        }
        attempt += 1;
        let stream = match UnixStream::connect(state.handover_socket()) {
            Ok(stream) => stream,
            // It comes up, or has just gone.
            Err(e)
                if attempt < ATTEMPTS
                    && [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&e.kind()) =>
            {
                std::thread::sleep(AGAIN);
                continue;
            }
            Err(e) => {
                return Err(e).with_context(|| {
                    format!(
                        "the server that uses {} does not hand over\n  hint: stop it, which leaves its apps running, and \
                         start this one without --take-over",
                        state.root().display()
                    )
                });
            }
        };
        match Heir::greet(stream)? {
            Some((heir, offered)) => {
                let lock = File::from(offered.lock.try_clone()?);
                return Ok((lock, Predecessor::Living(heir), Some(offered)));
            }
            // It was killed meanwhile.
            None if attempt < ATTEMPTS => std::thread::sleep(AGAIN),
            None => bail!("the other server ended while it was asked to hand over"),
        }
    }
}

impl Heir {
    /// `None` when the other end has gone.
    fn greet(stream: UnixStream) -> Result<Option<(Self, Offered)>> {
        let mut heir = Self(Channel::new(stream)?);
        let process = Process::this()?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let sent = heir.0.send(&FromHeir::TakeOver { protocol: PROTOCOL, version, process }, &[]);
        if sent.is_err() {
            return Ok(None);
        }
        match heir.wait()? {
            Some((FromGiver::Here { protocol, version, process, sockets }, fds)) => {
                info!(pid = process.pid(), version, protocol, "taking over from a server");
                Ok(Some((heir, Offered::sorted(&sockets, fds)?)))
            }
            Some((other, _)) => bail!("the other server says {other:?} and does not hand over"),
            None => Ok(None),
        }
    }

    /// Its next message and what is attached to it; `None` when it has gone.
    fn wait(&mut self) -> Result<Option<(FromGiver, Vec<std::os::fd::OwnedFd>)>> {
        let deadline = Instant::now() + ANSWER;
        loop {
            match self.0.receive() {
                Heard::Message(FromGiver::Refused { why }, _) => return Err(refused(&why)),
                Heard::Message(message, fds) => return Ok(Some((message, fds))),
                Heard::Closed => return Ok(None),
                Heard::Nothing => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the other server does not answer; it goes on");
            }
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            // Whatever it returns, the next look tells.
            let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], left);
        }
    }

    /// Whether it did as it was asked; false when it has gone.
    fn ask(&mut self, what: &FromHeir, answer: &FromGiver) -> Result<bool> {
        if self.0.send(what, &[]).is_err() {
            return Ok(false);
        }
        match self.wait()? {
            Some((given, _)) if given == *answer => Ok(true),
            Some((other, _)) => bail!("the other server says {other:?}; it goes on"),
            None => Ok(false),
        }
    }
}

fn refused(why: &str) -> anyhow::Error {
    anyhow::anyhow!("the other server goes on: {why}")
}

impl Predecessor {
    pub(crate) fn lives(&self) -> bool {
        matches!(self, Self::Living(_))
    }

    /// On what it may say something.
    pub(crate) fn line(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Dead => None,
            Self::Living(heir) => Some(heir.0.as_fd()),
        }
    }

    /// Hear whether it still waits for us.
    ///
    /// # Errors
    /// When it goes on by itself.
    pub(crate) fn hear(&mut self) -> Result<()> {
        let Self::Living(heir) = self else { return Ok(()) };
        match heir.0.receive() {
            Heard::Nothing => Ok(()),
            Heard::Message(FromGiver::Refused { why }, _) => Err(refused(&why)),
            Heard::Message(other, _) => bail!("the other server says {other:?} unasked"),
            Heard::Closed => {
                self.has_died();
                Ok(())
            }
        }
    }

    fn has_died(&mut self) {
        warn!("the other server has died; going on without it");
        *self = Self::Dead;
    }

    /// From now on there is no control but ours. The apps go on.
    ///
    /// # Errors
    /// When the predecessor goes on by itself.
    pub(crate) fn end_control(&mut self, state: &StateDir, ours: impl Fn(&Process) -> bool) -> Result<()> {
        if let Self::Living(heir) = self
            && !heir.ask(&FromHeir::EndControl, &FromGiver::ControlEnded)?
        {
            self.has_died();
        }
        orphans::kill(&not_ours(state, Role::Control, ours))
    }

    /// We serve: its edges have only to carry what they have.
    ///
    /// # Errors
    /// When the predecessor goes on by itself.
    pub(crate) fn done(&mut self, state: &StateDir, ours: impl Fn(&Process) -> bool) -> Result<()> {
        if let Self::Living(heir) = self
            && !heir.ask(&FromHeir::Done, &FromGiver::HandedOver)?
        {
            self.has_died();
        }
        *self = Self::Dead;
        orphans::let_drain(&not_ours(state, Role::Edge, ours));
        Ok(())
    }
}

/// Processes of this server that are no children of ours.
pub(crate) fn not_ours(state: &StateDir, role: Role, ours: impl Fn(&Process) -> bool) -> Vec<Process> {
    records::living(state, role).into_iter().filter(|process| !ours(process)).collect()
}
