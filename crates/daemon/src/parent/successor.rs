//! Starting our own successor: the program that is found where ours was, by now perhaps a newer one.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use tracing::info;

use super::Parent;

/// Where our program is on disk: as it was called, which may be a link that is turned to another release, or what the kernel
/// says. To be asked at the start: once its file is replaced, the kernel no longer tells.
pub(super) fn program() -> Result<PathBuf> {
    match std::env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(path) => Ok(path),
        None => std::env::current_exe().context("cannot find our own program"),
    }
}

impl Parent<'_> {
    /// Start it. It takes over like any other; when it cannot, it says why and ends.
    pub(super) fn start_successor(&self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--take-over", "--state"]).arg(self.state.root()).stdin(Stdio::null());
        if self.stop_apps {
            command.arg("--stop-apps");
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        info!(pid = child.id(), program = %self.program.display(), "started a successor");
        Ok(())
    }
}
