//! A layer being made.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{CacheKey, ImageError, LayerId, Store, fsutil};

/// A layer being made: an empty folder on the same filesystem as the layers. Dropped without [`commit`], it is
/// removed.
///
/// [`commit`]: LayerDraft::commit
#[derive(Debug)]
pub struct LayerDraft {
    pub(crate) store: Store,
    pub(crate) dir: PathBuf,
    pub(crate) tree: PathBuf,
    pub(crate) work: PathBuf,
    /// Held locked as long as the draft lives, so that nobody takes it for a leftover.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) lock: File,
}

impl LayerDraft {
    /// The folder to fill: an overlayfs upper, or a place to unpack into. Owned by root, mode 0755.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.tree
    }

    /// An empty folder beside it, for overlayfs' `workdir`. Not part of the layer.
    #[must_use]
    pub fn work_path(&self) -> &Path {
        &self.work
    }

    /// Digest the tree, put it among the layers, and remember that `key` produces it. Nothing may be writing to it
    /// any more, and no overlay may have it mounted as upper.
    ///
    /// # Errors
    /// [`ImageError::Io`] when the tree cannot be read or the store cannot be written; the draft is then removed.
    pub fn commit(self, key: Option<&CacheKey>) -> Result<LayerId, ImageError> {
        let store = self.store.clone();
        store.commit(&self, key)
    }
}

impl Drop for LayerDraft {
    fn drop(&mut self) {
        if let Err(e) = fsutil::remove_tree(&self.dir) {
            tracing::warn!("a layer that was not committed stays behind: {e}");
        }
    }
}
