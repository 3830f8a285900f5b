//! The store: where things are, and the steps that make them appear whole.
//!
//! ```text
//! layers/<hex>/    the unpacked tree
//! meta/<hex>       its size and shape; touched at every use
//! pending/<hex>    the boot during which it was committed; removed once the disk has it
//! damaged/<hex>    the tree is not what it was; the next one committed takes its place
//! replaced/<hex>…  damaged trees on which something may still run
//! keys/<hex>       cache key → layer
//! manifests/<hex>  images
//! configs/<hex>    their configurations
//! tmp/             drafts, half-written files, layers on their way out
//! ```

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dormouse_model::ImageId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    CacheKey, Image, ImageConfig, ImageError, LayerDraft, LayerId,
    error::At,
    fsutil::{remove_tree, sync_parent, touch, write_atomic},
    image::{ConfigBlob, Manifest},
    soundness::Soundness,
    tree,
};

/// A content-addressed store of layers and images in one folder. Clones share it.
///
/// All calls block on the disk; from async code use a blocking thread.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    dir: PathBuf,
    /// Held while layers appear or disappear, so that collection never removes what a lookup just returned.
    change: Mutex<()>,
    pub(crate) drafts: AtomicU64,
}

/// The rooms of the store's folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    Layers,
    Meta,
    Pending,
    Damaged,
    Replaced,
    Keys,
    Manifests,
    Configs,
    Tmp,
}

impl Room {
    const ALL: [Self; 9] = [
        Self::Layers,
        Self::Meta,
        Self::Pending,
        Self::Damaged,
        Self::Replaced,
        Self::Keys,
        Self::Manifests,
        Self::Configs,
        Self::Tmp,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Meta => "meta",
            Self::Pending => "pending",
            Self::Damaged => "damaged",
            Self::Replaced => "replaced",
            Self::Keys => "keys",
            Self::Manifests => "manifests",
            Self::Configs => "configs",
            Self::Tmp => "tmp",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) bytes: u64,
    /// That of the tree when it was last known to be whole; older releases kept none.
    #[serde(default)]
    pub(crate) shape: Option<String>,
}

/// What a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// A layer, as it was when it was made.
    Found(LayerId),
    /// Nothing, or nothing that is still here.
    Missing,
    /// A layer that was changed since it was made: who needs it makes it again.
    Damaged(LayerId),
}

impl Lookup {
    /// The layer, if it can be used.
    #[must_use]
    pub fn found(self) -> Option<LayerId> {
        match self {
            Self::Found(layer) => Some(layer),
            Self::Missing | Self::Damaged(_) => None,
        }
    }
}

/// A half-written small file older than this is nobody's.
const STALE: Duration = Duration::from_secs(600);

impl Store {
    /// Open the store in `dir`, making it when missing; clear away what a crash left behind.
    ///
    /// # Errors
    /// [`ImageError::Io`] when the folder cannot be made, read or cleaned.
    pub fn open(dir: &Path) -> Result<Self, ImageError> {
        for room in Room::ALL {
            let path = dir.join(room.name());
            fs::create_dir_all(&path).at("create", &path)?;
        }
        let dir = fs::canonicalize(dir).at("open", dir)?;
        let store =
            Self { inner: Arc::new(Inner { dir, change: Mutex::new(()), drafts: AtomicU64::new(0) }) };
        store.sweep()?;
        Ok(store)
    }

    /// The layer that `key` produced, if it is still here and as it was: see [`Store::check_layer`].
    #[must_use]
    pub fn layer_for_key(&self, key: &CacheKey) -> Lookup {
        let Some(id) = self.recorded_for_key(key) else { return Lookup::Missing };
        match self.check_layer(&id) {
            Ok(Soundness::Sound) => Lookup::Found(id),
            Ok(Soundness::Damaged) => Lookup::Damaged(id),
            // What cannot be read is of no use to anybody.
            Err(e) => {
                tracing::warn!("layer {id} cannot be looked at: {e}");
                Lookup::Missing
            }
        }
    }

    fn recorded_for_key(&self, key: &CacheKey) -> Option<LayerId> {
        let _change = self.lock();
        let path = self.file(Room::Keys, &key.hex());
        let id = LayerId::from_hex(fs::read_to_string(&path).ok()?.trim())?;
        if !self.layer_path(&id).is_dir() {
            return None;
        }
        self.used(&path);
        self.used(&self.file(Room::Meta, id.hex()));
        Some(id)
    }

    /// Start a layer.
    ///
    /// # Errors
    /// [`ImageError::Io`] when its folder cannot be made.
    pub fn begin_layer(&self) -> Result<LayerDraft, ImageError> {
        // A sweep by another process must not see the folder before it is locked.
        let sweep = self.sweep_lock()?;
        let n = self.inner.drafts.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let dir = self.room(Room::Tmp).join(format!("draft-{}-{n}-{now:x}", process::id()));
        DirBuilder::new().mode(0o700).create(&dir).at("create", &dir)?;
        let lock = File::open(&dir).at("open", &dir)?;
        lock.lock().at("lock", &dir)?;
        drop(sweep);
        let draft =
            LayerDraft { store: self.clone(), tree: dir.join("tree"), work: dir.join("work"), dir, lock };
        for path in [&draft.tree, &draft.work] {
            fs::create_dir(path).at("create", path)?;
            // The layer's digest must not depend on our umask.
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).at("set the mode of", path)?;
        }
        Ok(draft)
    }

    /// Where a layer's tree is. It exists as long as a live image uses it.
    #[must_use]
    pub fn layer_path(&self, id: &LayerId) -> PathBuf {
        self.file(Room::Layers, id.hex())
    }

    /// Bytes of file content in a layer.
    ///
    /// # Errors
    /// [`ImageError::NoSuchLayer`].
    pub fn layer_bytes(&self, id: &LayerId) -> Result<u64, ImageError> {
        Ok(self.meta(id)?.bytes)
    }

    /// Record an image. On return it survives a power cut.
    ///
    /// # Errors
    /// [`ImageError::NoSuchLayer`] when one of the layers is not here; [`ImageError::Io`].
    pub fn put_image(
        &self,
        layers_bottom_first: &[LayerId],
        config: ImageConfig,
    ) -> Result<ImageId, ImageError> {
        let mut layers = Vec::new();
        for id in layers_bottom_first {
            layers.push((id.clone(), self.layer_bytes(id)?));
        }
        self.make_durable(layers_bottom_first)?;
        let blob = json(&ConfigBlob::new(&config, layers_bottom_first));
        let config_hex = self.put_blob(Room::Configs, &blob)?;
        let manifest = json(&Manifest::new(format!("sha256:{config_hex}"), blob.len() as u64, &layers));
        let hex = self.put_blob(Room::Manifests, &manifest)?;
        Ok(ImageId(format!("sha256:{hex}").into()))
    }

    /// Look an image up.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::NoSuchLayer`] when one of its layers is gone, and
    /// [`ImageError::Damaged`].
    pub fn image(&self, id: &ImageId) -> Result<Image, ImageError> {
        let manifest = self.manifest(id)?.ok_or_else(|| ImageError::NoSuchImage(id.clone()))?;
        let path = self.file(Room::Configs, manifest.config.digest.trim_start_matches("sha256:"));
        let blob = fs::read(&path).at("read", &path)?;
        let config: ConfigBlob = serde_json::from_slice(&blob)
            .map_err(|e| ImageError::Damaged { path: path.clone(), why: e.to_string() })?;
        let mut layers = Vec::new();
        for layer in self.layers_of(id, &manifest)?.iter().rev() {
            let path = self.layer_path(layer);
            if !path.is_dir() {
                return Err(ImageError::NoSuchLayer(layer.clone()));
            }
            layers.push(path);
        }
        Ok(Image { layers, config: config.into_config() })
    }

    pub(crate) fn commit(&self, draft: &LayerDraft, key: Option<&CacheKey>) -> Result<LayerId, ImageError> {
        let tree = tree::digest(&draft.tree)?;
        let id = tree.id;
        let to = self.layer_path(&id);
        let change = self.lock();
        if to.is_dir() && !self.is_damaged(&id) {
            self.used(&self.file(Room::Meta, id.hex()));
        } else {
            self.put_meta(&id, &Meta { bytes: tree.bytes, shape: Some(tree.shape) })?;
            let pending = self.file(Room::Pending, id.hex());
            write_atomic(&self.room(Room::Tmp), &pending, boot_id().as_bytes())?;
            if to.is_dir() {
                self.replace_damaged(&id, &draft.tree)?;
            } else {
                fs::rename(&draft.tree, &to).at("create", &to)?;
            }
            sync_parent(&to)?;
            let (store, layer) = (self.clone(), id.clone());
            thread::spawn(move || {
                if let Err(e) = store.make_durable(std::slice::from_ref(&layer)) {
                    tracing::warn!("layer {layer} may not survive a power cut: {e}");
                }
            });
        }
        if let Some(key) = key {
            let path = self.file(Room::Keys, &key.hex());
            write_atomic(&self.room(Room::Tmp), &path, id.hex().as_bytes())?;
        }
        drop(change);
        Ok(id)
    }

    pub(crate) fn manifest(&self, id: &ImageId) -> Result<Option<Manifest>, ImageError> {
        let Some(hex) = id.0.strip_prefix("sha256:").filter(|h| LayerId::from_hex(h).is_some()) else {
            return Ok(None);
        };
        let path = self.file(Room::Manifests, hex);
        let text = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("read", &path)?,
        };
        if sha256_hex(&text) != hex {
            return Err(ImageError::Damaged {
                path,
                why: "its content does not match its digest".to_owned(),
            });
        }
        serde_json::from_slice(&text).map(Some).map_err(|e| ImageError::Damaged { path, why: e.to_string() })
    }

    /// An image's layers, bottom first.
    pub(crate) fn layers_of(&self, id: &ImageId, manifest: &Manifest) -> Result<Vec<LayerId>, ImageError> {
        manifest.layers().map_err(|why| ImageError::Damaged {
            path: self.file(Room::Manifests, id.0.trim_start_matches("sha256:")),
            why,
        })
    }

    pub(crate) fn room(&self, room: Room) -> PathBuf {
        self.inner.dir.join(room.name())
    }

    pub(crate) fn file(&self, room: Room, name: &str) -> PathBuf {
        self.room(room).join(name)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.inner.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_blob(&self, room: Room, bytes: &[u8]) -> Result<String, ImageError> {
        let hex = sha256_hex(bytes);
        let path = self.file(room, &hex);
        let _change = self.lock();
        write_atomic(&self.room(Room::Tmp), &path, bytes)?;
        Ok(hex)
    }

    /// A use that cannot be noted down only makes the thing look older to the collection.
    fn used(&self, path: &Path) {
        if let Err(e) = touch(path) {
            tracing::debug!("cannot note the use of {}: {e}", path.display());
        }
    }

    /// Write the layers out, once: `syncfs` covers every file of a layer in one call.
    fn make_durable(&self, layers: &[LayerId]) -> Result<(), ImageError> {
        let pending: Vec<_> =
            layers.iter().map(|id| self.file(Room::Pending, id.hex())).filter(|p| p.exists()).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let dir = self.room(Room::Layers);
        let fd = File::open(&dir).at("open", &dir)?;
        nix::unistd::syncfs(fd).at("write", &dir)?;
        for path in pending {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).at("remove", &path),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn sweep_lock(&self) -> Result<File, ImageError> {
        let path = self.inner.dir.join("lock");
        let file = File::options().create(true).append(true).open(&path).at("create", &path)?;
        file.lock().at("lock", &path)?;
        Ok(file)
    }

    /// Remove drafts nobody holds, and layers a power cut may have torn.
    fn sweep(&self) -> Result<(), ImageError> {
        let _sweep = self.sweep_lock()?;
        for path in entries(&self.room(Room::Tmp))? {
            let Ok(file) = File::open(&path) else { continue };
            let is_dir = file.metadata().is_ok_and(|m| m.is_dir());
            let stale = || {
                let age = file.metadata().and_then(|m| m.modified()).map(|m| m.elapsed().unwrap_or_default());
                age.is_ok_and(|a| a > STALE)
            };
            if is_dir {
                match file.try_lock() {
                    Ok(()) => remove_tree(&path)?,
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(e)) => return Err(e).at("lock", &path),
                }
            } else if stale() {
                fs::remove_file(&path).at("remove", &path)?;
            }
        }
        let boot = boot_id();
        for path in entries(&self.room(Room::Pending))? {
            let Some(id) = path.file_name().and_then(|n| n.to_str()).and_then(LayerId::from_hex) else {
                continue;
            };
            if fs::read_to_string(&path).at("read", &path)? == boot {
                continue;
            }
            tracing::warn!(
                "layer {id} was not fully written before the machine went down; it will be rebuilt"
            );
            remove_tree(&self.layer_path(&id))?;
            fs::remove_file(&path).at("remove", &path)?;
        }
        Ok(())
    }
}

/// The files in a folder of ours.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    fs::read_dir(dir)
        .and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>())
        .at("read", dir)
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|e| unreachable!("our own types are always JSON: {e}"))
}

/// Changes at every boot of the machine.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}
