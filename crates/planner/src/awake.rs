//! What may keep an instance awake.

use std::{net::SocketAddr, time::Duration};

use dormouse_model::Time;

/// What is said is over when this much time has passed without more: most apps say more than one thing.
pub(crate) const QUIET: Duration = Duration::from_secs(3);

/// What keeps an instance awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awake {
    /// Its service does not sleep by itself.
    Always,
    /// Its host has no sleep that keeps its memory.
    Host,
    /// Its supervisor would not survive a sleep with all of its processes.
    Watchdog,
    /// It would take its open pages for gone after a sleep.
    Pinger,
    /// So many requests are not answered, or not to their end.
    Requests(u32),
    /// So many calls of other services are not answered, or not to their end.
    Calls(u32),
    /// Messages on so many WebSockets are not answered.
    Messages(u32),
    /// Another service of its project works on a request, and other services have connections to it.
    Caller,
    /// It was used at this time: a client said something, or somebody wanted it awake.
    Used(Time),
    /// At this time it sent the last message or event to somebody who listens.
    Stream(Time),
    /// It waits for an answer on a connection that it opened.
    Call {
        /// To whom.
        to: SocketAddr,
        /// Since when nothing has been said on it.
        since: Time,
    },
    /// Bytes passed on a connection that it opened.
    Bytes {
        /// To or from whom.
        with: SocketAddr,
        /// When.
        at: Time,
    },
    /// It works, on so many thousandths of a processor.
    Working(u32),
    /// A thread that was begun at this time sleeps by the clock while somebody listens, and not for the app's own sake.
    Nap(Time),
    /// Somebody listens, and a word to such a one once came after so long a silence.
    Awaited(Duration),
    /// Bytes arrived for it while it slept, at this time.
    Stirred(Time),
    /// What it does by itself is about to be looked at.
    Unknown,
}

impl Awake {
    /// Whether somebody uses the instance, or wants it awake, so that nobody wonders.
    #[must_use]
    pub fn is_use(&self) -> bool {
        match self {
            Self::Always
            | Self::Host
            | Self::Watchdog
            | Self::Pinger
            | Self::Requests(_)
            | Self::Calls(_)
            | Self::Messages(_)
            | Self::Caller
            | Self::Used(_)
            | Self::Unknown => true,
            Self::Stream(_)
            | Self::Call { .. }
            | Self::Bytes { .. }
            | Self::Working(_)
            | Self::Nap(_)
            | Self::Awaited(_)
            | Self::Stirred(_) => false,
        }
    }
}

/// What is known of an instance's being awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What keeps it awake, or is to wake it; nothing when nobody uses it.
    pub(crate) awake: Option<Awake>,
    /// Whether somebody is to look at what it does by itself.
    pub(crate) look: bool,
}

impl Judged {
    pub(crate) fn of(awake: Option<Awake>) -> Self {
        Self { awake, look: false }
    }
}
