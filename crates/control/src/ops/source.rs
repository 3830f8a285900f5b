//! Source folders: where an upload goes, and what its manifest says.

use std::path::{Path, PathBuf};

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{
    ProjectSpec,
    manifest::{self, ManifestInput},
};
use tracing::warn;

use crate::{Control, ControlSettings, DeployId, OpError, id::Counter};

/// Files and folders looked at for the manifest; a project has fewer that matter.
const MAX_ENTRIES: usize = 20_000;
/// Largest file read for the manifest, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Where the source of a new deploy is to be put. Dropping it without a deploy removes what is there.
#[derive(Debug)]
pub struct Upload {
    pub(crate) id: DeployId,
    dir: PathBuf,
    pub(crate) kept: bool,
}

impl Upload {
    /// An empty folder of its own.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            remove_soon(self.dir.clone());
        }
    }
}

/// Remove a source folder; a large one takes longer than others should wait.
pub(crate) fn remove_soon(dir: PathBuf) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&dir))),
        Err(_) => remove(&dir),
    }
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        warn!(%error, dir = %dir.display(), "cannot remove a source folder");
    }
}

/// Remove source folders that no unfinished deploy needs.
pub(crate) fn sweep_sources(settings: &ControlSettings, unfinished: &[DeployId]) {
    let Ok(entries) = std::fs::read_dir(settings.state.join("sources")) else { return };
    for entry in entries.flatten() {
        let needed = unfinished.iter().any(|id| settings.source(*id) == entry.path());
        if !needed {
            remove(&entry.path());
        }
    }
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// A folder for the source of a new deploy.
    ///
    /// # Errors
    /// When the store or the disk refuses.
    pub async fn upload(&self) -> Result<Upload, OpError> {
        let id = DeployId(self.store.write(|tx| tx.take(Counter::Deploy)).await?);
        let dir = self.settings.source(id);
        std::fs::create_dir_all(&dir)
            .map_err(|source| OpError::File { what: format!("make {}", dir.display()), source })?;
        Ok(Upload { id, dir, kept: false })
    }
}

/// What the folder's manifest means, and what in it may not be as meant; `folder` names the project when nothing else
/// does.
pub(super) fn resolve(dir: &Path, folder: &str) -> Result<(ProjectSpec, Vec<String>), OpError> {
    let mut input = ManifestInput::new(folder);
    let mut todo = vec![PathBuf::new()];
    let mut seen = 0;
    while let Some(below) = todo.pop() {
        let path = dir.join(&below);
        let file = |source| OpError::File { what: format!("read {}", below.display()), source };
        for entry in std::fs::read_dir(&path).map_err(file)? {
            let entry = entry.map_err(file)?;
            seen += 1;
            let name = entry.file_name();
            let Some(relative) = below.join(&name).to_str().map(str::to_owned) else { continue };
            // A link is neither: nothing is read through it.
            let kind = entry.file_type().map_err(file)?;
            if kind.is_dir() && seen < MAX_ENTRIES {
                input.add_folder(&relative);
                todo.push(below.join(&name));
            } else if kind.is_file() && manifest::is_relevant(&relative) {
                let size = entry.metadata().map_err(file)?.len();
                if size <= MAX_FILE
                    && let Ok(text) = String::from_utf8(std::fs::read(entry.path()).map_err(file)?)
                {
                    input.add_file(&relative, text);
                }
            }
        }
    }
    let (spec, warnings) = manifest::resolve(&input).map_err(|e| OpError::Manifest(e.to_string()))?;
    Ok((spec, warnings.into_iter().map(|w| w.message).collect()))
}

/// A service's own source folder, which must lie within the upload whatever links say.
pub(super) fn service_source(dir: &Path, source: &str) -> std::io::Result<PathBuf> {
    let root = dir.canonicalize()?;
    let path = root.join(source).canonicalize()?;
    if path.starts_with(&root) {
        Ok(path)
    } else {
        Err(std::io::Error::other(format!("`{source}` leads out of the uploaded folder")))
    }
}
