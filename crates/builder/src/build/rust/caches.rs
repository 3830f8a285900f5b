//! What cargo keeps between builds.

use std::{fs, path::PathBuf};

use dormouse_backend::BuildError;

use super::{Job, blocking, disk, io_error};

/// Folders on the host. What a project's build writes must never reach another's.
pub(super) struct Caches {
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
    pub(super) fn cargo_caches(&self) -> Result<Caches, BuildError> {
        let project = self.builder.cache.join("cargo").join(self.request.key.project.as_str());
        let service = project.join("services").join(self.request.key.service.as_str());
        let caches = Caches {
            registry: project.join("registry"),
            git: project.join("git"),
            target: service.join("target"),
            stamps: service.join("stamps.json"),
        };
        for dir in [&caches.registry, &caches.git, &caches.target] {
            fs::create_dir_all(dir).map_err(|e| io_error("compile", "making", dir, e))?;
        }
        Ok(caches)
    }

    /// Empty those that have grown too large.
    pub(super) async fn bound(&self, caches: Caches) -> Result<(), BuildError> {
        let max = self.builder.settings.max_cache;
        for dir in [caches.registry, caches.git, caches.target] {
            let cache = dir.clone();
            let emptied = blocking(move || disk::empty_if_over(&cache, max)).await;
            emptied.map_err(|e| io_error("compile", "emptying", &dir, e))?;
        }
        Ok(())
    }
}
