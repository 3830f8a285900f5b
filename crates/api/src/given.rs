//! What a deploy brings besides the folder.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// What a manifest asks for outside the folder that is packed. Paths are relative to the manifest's folder.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Given {
    /// Where the manifest's folder lies below the folder that is packed; empty when it is the same one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// The manifest's files, when they were named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Profiles that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Files of variables to be read in place of `.env`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<String>,
    /// Variables of the shell that the manifest names; `None` for those that are not set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Option<String>>,
    /// Text of files that the manifest names, and its own; `None` for those that are not there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Option<String>>,
}

/// The type of a body that is a length (4 bytes, big endian), so many bytes of JSON ([`Given`]), and a tar; any other is
/// the tar alone.
pub const GIVEN_AND_TAR: &str = "application/vnd.dormouse.deploy";

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
