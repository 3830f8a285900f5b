//! Variables kept for services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

/// What is to be kept or forgotten.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnvChange {
    /// Whose; `None` for every service of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Variables to keep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Names to forget.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unset: BTreeSet<String>,
    /// The text of a file of variables to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
    /// Whether services that run without it are replaced at once.
    pub restart: bool,
}

impl fmt::Debug for EnvChange {
    /// Values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvChange")
            .field("service", &self.service)
            .field("set", &self.set.keys())
            .field("unset", &self.unset)
            .field("import", &self.import.is_some())
            .field("restart", &self.restart)
            .finish()
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvChanged {
    /// The project.
    pub project: String,
    /// Names that are kept now.
    pub set: Vec<String>,
    /// Names in the file that are not kept, because the platform sets them itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// Services that were replaced, and run with it.
    pub restarted: Vec<String>,
    /// Services that have it from their next restart or deploy on.
    pub later: Vec<String>,
    /// Whether there is such a project, or such a service in it; what is kept waits for its first deploy otherwise.
    pub known: bool,
}

/// A variable that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvEntry {
    /// Whose; `None` for every service of the project.
    pub service: Option<String>,
    /// Its name.
    pub name: String,
    /// Its value, masked: it never leaves the server.
    pub value: String,
    /// When it was set, in milliseconds since the Unix epoch.
    pub set_at: u64,
}

/// What stands in the place of a value.
pub const MASK: &str = "********";
