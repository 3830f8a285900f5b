//! What whoever deploys gives besides the folder: a few files and variables, and only those that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What was given. Paths are relative to the manifest's folder, separated by `/`, and may lead out of it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Given {
    /// Where the manifest's folder lies below the folder that was packed; empty when it is the same one.
    pub base: String,
    /// The manifest's files, when they were named.
    pub manifests: Vec<String>,
    /// Profiles that were asked for.
    pub profiles: Vec<String>,
    /// Files of variables to be read in place of `.env`.
    pub env_files: Vec<String>,
    /// Variables of the shell; `None` for those that are not set there.
    pub variables: BTreeMap<String, Option<String>>,
    /// Text of files; `None` for those that are not there.
    pub files: BTreeMap<String, Option<String>>,
}

impl fmt::Debug for Given {
    /// Values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("base", &self.base)
            .field("manifests", &self.manifests)
            .field("profiles", &self.profiles)
            .field("env_files", &self.env_files)
            .field("variables", &self.variables.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// What has to be given besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Variables of the shell that the manifest names.
    pub variables: BTreeSet<String>,
    /// Files whose text is needed. Those that are not there need not be.
    pub files: BTreeSet<String>,
    /// Files whose text tells something if they are scripts; what else they are does not matter.
    pub scripts: BTreeSet<String>,
    /// How many levels above the manifest's folder its sources begin.
    pub up: usize,
    /// The folders of its sources.
    pub sources: BTreeSet<String>,
}
