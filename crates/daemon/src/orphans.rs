//! Children of a parent that was killed. They go on serving, and the next `dormouse serve` ends them before it starts
//! its own: control may be killed at any instant, and the edge is asked to finish what it carries.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use dormouse_runtime::{Process, write_whole};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tracing::info;

use crate::{role::Role, state::StateDir};

/// How long an orphaned edge may hold the public port; it stops accepting as soon as it is asked to end.
const RELEASE: Duration = Duration::from_secs(35);

/// Write down a child, so that it can be found when we are gone.
pub(crate) fn remember(state: &StateDir, role: Role, pid: Pid) -> Result<()> {
    let path = state.pid_file(role.name());
    let process = Process::find(pid.as_raw().cast_unsigned())?;
    write_whole(&path, &serde_json::to_vec(&process)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The child has ended.
pub(crate) fn forget(state: &StateDir, role: Role) {
    // A stale file is harmless: it names a process, not only a number.
    let _ = fs::remove_file(state.pid_file(role.name()));
}

/// End what an earlier parent left.
pub(crate) fn end(state: &StateDir) -> Result<()> {
    for (role, signal) in [(Role::Control, Signal::SIGKILL), (Role::Edge, Signal::SIGTERM)] {
        let Some(pid) = alive(state, role) else { continue };
        info!(role = role.name(), %pid, "ending a process left by a server that was killed");
        kill(pid, signal)
            .with_context(|| format!("cannot end the orphaned {} process {pid}", role.name()))?;
        let deadline = Instant::now() + RELEASE;
        while alive(state, role).is_some() {
            if Instant::now() > deadline {
                kill(pid, Signal::SIGKILL).ok();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

fn alive(state: &StateDir, role: Role) -> Option<Pid> {
    let text = fs::read(state.pid_file(role.name())).ok()?;
    let process: Process = serde_json::from_slice(&text).ok()?;
    process.is_alive().then(|| Pid::from_raw(process.pid().cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        assert_eq!(alive(&state, Role::Control), None, "no file");
        remember(&state, Role::Control, Pid::this()).unwrap();
        assert_eq!(alive(&state, Role::Control), Some(Pid::this()));
        let mut other: serde_json::Value =
            serde_json::from_slice(&fs::read(state.pid_file("control")).unwrap()).unwrap();
        other["start_ticks"] = 1.into();
        fs::write(state.pid_file("control"), other.to_string()).unwrap();
        assert_eq!(alive(&state, Role::Control), None, "the number was given to another process since");
        forget(&state, Role::Control);
        assert_eq!(alive(&state, Role::Control), None);
    }
}
