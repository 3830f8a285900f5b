//! The words of Dormouse: ids, what the user asked for, what exists, and what the edge is told.
//!
//! Nothing here does IO but for reading the clock, or knows about async. Every other crate but `cli` and `api` speaks these words.
#![forbid(unsafe_code)]

pub mod address;
pub mod bounds;
pub mod change;
pub mod class;
pub mod clock;
pub mod desired;
pub mod dotenv;
pub mod env;
pub mod exec;
pub mod health;
pub mod id;
mod interpolate;
pub mod keep;
pub mod manifest;
pub mod observed;
pub mod origin;
pub mod route;
mod route_change;
pub mod server;
pub mod size;
pub mod source;
pub mod spec;
pub mod time;
pub mod tracked;
pub mod watchdog;

pub use address::AddressBlock;
pub use change::{Change, change};
pub use class::{ClassId, Classes};
pub use clock::Clock;
pub use desired::{Demand, Deployment, Desired, DesiredService, Replaced};
pub use env::{Env, EnvValue, Stored, Variables};
pub use health::{Answer, Ask, HealthSpec, Question, STREAMLIT_SCRIPT_CHECK, Serves};
pub use id::{
    BuildId, DeployId, DeploymentId, EdgeId, ImageId, InstanceId, NameError, ProjectName, ServiceKey,
    ServiceName,
};
pub use keep::{Door, Keep};
pub use observed::{
    Activity, Answered, Call, Cause, Cut, Depth, Depths, DiskUsage, End, ExitStatus, Inside, Inspection,
    InstanceRecord, Nap, Observed, Phase, Probe, Process, Refusal, Stir, StopReason, Traffic, Usage, WORKS,
    Worked,
};
pub use origin::{Origin, Origins};
pub use route::{Endpoint, Listener, Route, RouteTable, Target, TrafficReport, WakeRefused, ZoneRecord};
pub use route_change::{DoesNotFit, RouteChange};
pub use spec::{
    Limits, MOST_REPLICAS, ProjectSpec, ServiceKind, ServiceSpec, SleepPolicy, Streams, Visibility,
};
pub use time::Time;
pub use tracked::{InProject, Tracked};
pub use watchdog::{Sighting, Verdict, Watchdog};
