//! The edge: takes connections from the public and from services, finds the instance they are for, wakes it when it
//! sleeps, and carries bytes both ways.
//!
//! It is one current-thread runtime per core. Every worker owns its connections, its pool of connections to instances
//! and its own pointer to the routes, so that requests share no lock; what they share are counters per instance.
#![forbid(unsafe_code)]

mod accept;
mod answers;
mod book;
mod cidr;
mod drain;
mod events;
mod find;
mod frames;
mod heartbeat;
mod http1;
mod meter;
mod pages;
mod private;
mod responses;
mod room;
mod run;
mod settings;
mod streams;
mod table;
mod tally;
mod tunnel;
mod turn_away;
mod turns;
mod upkeep;
mod wakes;
mod worker;

use std::future::Future;

pub use book::TrafficBook;
pub use cidr::{Cidr, CidrError};
use dormouse_model::{ServiceKey, Target, WakeRefused};
pub use run::{EdgeError, Ending, Sockets, run};
pub use settings::{Counting, EdgeSettings, Unconfirmed};
pub use worker::Pulse;

/// Asks whoever decides to wake a service.
pub trait Wake: Send + Sync + 'static {
    /// Wait until the service can take requests, and say where.
    ///
    /// Called once for all requests held for a service at the same time. The future is dropped when the last of them
    /// has gone. Wait, don't refuse, while the decider is away: the edge ends
    /// the hold itself after [`EdgeSettings::hold_timeout`].
    fn wake(&self, service: &ServiceKey) -> impl Future<Output = Result<Vec<Target>, WakeRefused>> + Send;
}
