//! The mind: operations, the store, and the reconciler that makes what is be what was asked for.
//!
//! [`Control`] is generic over the hands ([`dormouse_backend::Workloads`], [`dormouse_backend::Builds`]) and knows none
//! of them. One task owns everything that is known ([`Control::run`]): it hears what happened, asks the planner what is
//! to be done, has it done, and publishes what the edge is to serve by. Operations look at that state, or change it,
//! between two of its turns.
//!
//! What must not be lost is on disk before it is acknowledged; what can be seen again (instances, their readiness) is
//! written when there is time, so that waking a service waits for nothing but the thaw.
#![forbid(unsafe_code)]

mod address;
mod ballast;
mod build_queue;
mod clock;
mod control;
mod deploys;
mod error;
mod events;
mod id;
mod keep;
mod names;
mod ops;
mod origin;
mod reconcile;
mod settings;
mod state;
mod store;
mod usage;
mod vault;

pub use ballast::Ballast;
pub use control::Control;
pub use deploys::{DeployEvent, DeployStep, EventReader, Waits};
pub use dormouse_model::DeployId;
pub use error::OpError;
pub use ops::{
    DeployAccepted, EnvChange, EnvChanged, EnvEntry, InstanceStatus, LogEntry, LogReader, LogSource,
    LogWanted, NoRequestId, RequestId, ServiceStanding, ServiceStatus, Upload,
};
pub use origin::{Asked, Origin};
pub use settings::{ControlSettings, Keep};
pub use store::{StoreError, check_database, recorded_pool, set_aside};
pub use vault::Unsealable;
