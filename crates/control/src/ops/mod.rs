//! What people can ask for, one file per verb.

mod again;
mod build;
mod cancel;
mod deploy;
mod down;
mod env;
mod goes_on;
mod images;
mod logs;
mod ps;
mod restart;
mod rollout;
mod sleep;
mod source;
mod wake;

pub(crate) use again::{Come, REMEMBERED};
pub use again::{NoRequestId, RequestId};
pub use deploy::DeployAccepted;
pub(crate) use deploy::give_way;
pub use env::{EnvChange, EnvChanged, EnvEntry};
pub use logs::{LogEntry, LogReader, LogSource, LogWanted};
pub use ps::{InstanceStatus, ServiceStanding, ServiceStatus};
pub use source::Upload;
pub(crate) use source::sweep_sources;
