//! The store itself: where layers, manifests and keys lie.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use dormouse_model::ImageId;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    CacheKey, Image, ImageConfig, ImageError, LayerDraft, LayerId,
    error::At,
    fsutil,
    image::{ConfigBlob, Manifest},
    tree,
};

/// A store in a folder. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
}

impl Store {
    /// Open the store in `dir`, making it when it is missing, and clear away what a process that died left in it.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(dir: &Path) -> Result<Self, ImageError> {
        let store = Self { root: dir.into() };
        for folder in ["layers", "blobs", "keys", "tmp"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder).at("create", &folder)?;
        }
        store.clear_leftovers()?;
        Ok(store)
    }

    fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }
    fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
    fn blob(&self, hex: &str) -> PathBuf {
        self.root.join("blobs").join(hex)
    }

    /// Where a layer's tree lies, whether it is there or not.
    #[must_use]
    pub fn layer_path(&self, layer: &LayerId) -> PathBuf {
        self.layers().join(layer.hex())
    }

    /// The layer that this key produced earlier, if it is still there.
    #[must_use]
    pub fn layer_for_key(&self, key: &CacheKey) -> Option<LayerId> {
        let path = self.keys().join(key.hex());
        let layer: LayerId = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        if !self.layer_path(&layer).is_dir() {
            return None;
        }
        // Collection spares keys that were used lately; one that cannot be marked is only collected sooner.
        fsutil::touch(&path).ok();
        Some(layer)
    }

    /// Begin a layer.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn begin_layer(&self) -> Result<LayerDraft, ImageError> {
        let tmp = self.tmp();
        let dir =
            tempfile::Builder::new().prefix("layer-").tempdir_in(&tmp).at("create a folder in", &tmp)?.keep();
        let lock = File::create(dir.join("lock")).at("create", &dir)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e).at("lock", &dir)?;
        let (tree, work) = (dir.join("tree"), dir.join("work"));
        for folder in [&tree, &work] {
            fs::create_dir(folder).at("create", folder)?;
        }
        Ok(LayerDraft { store: self.clone(), dir, tree, work, lock })
    }

    pub(crate) fn commit(&self, draft: &LayerDraft, key: Option<&CacheKey>) -> Result<LayerId, ImageError> {
        let id = tree::digest(&draft.tree)?.id;
        let path = self.layer_path(&id);
        match fs::rename(&draft.tree, &path) {
            Ok(()) => fsutil::sync_parent(&path)?,
            // The very same tree is there already.
            Err(_) if path.is_dir() => {}
            Err(e) => return Err(e).at("create", &path),
        }
        if let Some(key) = key {
            fsutil::write_atomic(&self.tmp(), &self.keys().join(key.hex()), id.to_string().as_bytes())?;
        }
        Ok(id)
    }

    /// Write an image of these layers, bottom first.
    ///
    /// # Errors
    /// [`ImageError::NoSuchLayer`] for a layer that is not here; [`ImageError::Io`] when it cannot be written.
    pub fn put_image(&self, layers: &[LayerId], config: ImageConfig) -> Result<ImageId, ImageError> {
        for layer in layers {
            if !self.layer_path(layer).is_dir() {
                return Err(ImageError::NoSuchLayer(layer.clone()));
            }
        }
        let (config_digest, size) = self.put_blob(&ConfigBlob::new(&config, layers))?;
        // A tree's size is not its tar's, and nobody is told one before a tar is made.
        let sized: Vec<_> = layers.iter().map(|l| (l.clone(), 0)).collect();
        let (digest, _) = self.put_blob(&Manifest::new(config_digest, size, &sized))?;
        Ok(ImageId(digest.into()))
    }

    fn put_blob(&self, value: &impl Serialize) -> Result<(String, u64), ImageError> {
        let bytes = serde_json::to_vec(value).map_err(io::Error::other).at("encode", &self.root)?;
        let hex = hex::encode(Sha256::digest(&bytes));
        let path = self.blob(&hex);
        if !path.exists() {
            fsutil::write_atomic(&self.tmp(), &path, &bytes)?;
        }
        Ok((format!("sha256:{hex}"), bytes.len() as u64))
    }

    /// An image, ready to be mounted.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`] or [`ImageError::NoSuchLayer`] when it is not whole; [`ImageError::Damaged`] when
    /// its description cannot be read.
    pub fn image(&self, id: &ImageId) -> Result<Image, ImageError> {
        let manifest = self.manifest(id)?;
        let mut layers = Vec::new();
        for layer in self.layers_of(id, &manifest)?.into_iter().rev() {
            let path = self.layer_path(&layer);
            if !path.is_dir() {
                return Err(ImageError::NoSuchLayer(layer));
            }
            layers.push(path);
        }
        let path = self.blob_of(id, &manifest.config.digest)?;
        let config: ConfigBlob = read_json(&path)?;
        Ok(Image { layers, config: config.into_config() })
    }

    fn manifest(&self, id: &ImageId) -> Result<Manifest, ImageError> {
        let path = self.blob_of(id, &id.0)?;
        if !path.exists() {
            return Err(ImageError::NoSuchImage(id.clone()));
        }
        read_json(&path)
    }

    fn layers_of(&self, id: &ImageId, manifest: &Manifest) -> Result<Vec<LayerId>, ImageError> {
        let path = self.blob_of(id, &id.0)?;
        manifest.layers().map_err(|why| ImageError::Damaged { path, why })
    }

    /// A digest is only ever a file name after its form has been checked.
    fn blob_of(&self, id: &ImageId, digest: &str) -> Result<PathBuf, ImageError> {
        let digest: LayerId = digest.parse().map_err(|_| ImageError::NoSuchImage(id.clone()))?;
        Ok(self.blob(digest.hex()))
    }

    /// Layers and blobs that these images use.
    pub(crate) fn used_by(&self, live: &BTreeSet<ImageId>) -> Result<BTreeSet<PathBuf>, ImageError> {
        let mut used = BTreeSet::new();
        for id in live {
            let manifest = match self.manifest(id) {
                Err(ImageError::NoSuchImage(_)) => continue,
                other => other?,
            };
            used.insert(self.blob_of(id, &id.0)?);
            used.insert(self.blob_of(id, &manifest.config.digest)?);
            used.extend(self.layers_of(id, &manifest)?.iter().map(|l| self.layer_path(l)));
        }
        Ok(used)
    }

    pub(crate) fn entries(&self, folder: &str) -> Result<Vec<PathBuf>, ImageError> {
        let dir = self.root.join(folder);
        let read = fs::read_dir(&dir).and_then(|d| d.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>());
        read.at("read", &dir)
    }

    /// A draft whose maker is gone is not locked any more.
    fn clear_leftovers(&self) -> Result<(), ImageError> {
        for path in self.entries("tmp")? {
            if !path.is_dir() {
                fs::remove_file(&path).at("remove", &path)?;
                continue;
            }
            let abandoned = match File::open(path.join("lock")) {
                Ok(lock) => Flock::lock(lock, FlockArg::LockExclusiveNonblock).is_ok(),
                Err(_) => true,
            };
            if abandoned {
                fsutil::remove_tree(&path)?;
            }
        }
        Ok(())
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ImageError> {
    let bytes = fs::read(path).at("read", path)?;
    serde_json::from_slice(&bytes)
        .map_err(|e| ImageError::Damaged { path: path.to_owned(), why: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    fn layer(store: &Store, text: &str, key: Option<&CacheKey>) -> LayerId {
        let draft = store.begin_layer().unwrap();
        fs::write(draft.path().join("file"), text).unwrap();
        draft.commit(key).unwrap()
    }

    #[test]
    fn a_key_finds_its_layer_again() {
        let (dir, store) = store();
        let key = CacheKey::new("dependencies").with("lock", "fastapi");
        assert_eq!(store.layer_for_key(&key), None);
        let id = layer(&store, "a", Some(&key));
        assert_eq!(store.layer_for_key(&key), Some(id.clone()));
        assert_eq!(layer(&store, "a", None), id, "the same tree is the same layer");
        let again = Store::open(dir.path()).unwrap();
        assert_eq!(again.layer_for_key(&key), Some(id.clone()));
        fs::remove_dir_all(store.layer_path(&id)).unwrap();
        assert_eq!(store.layer_for_key(&key), None, "a key without its layer is no hit");
    }

    #[test]
    fn images_list_their_layers_top_first() {
        let (_dir, store) = store();
        let (below, above) = (layer(&store, "a", None), layer(&store, "b", None));
        let config = ImageConfig {
            env: [("PATH".to_owned(), "/bin".to_owned())].into(),
            cmd: vec!["run".to_owned()],
            workdir: "/app".to_owned(),
            port: Some(8000),
        };
        let id = store.put_image(&[below.clone(), above.clone()], config.clone()).unwrap();
        let image = store.image(&id).unwrap();
        assert_eq!(image.layers, [store.layer_path(&above), store.layer_path(&below)]);
        assert_eq!(image.config, config);
        fs::remove_dir_all(store.layer_path(&below)).unwrap();
        assert!(matches!(store.image(&id), Err(ImageError::NoSuchLayer(_))));
    }

    #[test]
    fn unknown_and_hostile_ids() {
        let (_dir, store) = store();
        for id in ["sha256:../../../etc/passwd", "", &format!("sha256:{}", "0".repeat(64))] {
            let found = store.image(&ImageId(id.into()));
            assert!(matches!(found, Err(ImageError::NoSuchImage(_))), "{id}: {found:?}");
        }
    }

    #[test]
    fn a_crash_leaves_nothing_and_a_draft_in_progress_stays() {
        let (dir, store) = store();
        let draft = store.begin_layer().unwrap();
        let dead = dir.path().join("tmp/layer-dead");
        fs::create_dir_all(dead.join("tree")).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        fs::write(dir.path().join("tmp/half"), "").unwrap();
        Store::open(dir.path()).unwrap();
        assert!(!dead.exists());
        assert!(!dir.path().join("tmp/half").exists());
        assert!(draft.path().is_dir(), "somebody works on it");
    }
}
