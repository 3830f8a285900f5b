//! Garbage collection.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use dormouse_model::ImageId;
use walkdir::WalkDir;

use crate::{ImageError, LayerId, Store, error::At, fsutil};

/// What a collection freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Bytes of file content.
    pub bytes: u64,
    /// Layers.
    pub layers: u64,
}

impl Store {
    /// Remove every layer and image that no live image needs, but for what a key used within `keep_keys_younger_than`
    /// leads to: the next build will ask for it. Drafts in progress are never touched.
    ///
    /// # Errors
    /// When something cannot be read or removed; what was removed until then stays removed.
    pub fn collect(
        &self,
        live: &BTreeSet<ImageId>,
        keep_keys_younger_than: Duration,
    ) -> Result<Collected, ImageError> {
        let mut used = self.used_by(live)?;
        let now = SystemTime::now();
        let mut old_keys = Vec::new();
        for key in self.entries("keys")? {
            let modified = fs::metadata(&key).and_then(|m| m.modified()).at("read", &key)?;
            let young = now.duration_since(modified).is_ok_and(|age| age < keep_keys_younger_than);
            let layer = fs::read_to_string(&key).ok().and_then(|t| t.trim().parse::<LayerId>().ok());
            match layer {
                Some(layer) if young => drop(used.insert(self.layer_path(&layer))),
                Some(_) | None => old_keys.push(key),
            }
        }
        // Keys first: one that outlives its layer is harmless, and so is the other way round.
        for key in old_keys {
            fs::remove_file(&key).at("remove", &key)?;
        }
        for blob in self.entries("blobs")? {
            if !used.contains(&blob) {
                fs::remove_file(&blob).at("remove", &blob)?;
            }
        }
        let mut collected = Collected::default();
        for layer in self.entries("layers")? {
            if !used.contains(&layer) {
                collected.bytes += size(&layer);
                collected.layers += 1;
                fsutil::remove_tree(&layer)?;
            }
        }
        Ok(collected)
    }
}

fn size(tree: &Path) -> u64 {
    let files = WalkDir::new(tree).into_iter().filter_map(Result::ok);
    files.filter(|e| e.file_type().is_file()).filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CacheKey, ImageConfig};

    #[test]
    fn what_lives_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let layer = |text: &str, key: Option<&CacheKey>| {
            let draft = store.begin_layer().unwrap();
            fs::write(draft.path().join("file"), text).unwrap();
            draft.commit(key).unwrap()
        };
        let key = CacheKey::new("dependencies");
        let (live, keyed, dead) = (layer("live", None), layer("keyed", Some(&key)), layer("dead!", None));
        let image = store.put_image(std::slice::from_ref(&live), ImageConfig::default()).unwrap();
        let gone = store.put_image(std::slice::from_ref(&dead), ImageConfig::default()).unwrap();
        let draft = store.begin_layer().unwrap();

        let wanted = BTreeSet::from([image.clone()]);
        let collected = store.collect(&wanted, Duration::from_secs(3600)).unwrap();
        assert_eq!(collected, Collected { bytes: 5, layers: 1 });
        assert!(store.image(&image).is_ok());
        assert!(store.image(&gone).is_err());
        assert_eq!(store.layer_for_key(&key), Some(keyed.clone()));
        assert!(draft.path().is_dir());

        let collected = store.collect(&wanted, Duration::ZERO).unwrap();
        assert_eq!(collected.layers, 1, "no key is young enough any more");
        assert!(!store.layer_path(&keyed).exists());
        assert!(store.layer_path(&live).is_dir());
    }
}
