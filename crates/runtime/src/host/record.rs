//! What is known of an instance on disk, so that the next process of ours finds it again.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use dormouse_backend::InstanceSpec;
use dormouse_model::{InstanceId, Time};
use serde::{Deserialize, Serialize};

/// One instance's record, `run/<instance>/instance.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) spec: InstanceSpec,
    /// Its init.
    pub(super) process: Process,
    pub(super) started_at: Time,
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// Clock ticks from boot to its start.
    start_ticks: u64,
    /// Which boot.
    boot: String,
}

impl Process {
    /// The process that has this number now; `None` when it has ended.
    pub(super) fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(start_ticks) = alive(pid) else { return Ok(None) };
        Ok(Some(Self { pid, start_ticks, boot: boot()? }))
    }

    /// A process that has ended before it could be looked at.
    pub(super) fn gone(pid: u32) -> Self {
        Self { pid, start_ticks: 0, boot: String::new() }
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&self) -> bool {
        Self::find(self.pid).is_ok_and(|now| now.as_ref() == Some(self))
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Start time of a process that has not ended.
fn alive(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    // Field 3 is the state, field 22 the start time (proc(5)).
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Where an instance's things lie.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) dir: PathBuf,
}

impl Folder {
    pub(super) fn new(state: &Path, id: InstanceId) -> Self {
        Self { dir: state.join("run").join(id.to_string()) }
    }

    /// Holds the writable layer and overlayfs's work folder.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    pub(super) fn exit(&self) -> PathBuf {
        self.dir.join("exit")
    }

    fn record(&self) -> PathBuf {
        self.dir.join("instance.json")
    }

    /// Write the record; it is there as a whole or not at all.
    pub(super) fn save(&self, record: &Record) -> io::Result<()> {
        let new = self.dir.join("instance.json.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_data()?;
        fs::rename(new, self.record())
    }

    /// Read the record; `None` when the instance never came to run.
    pub(super) fn load(&self) -> io::Result<Option<Record>> {
        match fs::read(self.record()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
            Ok(json) => Ok(serde_json::from_slice(&json).ok()),
        }
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_number_is_another_process() {
        let me = Process::find(std::process::id()).unwrap().unwrap();
        assert!(me.is_alive());
        assert!(!Process { start_ticks: me.start_ticks + 1, ..me.clone() }.is_alive());
        assert!(!Process { boot: "another".into(), ..me }.is_alive());
    }
}
