//! The predecessor's side.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixListener,
    },
    time::{Duration, Instant},
};

use dormouse_runtime::Process;
use tracing::{info, warn};

use super::{
    FromGiver, FromHeir, Offered, PROTOCOL,
    channel::{Channel, Heard},
};

/// How long a successor may take to say what it wants.
const GREETING: Duration = Duration::from_secs(10);

/// How long it may take to prove itself: to adopt every app, and to open its doors.
const LIMIT: Duration = Duration::from_secs(300);

/// What is to be done for the successor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// End control, and not the apps; then [`Giver::control_ended`].
    EndControl,
    /// It serves: let the edge drain; then [`Giver::handed_over`], and end.
    Done,
    /// It has given up, or has died: all goes on as before.
    TakeBack,
}

/// Hands over to one successor at a time.
#[derive(Debug, Default)]
pub(crate) struct Giver(Option<Guest>);

#[derive(Debug)]
struct Guest {
    channel: Channel,
    /// Who it is, once it has said so.
    process: Option<Process>,
    /// Until when it has to be done with what it is at.
    until: Instant,
}

impl Giver {
    /// What it listens on, beside the door for new ones.
    pub(crate) fn line(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|guest| guest.channel.as_fd())
    }

    /// When to look again although nothing is said.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.0.as_ref().map(|guest| guest.until.saturating_duration_since(Instant::now()))
    }

    /// Let in who knocks, and hear what is wished. `offer` is what a successor gets, in the order of
    /// [`Offered::ORDER`].
    pub(crate) fn hear(&mut self, door: &UnixListener, offer: &[BorrowedFd<'_>; 5]) -> Wish {
        while let Ok((stream, _)) = door.accept() {
            let Ok(channel) = Channel::new(stream) else { continue };
            if self.0.is_some() {
                refuse(&channel, "another process is taking over from it right now");
                continue;
            }
            self.0 = Some(Guest { channel, process: None, until: Instant::now() + GREETING });
        }
        let Some(guest) = &mut self.0 else { return Wish::Nothing };
        let wish = match guest.channel.receive() {
            Heard::Nothing if Instant::now() < guest.until => return Wish::Nothing,
            Heard::Nothing => {
                refuse(&guest.channel, "it took too long");
                Err("it took too long")
            }
            Heard::Message(FromHeir::TakeOver { protocol, version, process }, _) => {
                info!(pid = process.pid(), version, protocol, "a successor is here");
                guest.until = Instant::now() + LIMIT;
                guest.process = Some(process);
                match guest.greet(protocol, offer) {
                    Ok(()) => Ok(Wish::Nothing),
                    Err(error) => {
                        warn!(%error, "cannot hand the sockets over");
                        Err("it does not listen")
                    }
                }
            }
            Heard::Message(FromHeir::EndControl, _) => Ok(Wish::EndControl),
            Heard::Message(FromHeir::Done, _) => Ok(Wish::Done),
            Heard::Closed => Err("it has gone"),
        };
        wish.unwrap_or_else(|why| {
            warn!(why, "nothing came of the successor; serving on");
            self.0 = None;
            Wish::TakeBack
        })
    }

    /// The successor's process id.
    pub(crate) fn successor(&self) -> Option<u32> {
        Some(self.0.as_ref()?.process.as_ref()?.pid())
    }

    /// Control has ended, and none of ours will be started.
    pub(crate) fn control_ended(&self) {
        self.say(&FromGiver::ControlEnded);
    }

    /// Our edge drains, and we are about to end.
    pub(crate) fn handed_over(&self) {
        self.say(&FromGiver::HandedOver);
    }

    /// We end ourselves: nobody is to take over. Whether somebody was about to.
    pub(crate) fn turn_away(&mut self) -> bool {
        let guest = self.0.take();
        if let Some(guest) = &guest {
            refuse(&guest.channel, "it was told to end");
        }
        guest.is_some()
    }

    fn say(&self, message: &FromGiver) {
        if let Some(guest) = &self.0
            && let Err(error) = guest.channel.send(message, &[])
        {
            // Its end is noticed by the next look.
            warn!(%error, "the successor does not listen");
        }
    }
}

impl Guest {
    fn greet(&self, protocol: u32, offer: &[BorrowedFd<'_>; 5]) -> io::Result<()> {
        let process = Process::this()?;
        let here = FromGiver::Here {
            protocol: protocol.min(PROTOCOL),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process,
            sockets: Offered::ORDER.map(str::to_owned).into(),
        };
        self.channel.send(&here, offer)
    }
}

fn refuse(channel: &Channel, why: &str) {
    // It may have left by itself.
    let _ = channel.send(&FromGiver::Refused { why: why.to_owned() }, &[]);
}
