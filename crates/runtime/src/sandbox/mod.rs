//! Sandboxes: what apps and builds run in.

mod confine;
mod entry;
mod exec;
#[allow(dead_code, reason = "its reader is the parent half of the launcher, which is not there yet")]
mod exit;
mod ids;
mod init;
mod inside;
mod output;
mod root;
mod spec;
mod sys;
mod wire;

use std::path::Path;

use dormouse_backend::Stream;
use tokio::sync::mpsc;

pub use entry::become_sandbox_if_asked;
pub use spec::{Mount, Profile, Resolver, RunEnd, RunSpec, SandboxError};

/// Runs commands in sandboxes on this host.
#[derive(Debug)]
pub struct Sandboxes {}

impl Sandboxes {
    /// Use `state` (the server's state folder) for what sandboxes leave while they run.
    ///
    /// # Errors
    /// When the folder cannot be made, or the host has no usable cgroups.
    pub fn open(state: &Path) -> Result<Self, SandboxError> {
        let _ = state;
        Ok(Self {})
    }

    /// Run one command to its end in a sandbox of its own, sending each line it writes to `output`.
    ///
    /// Dropping the future kills everything in the sandbox and clears it away; `spec.upper` is kept in any case.
    /// A closed `output` does not stop the run.
    ///
    /// # Errors
    /// [`SandboxError::Exec`] when the command cannot be run in this root, [`SandboxError::Host`] when the host
    /// refused. A command that fails is not an error here: see [`RunEnd::status`].
    pub async fn run(
        &self,
        spec: RunSpec,
        output: mpsc::UnboundedSender<(Stream, String)>,
    ) -> Result<RunEnd, SandboxError> {
        let _ = (spec, output);
        Err(SandboxError::host("starting a sandbox", std::io::Error::other("not available")))
    }
}
