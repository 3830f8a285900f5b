//! What is remembered of a base: which layer it is, what is in it, and when the archive was last asked.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use dormouse_images::LayerId;
use dormouse_model::Time;
use serde::{Deserialize, Serialize};

use super::error::{At, BaseError};

/// A base and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseLayer {
    /// Its layer.
    pub layer: LayerId,
    /// Code name of the Debian release it is made of.
    pub suite: String,
    /// Packages in it, with their versions.
    pub packages: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) base: BaseLayer,
    /// Digest of the settings it was made with.
    pub(super) settings: String,
    /// When the archive was last seen to offer nothing newer.
    pub(super) checked_at: Time,
}

/// Where the record of a base lies.
pub(super) fn path(cache: &Path, suite: &str, arch: &str) -> PathBuf {
    cache.join(format!("base-{suite}-{arch}.json"))
}

impl Record {
    /// What was recorded, if it can still be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), BaseError> {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::other).at("write", path)?;
        write_whole(path, &json)
    }
}

/// Write a file that appears whole or not at all, in a folder that may have to be made.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BaseError> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).at("create", dir)?;
    dormouse_runtime::write_whole(path, bytes).at("write", path)
}
