//! What cargo keeps between builds.

use std::{fs, path::PathBuf};

use dormouse_backend::BuildError;

use super::{Cache, Job, io_error};

/// Folders of a project's cache.
pub(super) struct Caches {
    #[expect(dead_code, reason = "held, not read")]
    cache: Cache,
    /// Downloaded packages, of the project.
    pub(super) registry: PathBuf,
    /// Fetched repositories, of the project.
    pub(super) git: PathBuf,
    /// Compiled packages, of the service.
    pub(super) target: PathBuf,
    /// Which sources those were compiled from.
    pub(super) stamps: PathBuf,
}

impl Job<'_> {
    /// The folders, made when missing.
    pub(super) async fn cargo_caches(&self) -> Result<Caches, BuildError> {
        let cache = self.cache("compile", "cargo").await?;
        let service = cache.path().join("services").join(self.request.key.service.as_str());
        let caches = Caches {
            registry: cache.path().join("registry"),
            git: cache.path().join("git"),
            target: service.join("target"),
            stamps: service.join("stamps.json"),
            cache,
        };
        for dir in [&caches.registry, &caches.git, &caches.target] {
            fs::create_dir_all(dir).map_err(|e| io_error("compile", "making", dir, e))?;
        }
        Ok(caches)
    }
}
