//! The state folder: where everything of one server lives, and the lock that keeps a second server out.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Paths inside one state folder.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Make the folder when it is missing; only its owner may look inside.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot create the state folder {}", dir.display()))?;
        // The services' environments are in it. Sandboxes enter their own folders before they become nobody outside.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot set the mode of {}", dir.display()))?;
        let root = dir
            .canonicalize()
            .with_context(|| format!("cannot resolve the state folder {}", dir.display()))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn api_socket(&self) -> PathBuf {
        self.root.join("api.sock")
    }

    pub(crate) fn edge_socket(&self) -> PathBuf {
        self.root.join("edge.sock")
    }

    pub(crate) fn clock(&self) -> PathBuf {
        self.root.join("clock.json")
    }

    pub(crate) fn routes(&self) -> PathBuf {
        self.root.join("routes.json")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("server.toml")
    }

    pub(crate) fn pid_file(&self, role: &str) -> PathBuf {
        self.root.join(format!("{role}.pid"))
    }

    pub(crate) fn handover_socket(&self) -> PathBuf {
        self.root.join("handover.sock")
    }

    /// Hold the folder, for as long as what is returned or a duplicate of it is open, here or in another process. `None`
    /// when a server does.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}
