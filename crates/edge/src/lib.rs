//! The edge: takes connections from the public and from services, finds the instance they are for, wakes it when it
//! sleeps, and carries bytes both ways.
//!
//! It is one current-thread runtime per core. Every worker owns its connections, its pool of connections to instances
//! and its own pointer to the routes, so that requests share no lock; what they share are counters per instance.
//!
//! From below: `net` takes connections and bounds them, `ctx` is what a thread knows, `pick` finds an instance and holds until
//! there is one, `http1`, `tunnel` and `private` speak, and `worker` has them all. Nothing names what is above it.
#![forbid(unsafe_code)]

mod cidr;
mod ctx;
mod http1;
mod net;
mod pages;
mod pick;
mod private;
mod run;
mod settings;
mod tunnel;
mod worker;

use std::future::Future;

pub use cidr::{Cidr, CidrError};
pub use ctx::TrafficStats;
use dormouse_model::{ServiceKey, Target, WakeRefused};
pub use run::{EdgeError, Ending, Sockets, run};
pub use settings::{Counting, EdgeSettings, Scheme, Unconfirmed};
#[cfg(test)]
pub use tunnel::fuzzing;
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
