//! Sandboxes: what apps and builds run in.

mod budgets;
mod confine;
mod entry;
mod exec;
pub(crate) mod exit;
mod init;
mod inside;
pub(crate) mod launch;
pub(crate) mod names;
mod output;
mod room;
mod root;
mod run;
mod silence;
mod spec;
mod stand_in;
mod sys;
pub(crate) mod users;
pub(crate) mod wire;

pub use entry::become_sandbox_if_asked;
pub(crate) use run::blame;
pub use run::{Sandboxes, tag};
pub use spec::{Cut, Mount, Profile, Resolver, Room, RunEnd, RunSpec, SandboxError};
pub use stand_in::StandIn;
