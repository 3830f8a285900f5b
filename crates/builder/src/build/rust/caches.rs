//! What cargo keeps between builds.

use std::{fs, path::PathBuf};

use dormouse_backend::BuildError;

use super::{Cache, Job, blocking, io_error};

/// Folders of a project's cache.
pub(super) struct Caches {
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
    pub(super) fn cargo_caches(&self) -> Result<Caches, BuildError> {
        let cache = self.cache("compile", "cargo")?;
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

    /// Empty those that have grown too large.
    pub(super) async fn bound(&self, caches: Caches) -> Result<(), BuildError> {
        let max = self.builder.settings.max_cache;
        let path = caches.cache.path().to_owned();
        let bounded = blocking(move || {
            [&caches.registry, &caches.git, &caches.target]
                .iter()
                .try_for_each(|part| caches.cache.bound(part, max))
        });
        bounded.await.map_err(|e| io_error("compile", "emptying", &path, e))
    }
}
