//! One phase: found in the store, or made.

use std::{io, path::Path, time::Instant};

use dormouse_backend::{BuildError, BuildEvent};
use dormouse_images::{CacheKey, ImageError, LayerDraft, LayerId, Lookup};

use super::{Job, blocking, disk, host};

impl Job<'_> {
    /// The layer of `key`, made by `make` when the store does not have it.
    pub(crate) async fn phase(
        &self,
        name: &str,
        key: CacheKey,
        make: impl AsyncFnOnce(&LayerDraft) -> Result<(), BuildError>,
    ) -> Result<LayerId, BuildError> {
        let busy = || self.say(&format!("another build makes the layer of the {name} phase: waiting for it"));
        let _only = self.builder.locks.take(key.hex(), busy).await;
        let started = Instant::now();
        let (store, wanted) = (self.builder.store.clone(), key.clone());
        let looked = blocking(move || Ok::<_, io::Error>(store.layer_for_key(&wanted)))
            .await
            .map_err(|e| host(format!("looking for the layer of the {name} phase"), e))?;
        if matches!(looked, Lookup::Damaged(_)) {
            self.send(BuildEvent::LayerDamaged { name: name.to_owned() });
        }
        let found = looked.found();
        self.send(BuildEvent::Phase { name: name.to_owned(), cached: found.is_some() });
        let layer = match found {
            Some(layer) => layer,
            None => {
                self.check_disk(name).await?;
                let draft = self.builder.store.begin_layer().map_err(|e| store_error(name, e))?;
                make(&draft).await?;
                let committed = blocking(move || {
                    disk::tidy(draft.path())?;
                    Ok::<_, io::Error>(draft.commit(Some(&key)))
                });
                committed
                    .await
                    .map_err(|e| host(format!("tidying the layer of the {name} phase"), e))?
                    .map_err(|e| store_error(name, e))?
            }
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.send(BuildEvent::PhaseDone { name: name.to_owned(), ms });
        Ok(layer)
    }

    /// Without room nothing is started; caches are given up for it.
    async fn check_disk(&self, phase: &str) -> Result<(), BuildError> {
        let caches = self.builder.caches.clone();
        let needed = self.builder.settings.min_free;
        let looked = blocking(move || {
            let free = caches.free()?;
            if free >= needed {
                return Ok(free);
            }
            caches.make_room(|| Ok(caches.free()? >= needed))?;
            caches.free()
        });
        let free = looked.await.map_err(|e: io::Error| host("looking at the disk of the build caches", e))?;
        if free < needed {
            let limit = format!("{} MiB free, {} MiB needed to start", free >> 20, needed >> 20);
            return Err(disk_limit(phase, &limit));
        }
        Ok(())
    }
}

/// How the disk is when nothing more can be written.
pub(crate) const FULL: &str = "it is full";

/// No room.
pub(crate) fn disk_limit(phase: &str, how: &str) -> BuildError {
    BuildError::Limit {
        phase: phase.to_owned(),
        limit: format!("disk: {how}"),
        hint: "make room on the disk of the server's state folder".to_owned(),
    }
}

/// An error of the store; a full disk is named as one.
pub(crate) fn store_error(phase: &str, e: ImageError) -> BuildError {
    match &e {
        ImageError::Io { source, .. } if is_full(source) => disk_limit(phase, FULL),
        ImageError::Io { .. }
        | ImageError::NoSuchImage(_)
        | ImageError::NoSuchLayer(_)
        | ImageError::Damaged { .. } => host(format!("keeping the layer of the {phase} phase"), e),
    }
}

/// An error of ours while a phase works on its layer.
pub(crate) fn io_error(phase: &str, what: &str, path: &Path, e: io::Error) -> BuildError {
    if is_full(&e) {
        return disk_limit(phase, FULL);
    }
    host(format!("{what} {}", path.display()), e)
}

fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
