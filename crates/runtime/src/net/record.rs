//! `networks.json`: which addresses this server uses, and for what.

use std::{collections::BTreeMap, fs, io, net::Ipv4Addr, path::Path};

use dormouse_backend::NetworkSpec;
use dormouse_model::ProjectName;
use serde::{Deserialize, Serialize};

use super::NetError;
use crate::write_whole;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pool: Ipv4Addr,
    pub(super) projects: BTreeMap<ProjectName, NetworkSpec>,
}

impl Record {
    /// Read it; `None` when there is none yet.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, NetError> {
        let broken = |source| NetError::Record { path: path.to_owned(), source };
        match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(broken(e)),
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| broken(e.into())),
        }
    }

    /// Write it, as a whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<(), NetError> {
        let write = || write_whole(path, &serde_json::to_vec_pretty(self)?);
        write().map_err(|source| NetError::Record { path: path.to_owned(), source })
    }
}
