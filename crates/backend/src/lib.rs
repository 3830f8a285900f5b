//! The seam between mind and hands.
//!
//! `control` speaks only to these traits; `runtime` and `builder` implement them on one Linux machine, and
//! [`sim`] implements them in memory. [`conformance`] is what each of them must pass.
#![forbid(unsafe_code)]

pub mod address;
mod builds;
pub mod conformance;
mod events;
pub mod probe;
pub mod sim;
mod workloads;

pub use builds::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream};
pub use events::{Damage, HostDisk, Notifier, Repair, WorkloadEvent};
pub use probe::{ProbeAnswer, ProbeRequest, Visitor};
pub use workloads::{
    Capabilities, Ended, InstanceSpec, LogChunk, LogLine, Moment, NetworkSpec, Vip, Workload, WorkloadError,
    Workloads,
};
