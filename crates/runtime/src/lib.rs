//! Linux hands: sandboxes, their network, cgroups, sleep and swap.
//!
//! The only crate of the workspace that may contain `unsafe`, each block with the reason why it is sound.

pub mod net;
pub mod sandbox;

pub use sandbox::{
    Mount, Profile, Resolver, RunEnd, RunSpec, SandboxError, Sandboxes, become_sandbox_if_asked,
};
