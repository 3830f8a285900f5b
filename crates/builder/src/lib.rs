//! Source in, image out: a deterministic plan, its phases as cached layers, all commands in sandboxes.
#![forbid(unsafe_code)]

pub mod base;
pub mod hostnet;
pub mod plan;
#[allow(dead_code, reason = "its caller is the source phase, which is not there yet")]
mod source;
