//! Whether a layer is still what it was when it was committed.
//!
//! Its id says what it should be, but to digest a tree again takes seconds. What the file system notes of each file at
//! every change (size, times, mode) is compared first; only where that differs, or was never kept, the content decides. So
//! a disk that gives back other bytes than it took, and says nothing, is not noticed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::Ordering,
};

use dormouse_model::ImageId;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::{
    ImageError, LayerId, Store,
    error::At,
    fsutil::write_atomic,
    store::{Meta, Room, json},
    tree,
};

/// How a layer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// As it was made.
    Sound,
    /// Changed since.
    Damaged,
}

impl Store {
    /// Whether a layer is what it was. One that is not is remembered as damaged until it is committed again; what runs on
    /// it is left alone.
    ///
    /// # Errors
    /// [`ImageError::NoSuchLayer`]; [`ImageError::Io`] when it cannot be read.
    pub fn check_layer(&self, id: &LayerId) -> Result<Soundness, ImageError> {
        if self.is_damaged(id) {
            return Ok(Soundness::Damaged);
        }
        let (path, meta) = (self.layer_path(id), self.meta(id)?);
        if !path.is_dir() {
            return Err(ImageError::NoSuchLayer(id.clone()));
        }
        if meta.shape == Some(tree::shape(&path)?) {
            return Ok(Soundness::Sound);
        }
        let found = tree::digest(&path)?;
        if found.id == *id {
            self.put_meta(id, &Meta { bytes: found.bytes, shape: Some(found.shape) })?;
            return Ok(Soundness::Sound);
        }
        tracing::warn!(
            "layer {id} was changed since it was made; it will be made again when it is next needed"
        );
        write_atomic(&self.room(Room::Tmp), &self.file(Room::Damaged, id.hex()), b"")?;
        Ok(Soundness::Damaged)
    }

    /// Those of the images whose layers are not all there and sound. A layer that several of them have is looked at once.
    ///
    /// # Errors
    /// [`ImageError::Io`] when something cannot be read.
    pub fn damaged(&self, images: &BTreeSet<ImageId>) -> Result<BTreeSet<ImageId>, ImageError> {
        let mut known: BTreeMap<LayerId, Soundness> = BTreeMap::new();
        let mut damaged = BTreeSet::new();
        for image in images {
            let layers =
                match self.manifest(image).and_then(|m| m.map(|m| self.layers_of(image, &m)).transpose()) {
                    Ok(Some(layers)) => layers,
                    Ok(None) | Err(ImageError::Damaged { .. }) => {
                        damaged.insert(image.clone());
                        continue;
                    }
                    Err(e) => return Err(e),
                };
            for layer in layers {
                let soundness = match known.get(&layer) {
                    Some(known) => *known,
                    None => match self.check_layer(&layer) {
                        Ok(soundness) => soundness,
                        Err(ImageError::NoSuchLayer(_)) => Soundness::Damaged,
                        Err(e) => return Err(e),
                    },
                };
                known.insert(layer, soundness);
                if soundness == Soundness::Damaged {
                    damaged.insert(image.clone());
                }
            }
        }
        Ok(damaged)
    }

    pub(crate) fn is_damaged(&self, id: &LayerId) -> bool {
        self.file(Room::Damaged, id.hex()).exists()
    }

    /// Put a tree in the place of a damaged layer. The damaged one is kept as long as something may run on it.
    pub(crate) fn replace_damaged(&self, id: &LayerId, tree: &Path) -> Result<(), ImageError> {
        let to = self.layer_path(id);
        renameat2(AT_FDCWD, tree, AT_FDCWD, &to, RenameFlags::RENAME_EXCHANGE).at("replace", &to)?;
        let n = self.inner.drafts.fetch_add(1, Ordering::Relaxed);
        let kept = self.file(Room::Replaced, &format!("{}-{}-{n}", id.hex(), std::process::id()));
        fs::rename(tree, &kept).at("keep", &kept)?;
        let mark = self.file(Room::Damaged, id.hex());
        fs::remove_file(&mark).at("remove", &mark)
    }

    /// What is noted of a layer. A size and a shape that cannot be read are not worth refusing the layer for.
    pub(crate) fn meta(&self, id: &LayerId) -> Result<Meta, ImageError> {
        let text =
            fs::read(self.file(Room::Meta, id.hex())).map_err(|_| ImageError::NoSuchLayer(id.clone()))?;
        Ok(serde_json::from_slice(&text).unwrap_or(Meta { bytes: 0, shape: None }))
    }

    pub(crate) fn put_meta(&self, id: &LayerId, meta: &Meta) -> Result<(), ImageError> {
        write_atomic(&self.room(Room::Tmp), &self.file(Room::Meta, id.hex()), &json(meta))
    }
}
