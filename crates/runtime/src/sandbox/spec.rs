//! What a sandbox is to be.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

use dormouse_model::{ExitStatus, Limits};
use serde::{Deserialize, Serialize};

use crate::cgroup::Share;

/// One command to run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSpec {
    /// Unique among running sandboxes of this server; letters, digits, `-` and `_`. Also its host name.
    pub name: String,
    /// Read-only layers, top first.
    pub lowers: Vec<PathBuf>,
    /// The writable layer; made when absent, and kept: afterwards it is a plain overlay layer (whiteouts are
    /// character devices 0/0, opaque folders carry `trusted.overlay.opaque`), owned by container ids.
    pub upper: PathBuf,
    /// Program and arguments; a program without a slash is looked up in `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working folder inside.
    pub cwd: PathBuf,
    /// Host files and folders to show inside.
    pub mounts: Vec<Mount>,
    /// Memory, processor and process limits.
    pub limits: Limits,
    /// How long it may take before it is killed.
    pub time_limit: Duration,
    /// How long it may write nothing and leave the processor alone before it is killed.
    pub silence_limit: Option<Duration>,
    /// Where what it may write to files is bounded, by `limits.disk`. Otherwise it is not.
    pub room: Option<Room>,
    /// Whether it reaches the outside, through the network for builds. Otherwise it has only a loopback.
    pub network: bool,
    /// Who answers its name lookups.
    pub resolver: Resolver,
    /// Which capabilities and system calls it has.
    pub profile: Profile,
    /// Its share of the processor when others want it too.
    pub share: Share,
}

/// Room on the host's disk for a run. All that lies in these folders counts, and in those that are mounted to be written to,
/// whoever has written it; and so do files that were removed while they are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Folders that count beside the writable layer.
    pub folders: Vec<PathBuf>,
    /// Bytes of the disk that are to stay free, whoever takes the rest.
    pub spare: u64,
}

/// A host file or folder shown inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the host. Ownership on disk is 0-based, like a layer's: root in the sandbox owns what root owns here.
    pub source: PathBuf,
    /// Absolute path inside; made when absent, without a trace in the writable layer.
    pub target: PathBuf,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// What `/etc/resolv.conf` says inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolver {
    /// Whom the network it is on names: a project's gateway, or the resolvers of the network for builds.
    Gateway,
    /// This address.
    At(Ipv4Addr),
    /// The host's own name servers, those on its loopback left out, and its search domains.
    Host,
}

/// How much a sandbox may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A user's app.
    App,
    /// A build: package managers run in it.
    Build,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// How the command ended; [`ExitStatus::OutOfMemory`] when the memory limit killed it.
    pub status: ExitStatus,
    /// The most memory it held at once, in bytes, page cache included.
    pub peak_memory: u64,
    /// Whether its memory limit killed any of its processes, which the command may have survived, or failed of.
    pub out_of_memory: bool,
    /// Why it was killed, when it was.
    pub cut: Option<Cut>,
}

/// Which limit a run has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its time is over.
    Time,
    /// It showed no sign of life.
    Silence,
    /// It has written more bytes than it may.
    Bytes,
    /// It has made more files than it may.
    Files,
    /// The host's disk is nearly full.
    Spare,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The command does not exist in the root or cannot be run.
    #[error("cannot run `{command}`: {why}")]
    Exec {
        /// The first word of the command.
        command: String,
        /// What the kernel said.
        why: String,
    },
    /// The host refused.
    #[error("{what}: {source}")]
    Host {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl SandboxError {
    pub(crate) fn host(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::Host { what: what.into(), source: source.into() }
    }
}
