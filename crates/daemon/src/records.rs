//! Which processes a server has, on disk: so that they are found when it is killed. They go on serving then, and the next
//! `dormouse serve` takes over from them.
//!
//! `control.pid` and `edge.pid` name those that serve. `edge-7.pid` is an edge that carries its connections to their end
//! beside a successor; a child of either kind that has yet to prove itself is written down in the same way.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use dormouse_runtime::{Process, write_whole};
use nix::unistd::Pid;

use crate::{role::Role, state::StateDir};

fn apart(state: &StateDir, role: Role, pid: u32) -> PathBuf {
    state.pid_file(&format!("{}-{pid}", role.name()))
}

fn number(pid: Pid) -> u32 {
    pid.as_raw().cast_unsigned()
}

/// Write down a child, apart from the one that serves.
pub(crate) fn remember(state: &StateDir, role: Role, pid: Pid) -> Result<()> {
    let path = apart(state, role, number(pid));
    let process = Process::find(number(pid))?;
    write_whole(&path, &serde_json::to_vec(&process)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// This child serves from now on. One that did before and still lives is kept apart.
pub(crate) fn promote(state: &StateDir, role: Role, pid: Pid) -> Result<()> {
    let path = state.pid_file(role.name());
    if read(&path).is_some_and(|serving| serving.pid() == number(pid)) {
        return Ok(());
    }
    let moved = |from: &PathBuf, to: &PathBuf| {
        fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))
    };
    if let Some(before) = read(&path).filter(|before| before.pid() != number(pid) && before.is_alive()) {
        moved(&path, &apart(state, role, before.pid()))?;
    }
    moved(&apart(state, role, number(pid)), &path)
}

/// The child has ended.
pub(crate) fn forget(state: &StateDir, role: Role, pid: Pid) {
    // A stale file is harmless: it names a process, not only a number.
    let _ = fs::remove_file(apart(state, role, number(pid)));
    let path = state.pid_file(role.name());
    if read(&path).is_some_and(|p| p.pid() == number(pid)) {
        let _ = fs::remove_file(path);
    }
}

/// Every process of this role that lives, whoever started it: the one that serves first.
pub(crate) fn living(state: &StateDir, role: Role) -> Vec<Process> {
    files(state, role).iter().filter_map(read).filter(Process::is_alive).collect()
}

/// Forget the dead. For the parent alone: somebody else could take away what is just being written.
pub(crate) fn sweep(state: &StateDir) {
    for path in Role::ALL.iter().flat_map(|role| files(state, *role)) {
        if read(&path).is_none_or(|process| !process.is_alive()) {
            // It is harmless.
            let _ = fs::remove_file(path);
        }
    }
}

/// Every record of this role, that of the one that serves first.
fn files(state: &StateDir, role: Role) -> Vec<PathBuf> {
    let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".pid")?.to_owned());
    let entries = fs::read_dir(state.root()).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<_> = entries
        .filter_map(|path| {
            let apart = name(&path)?.strip_prefix(role.name())?.to_owned();
            (apart.is_empty() || apart.starts_with('-')).then_some((apart, path))
        })
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

fn read(path: &PathBuf) -> Option<Process> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids(state: &StateDir, role: Role) -> Vec<u32> {
        living(state, role).iter().map(Process::pid).collect()
    }

    #[test]
    fn only_the_very_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let me = Pid::this();
        assert_eq!(pids(&state, Role::Control), [0; 0], "no file");
        remember(&state, Role::Control, me).unwrap();
        assert_eq!(pids(&state, Role::Control), [number(me)]);
        promote(&state, Role::Control, me).unwrap();
        assert_eq!(pids(&state, Role::Control), [number(me)], "moved, not copied");
        assert_eq!(pids(&state, Role::Edge), [0; 0]);
        let path = state.pid_file("control");
        let mut other: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        other["start_ticks"] = 1.into();
        fs::write(&path, other.to_string()).unwrap();
        assert_eq!(pids(&state, Role::Control), [0; 0], "the number was given to another process since");
        sweep(&state);
        assert!(!path.exists());
    }

    #[test]
    fn a_successor_and_who_went_before() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let mut old = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (before, after) = (Pid::from_raw(old.id().cast_signed()), Pid::this());
        for pid in [before, after] {
            remember(&state, Role::Edge, pid).unwrap();
            promote(&state, Role::Edge, pid).unwrap();
            promote(&state, Role::Edge, pid).unwrap();
        }
        assert_eq!(pids(&state, Role::Edge), [number(after), number(before)], "who serves comes first");
        forget(&state, Role::Edge, after);
        assert_eq!(pids(&state, Role::Edge), [number(before)]);
        old.kill().unwrap();
        old.wait().unwrap();
        assert_eq!(pids(&state, Role::Edge), [0; 0]);
    }
}
