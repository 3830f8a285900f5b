//! The seam between mind and hands.
//!
//! `control` speaks only to these traits; `runtime` and `builder` implement them on one Linux machine, and
//! [`sim`] implements them in memory. [`conformance`] is what each of them must pass.
#![forbid(unsafe_code)]

mod builds;
pub mod conformance;
mod events;
pub mod sim;
mod workloads;

pub use builds::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream};
pub use events::{Damage, HostDisk, Notifier, Repair, WorkloadEvent};
pub use workloads::{
    Capabilities, InstanceSpec, LogChunk, LogLine, Moment, NetworkSpec, Vip, Workload, WorkloadError,
    Workloads,
};
