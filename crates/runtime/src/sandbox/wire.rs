//! What passes between the server and the process that becomes a sandbox: one [`Launch`] in, [`Message`]s out.
//!
//! The launch is a length (4 bytes, big endian) and JSON, and so is the go-ahead; messages are lines of JSON. All of it on one
//! Unix socket, the child's standard input.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use dormouse_model::{ExitStatus, Time};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Mount, Profile, users::Users};
use crate::disk::Disk;

/// `argv[0]` of a process that is to become a sandbox.
pub(super) const MARK: &str = "dormouse-sandbox";

/// Sent once the sandbox's groups and network are in place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Go {
    /// Contents of `/etc/resolv.conf`, when only the network could tell them.
    pub(crate) resolv_conf: Option<String>,
}

/// Something with its length before it, as it is sent.
pub(super) fn framed(what: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(what)?;
    let size = u32::try_from(json.len()).map_err(io::Error::other)?;
    Ok([&size.to_be_bytes()[..], &json].concat())
}

/// Read what [`framed`] made; `None` when the other end has left instead.
pub(super) fn read_framed<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut size = [0; 4];
    match from.read_exact(&mut size) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let size = usize::try_from(u32::from_be_bytes(size)).map_err(io::Error::other)?;
    let mut json = vec![0; size];
    from.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

/// Everything the sandbox needs; nothing is left to decide.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) hostname: String,
    /// Read-only layers, top first.
    pub(crate) lowers: Vec<PathBuf>,
    /// Folder that holds `upper` and `work`; hidden inside the sandbox's own view of the host while it is set up.
    pub(crate) base: PathBuf,
    /// Names of the writable layer and overlayfs's work folder within `base`.
    pub(crate) upper: String,
    pub(crate) work: String,
    /// A file system of its own for these two, instead of `base`.
    pub(crate) disk: Option<Disk>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) mounts: Vec<Mount>,
    /// Contents of `/etc/hosts` and `/etc/resolv.conf`.
    pub(crate) hosts: String,
    pub(crate) resolv_conf: String,
    pub(crate) profile: Profile,
    /// Who stands behind its users.
    pub(crate) users: Users,
    /// Whether it may ask the kernel for asynchronous file IO (`io_setup`), of which a host has one small budget.
    pub(crate) native_aio: bool,
    /// Where output goes; without, the child's own standard output and error are used.
    pub(crate) record: Option<Record>,
}

/// What an instance leaves behind. The files exist already: the sandbox's own user may create none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) log: PathBuf,
    /// The log before the last rotation.
    pub(crate) old_log: PathBuf,
    /// How it ended; see [`super::exit`].
    pub(crate) exit: PathBuf,
    /// Bytes after which the log is rotated.
    pub(crate) rotate_at: u64,
    /// Our time when the machine was booted ([`dormouse_model::clock`]), for the moment of its end.
    pub(crate) boot: Time,
}

/// What the child tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The init exists, in its namespaces but for mounts; by its host process id.
    Created(u32),
    /// Its disk is there, on the loop device of this number.
    Disk(u32),
    /// The host refused.
    Failed {
        what: String,
        /// `errno`, 0 when there is none.
        errno: i32,
    },
    /// The command cannot be run.
    ExecFailed(String),
    /// The command runs.
    Started,
    /// The command ended.
    Ended(ExitStatus),
}

/// Why a step failed inside the child.
#[derive(Debug)]
pub(super) struct Fail {
    pub(super) what: String,
    pub(super) source: std::io::Error,
}

impl From<Fail> for Message {
    fn from(f: Fail) -> Self {
        match f.source.raw_os_error() {
            Some(errno) => Self::Failed { what: f.what, errno },
            None => Self::Failed { what: format!("{}: {}", f.what, f.source), errno: 0 },
        }
    }
}

/// Name the step that failed.
pub(super) trait At<T> {
    fn at(self, what: impl FnOnce() -> String) -> Result<T, Fail>;
}

impl<T, E: Into<std::io::Error>> At<T> for Result<T, E> {
    fn at(self, what: impl FnOnce() -> String) -> Result<T, Fail> {
        self.map_err(|e| Fail { what: what(), source: e.into() })
    }
}
