//! Signals that mean the end.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How a process is asked to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// SIGTERM, SIGINT: the server ends.
    pub(crate) stop: CancellationToken,
    /// SIGQUIT: another process does our work from now on. What it cannot do is seen to its end.
    pub(crate) leave: CancellationToken,
}

impl Asked {
    /// Listen from now on. Must be called within a runtime.
    pub(crate) fn listen() -> Result<Self> {
        let asked = Self::default();
        let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut int = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut quit = signal(SignalKind::quit()).context("cannot listen for SIGQUIT")?;
        let Self { stop, leave } = asked.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => stop.cancel(),
                    _ = int.recv() => stop.cancel(),
                    _ = quit.recv() => leave.cancel(),
                }
            }
        });
        Ok(asked)
    }

    /// Returns once asked, however it was.
    pub(crate) async fn either(self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.leave.cancelled() => {}
        }
    }
}
