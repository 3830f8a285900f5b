//! The words of Dormouse: ids, what the user asked for, what exists, and what the edge is told.
//!
//! Nothing here does IO or knows about async. Every other crate but `cli` and `api` speaks these words.
#![forbid(unsafe_code)]

pub mod address;
pub mod change;
pub mod desired;
pub mod dotenv;
pub mod env;
pub mod exec;
pub mod id;
mod interpolate;
pub mod manifest;
pub mod observed;
pub mod route;
pub mod size;
pub mod source;
pub mod spec;
pub mod time;

pub use address::AddressBlock;
pub use change::{Change, change};
pub use desired::{Demand, Deployment, Desired, DesiredService};
pub use env::{Env, EnvValue, Stored, Variables};
pub use id::{BuildId, DeploymentId, ImageId, InstanceId, NameError, ProjectName, ServiceKey, ServiceName};
pub use observed::{
    Cause, Depth, End, ExitStatus, InstanceRecord, Observed, Phase, Probe, StopReason, Traffic, Usage,
};
pub use route::{Endpoint, Listener, Route, RouteTable, Target, TrafficReport, WakeRefused, ZoneRecord};
pub use spec::{HealthSpec, Limits, ProjectSpec, ServiceKind, ServiceSpec, SleepPolicy, Streams, Visibility};
pub use time::Time;
