//! Children of a parent that was killed. They go on serving, and the next `dormouse serve` ends them before it starts
//! its own: control may be killed at any instant, and the edge is asked to finish what it carries.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
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
    let born = started(pid).unwrap_or_default();
    fs::write(&path, format!("{pid} {born}")).with_context(|| format!("cannot write {}", path.display()))
}

/// The child has ended.
pub(crate) fn forget(state: &StateDir, role: Role) {
    // A stale file is harmless: the start time tells.
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
    let text = fs::read_to_string(state.pid_file(role.name())).ok()?;
    let (pid, born) = text.split_once(' ')?;
    let pid = Pid::from_raw(pid.parse().ok()?);
    // The start time guards against a process that was given the same number since.
    (started(pid)? == born).then_some(pid)
}

/// Start time in clock ticks since boot, field 22 of `/proc/<pid>/stat` (proc_pid_stat(5)); `None` when it is gone or
/// a zombie.
fn started(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, and may itself hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?
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
        fs::write(state.pid_file("control"), format!("{} 1", Pid::this())).unwrap();
        assert_eq!(alive(&state, Role::Control), None, "the number was given to another process since");
        forget(&state, Role::Control);
        assert_eq!(alive(&state, Role::Control), None);
    }
}
