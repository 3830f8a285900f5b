//! Sandboxes: what apps and builds run in.

mod confine;
mod entry;
mod exec;
mod exit;
mod ids;
mod init;
mod inside;
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
