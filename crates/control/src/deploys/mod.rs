//! What a deploy says of itself.

mod event;
mod log;
mod reader;
mod waiting;

pub(crate) use event::GaveWay;
pub use event::{DeployEvent, DeployStep, Waits};
pub(crate) use log::{EventLog, Logs};
pub use reader::EventReader;
