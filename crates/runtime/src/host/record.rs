//! What is known of an instance on disk, so that the next process of ours finds it again.

use std::{
    fs, io,
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use dormouse_backend::InstanceSpec;
use dormouse_model::{InstanceId, Time};
use serde::{Deserialize, Serialize};

use crate::{process::Process, sandbox::users::Users};

/// Whom older releases started.
fn shared() -> Users {
    Users::SHARED
}

/// One instance's record, `run/<instance>/instance.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) spec: InstanceSpec,
    /// Who stands behind its users.
    #[serde(default = "shared")]
    pub(super) users: Users,
    /// Its init.
    pub(super) process: Process,
    /// The loop device of its disk, if it has one; what it writes is not bounded otherwise.
    #[serde(default)]
    pub(super) disk: Option<u32>,
    pub(super) started_at: Time,
}

/// Addresses of what runs on a server.
pub(crate) fn running(state: &Path) -> Vec<Ipv4Addr> {
    let Ok(all) = fs::read_dir(state.join("run")) else { return Vec::new() };
    let records = all.flatten().filter_map(|entry| Folder { dir: entry.path() }.load().ok().flatten());
    records.filter(|record| record.process.is_alive()).map(|record| record.spec.addr).collect()
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

    /// Holds the writable layer and overlayfs's work folder, where the instance has no disk of its own.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The file that is its disk.
    pub(super) fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
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
