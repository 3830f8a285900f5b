//! Source in, image out: a deterministic plan, its phases as cached layers, all commands in sandboxes.
#![forbid(unsafe_code)]

pub mod base;
mod build;
#[cfg(test)]
pub mod fuzzing;
pub mod hostnet;
mod language;
pub mod plan;
mod relay;
mod settings;
mod source;

pub use build::{Base, Builder};
pub use language::{LANGUAGES, plan};
pub use settings::{BuildSettings, HostRust};
