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
#[serde(from = "Written", into = "Written")]
pub(super) struct Record {
    pub(super) spec: InstanceSpec,
    /// On its project's network.
    pub(super) addr: Ipv4Addr,
    /// Who stands behind its users.
    pub(super) users: Users,
    /// Its init.
    pub(super) process: Process,
    /// The loop device of its disk, if it has one; what it writes is not bounded otherwise.
    pub(super) disk: Option<u32>,
    pub(super) started_at: Time,
}

/// A record as it is written, in the layout that every release reads.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    spec: Placed,
    #[serde(default = "shared")]
    users: Users,
    process: Process,
    #[serde(default)]
    disk: Option<u32>,
    started_at: Time,
}

#[derive(Clone, Serialize, Deserialize)]
struct Placed {
    #[serde(flatten)]
    spec: InstanceSpec,
    addr: Ipv4Addr,
}

impl From<Written> for Record {
    fn from(written: Written) -> Self {
        let Written { spec: Placed { spec, addr }, users, process, disk, started_at } = written;
        Self { spec, addr, users, process, disk, started_at }
    }
}

impl From<Record> for Written {
    fn from(record: Record) -> Self {
        let Record { spec, addr, users, process, disk, started_at } = record;
        Self { spec: Placed { spec, addr }, users, process, disk, started_at }
    }
}

/// Addresses of what runs on a server.
pub(crate) fn running(state: &Path) -> Vec<Ipv4Addr> {
    let Ok(all) = fs::read_dir(state.join("run")) else { return Vec::new() };
    let records = all.flatten().filter_map(|entry| Folder { dir: entry.path() }.load().ok().flatten());
    records.filter(|record| record.process.is_alive()).map(|record| record.addr).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What runs was started by an older release, or is taken up by one after a step back.
    #[test]
    fn every_release_reads_it() {
        let written = r#"{"spec":{"id":7,"key":"shop/web","deployment":3,"image":"sha256:aa","argv":null,"env":{},
            "limits":LIMITS,"addr":"10.77.1.9"},"process":PROCESS,"started_at":5}"#;
        let limits = serde_json::to_string(&dormouse_model::Limits::default()).unwrap();
        let process = serde_json::to_string(&Process::gone(41)).unwrap();
        let written = written.replace("LIMITS", &limits).replace("PROCESS", &process);
        let record: Record = serde_json::from_str(&written).unwrap();
        assert_eq!((record.spec.id, record.addr), (InstanceId(7), Ipv4Addr::new(10, 77, 1, 9)));
        let again = serde_json::to_value(&record).unwrap();
        assert_eq!(again["spec"]["addr"], "10.77.1.9");
        assert_eq!(serde_json::from_value::<Record>(again).unwrap(), record);
    }
}
