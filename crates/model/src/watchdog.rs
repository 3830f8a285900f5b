//! What a sleep cannot be hidden from: supervisors that measure how long they have not heard of their processes, and servers
//! that measure how long they have not heard of their pages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DeploymentId, Time};

/// How a watchdog gives itself away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    /// It is Puma's cluster. Its master hears one worker after a wake, and then counts the others as dead.
    Puma,
    /// It replaced so many of its processes within seconds of a wake.
    Restarts {
        /// How long it had been frozen.
        slept: Duration,
        /// How many processes.
        processes: u32,
        /// How many of them are known to have ended because they were done ([`crate::ExitStatus::is_done`]).
        #[serde(default)]
        done: u32,
        /// How long it had run since the wake when that was seen.
        #[serde(default)]
        ran: Duration,
    },
    /// The whole instance ended within seconds of a wake.
    Ended {
        /// How long it had been frozen.
        slept: Duration,
        /// Whether it says that it was done ([`crate::ExitStatus::is_done`]).
        #[serde(default)]
        done: bool,
    },
    /// It cut a page off within seconds of a wake: it had pinged it, and missed the answers of the time that it slept.
    Cut {
        /// How long it had been asleep.
        slept: Duration,
        /// Time between its pings, if that is known.
        pings: Option<Duration>,
    },
}

/// What sightings say of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may notice sleep: what it lost, it may have lost to what it was asked for instead.
    Suspected,
    /// It notices sleep.
    #[default]
    Shown,
    /// It was suspected, and loses as many after sleeps that are too short to be noticed: it sleeps as others do.
    Refuted,
}

/// A watchdog that is known, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchdog {
    /// The deployment that its process was started for.
    pub deployment: DeploymentId,
    /// How it gave itself away last.
    pub seen: Sighting,
    /// When that was.
    pub at: Time,
    /// How sure that is.
    #[serde(default)]
    pub verdict: Verdict,
    /// How long it may be frozen at a time, unless that is refuted; after [`Sighting::Cut`], while a page is open.
    pub limit: Duration,
}
