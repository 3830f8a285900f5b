//! Signals that mean stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What somebody wants who sends one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Ctrl-C: there is somebody to ask.
    Interrupt,
    /// To end, without more talk.
    End,
}

/// Listens for them; from then on they do not end the process by themselves.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Nobody is listened to who has none.
    pub(crate) async fn by(stop: &mut Option<Self>) -> Wish {
        match stop {
            Some(stop) => stop.wanted().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) async fn wanted(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Interrupt,
            _ = self.terminate.recv() => Wish::End,
            _ = self.hangup.recv() => Wish::End,
        }
    }
}
