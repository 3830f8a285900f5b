//! The mind.
#![forbid(unsafe_code)]

mod address;
mod clock;
mod id;
mod settings;
mod store;

pub use id::DeployId;
pub use settings::ControlSettings;
pub use store::StoreError;
