//! Garbage collection.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    path::Path,
    time::Duration,
};

use dormouse_model::ImageId;

use crate::{
    ImageError, LayerId, Store,
    error::At,
    fsutil::{self, remove_tree},
    store::{Room, entries},
};

/// What a collection removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Bytes of file content.
    pub bytes: u64,
    /// Layers.
    pub layers: usize,
}

impl Store {
    /// Remove what no live image uses and nobody has used for `keep`: images, layers and cache keys. Drafts in
    /// progress are not touched. `keep` must be longer than the longest build, since a build's first layers are
    /// not yet part of an image.
    ///
    /// # Errors
    /// [`ImageError::Damaged`] when a live image cannot be read, and then nothing is removed; [`ImageError::Io`].
    pub fn collect(&self, live: &BTreeSet<ImageId>, keep: Duration) -> Result<Collected, ImageError> {
        let mut collected = Collected::default();
        let mut gone = Vec::new();
        let change = self.lock();
        let now = fsutil::now();
        let young = |meta: &Metadata| {
            meta.modified().is_ok_and(|at| now.duration_since(at).map_or(true, |age| age < keep))
        };

        let mut layers = BTreeSet::new();
        let mut configs = BTreeSet::new();
        let mut dead = Vec::new();
        for path in entries(&self.room(Room::Manifests))? {
            let id = ImageId(format!("sha256:{}", name(&path)).into());
            let is_live = live.contains(&id);
            if is_live || fs::metadata(&path).is_ok_and(|m| young(&m)) {
                match self
                    .manifest(&id)
                    .and_then(|m| m.map(|m| Ok((self.layers_of(&id, &m)?, m))).transpose())
                {
                    Ok(Some((used, manifest))) => {
                        layers.extend(used);
                        configs.insert(manifest.config.digest.trim_start_matches("sha256:").to_owned());
                    }
                    Err(e) if is_live => return Err(e),
                    Ok(None) | Err(_) => {}
                }
            } else {
                dead.push(path);
            }
        }
        for path in entries(&self.room(Room::Keys))? {
            if fs::metadata(&path).is_ok_and(|m| young(&m)) {
                layers.extend(fs::read_to_string(&path).ok().as_deref().and_then(LayerId::from_hex));
            }
        }
        for path in entries(&self.room(Room::Configs))? {
            let fresh = fs::metadata(&path).is_ok_and(|m| young(&m));
            if !fresh && !configs.contains(&name(&path)) {
                dead.push(path);
            }
        }
        // Images first: one without its layers would be an error where a missing one is a plain answer.
        for path in dead {
            fs::remove_file(&path).at("remove", &path)?;
        }

        for path in entries(&self.room(Room::Layers))? {
            let Some(id) = LayerId::from_hex(&name(&path)) else { continue };
            let meta = self.file(Room::Meta, id.hex());
            if layers.contains(&id) || fs::metadata(&meta).is_ok_and(|m| young(&m)) {
                continue;
            }
            collected.bytes += self.layer_bytes(&id).unwrap_or(0);
            collected.layers += 1;
            let out = self.room(Room::Tmp).join(format!("gone-{}", id.hex()));
            remove_tree(&out)?;
            fs::rename(&path, &out).at("remove", &path)?;
            gone.push(out);
        }
        for path in entries(&self.room(Room::Replaced))? {
            if !LayerId::from_hex(name(&path).split('-').next().unwrap_or_default())
                .is_some_and(|id| layers.contains(&id))
            {
                gone.push(path);
            }
        }
        for room in [Room::Meta, Room::Pending, Room::Damaged, Room::Keys] {
            for path in entries(&self.room(room))? {
                let layer = match room {
                    Room::Keys => fs::read_to_string(&path).ok().as_deref().and_then(LayerId::from_hex),
                    Room::Meta | Room::Pending | Room::Damaged => LayerId::from_hex(&name(&path)),
                    Room::Layers | Room::Replaced | Room::Manifests | Room::Configs | Room::Tmp => None,
                };
                if !layer.is_some_and(|id| self.layer_path(&id).is_dir()) {
                    fs::remove_file(&path).at("remove", &path)?;
                }
            }
        }
        drop(change);

        for path in gone {
            remove_tree(&path)?;
        }
        Ok(collected)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
