//! The state folder: where everything of one server lives, and the lock that keeps a second server out.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

/// What is left to say when a child could not write why it cannot start.
const NO_ROOM_FOR_WORDS: &str = "control cannot start, and could not write down why\n  hint: the disk may be full; \
                                 what it printed is above or in server.log";

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

    pub(crate) fn routes(&self) -> PathBuf {
        self.root.join("routes.json")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("server.toml")
    }

    pub(crate) fn pid_file(&self, role: &str) -> PathBuf {
        self.root.join(format!("{role}.pid"))
    }

    fn word(&self) -> PathBuf {
        self.root.join("control.word")
    }

    /// Say why this process cannot start, so that the parent need not try for ever.
    pub(crate) fn leave_word(&self, why: &str) -> Result<()> {
        fs::write(self.word(), why).with_context(|| format!("cannot write {}", self.word().display()))
    }

    /// What a child said before it ended, if anything.
    pub(crate) fn take_word(&self) -> Option<String> {
        let word = fs::read_to_string(self.word()).ok();
        // Nothing to remove is the usual case.
        let _ = fs::remove_file(self.word());
        // A full disk takes the file and not the words in it.
        word.map(|w| if w.is_empty() { NO_ROOM_FOR_WORDS.to_owned() } else { w })
    }

    /// Hold the folder for as long as the returned lock lives.
    pub(crate) fn lock(&self) -> Result<Flock<File>> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(lock),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => bail!(
                "another dormouse server already uses {}\n  hint: deploy to it with `dormouse deploy`, or give this one its own folder with --state",
                self.root.display()
            ),
            Err((_, e)) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}
