//! Sandboxes: what apps and builds run in.

mod confine;
mod entry;
mod exec;
#[allow(dead_code, reason = "read by instances, which are not there yet")]
mod exit;
mod ids;
mod init;
mod inside;
#[allow(dead_code, reason = "its process id is for instances, which are not there yet")]
mod launch;
mod names;
mod output;
mod root;
mod run;
mod spec;
mod sys;
mod wire;

pub use entry::become_sandbox_if_asked;
pub use run::Sandboxes;
pub use spec::{Mount, Profile, Resolver, RunEnd, RunSpec, SandboxError};
