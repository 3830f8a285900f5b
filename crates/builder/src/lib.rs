//! Source in, image out: a deterministic plan, its phases as cached layers, all commands in sandboxes.
#![forbid(unsafe_code)]

pub mod base;
pub mod plan;
mod source;
