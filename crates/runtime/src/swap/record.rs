//! What we set up, on disk before it is set up, so that a process that dies in the middle leaves nothing unknown.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::SwapError;
use crate::write_whole;

/// What is ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The number of our zram device.
    pub(super) zram: Option<u32>,
    /// Our file.
    pub(super) file: Option<PathBuf>,
    /// What `vm.page-cluster` was before.
    pub(super) page_cluster: Option<String>,
}

impl Record {
    pub(super) fn load(dir: &Path) -> Self {
        let text = fs::read(dir.join("record.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn save(&self, dir: &Path) -> Result<(), SwapError> {
        let save = || -> io::Result<()> {
            fs::create_dir_all(dir)?;
            write_whole(&dir.join("record.json"), &serde_json::to_vec(self)?)
        };
        save().map_err(|e| SwapError::new(format!("writing to {}", dir.display()), e))
    }

    pub(super) fn forget(dir: &Path) {
        let _ = fs::remove_file(dir.join("record.json"));
    }
}
