//! The seam between mind and hands.
//!
//! `control` speaks only to these traits; `runtime` and `builder` implement them on one Linux machine, and
//! [`sim`] implements them in memory. [`conformance`] is what each of them must pass.
#![forbid(unsafe_code)]

mod builds;
pub mod conformance;
pub mod sim;
mod workloads;

pub use builds::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream};
pub use workloads::{
    Capabilities, Damage, InstanceSpec, LogChunk, LogLine, Moment, NetworkSpec, Repair, Vip, Workload,
    WorkloadError, Workloads,
};
