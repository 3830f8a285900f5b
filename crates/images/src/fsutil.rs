//! Small files that appear whole or not at all.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dormouse_model::clock;

use crate::{ImageError, error::At};

/// Write `bytes` to `path` through a temporary file in `tmp` on the same filesystem; durable on return.
pub(crate) fn write_atomic(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    let mut file = tempfile::NamedTempFile::new_in(tmp).at("create a file in", tmp)?;
    file.write_all(bytes).at("write", path)?;
    file.as_file().set_modified(now()).at("write", path)?;
    file.as_file().sync_data().at("write", path)?;
    file.persist(path).map_err(|e| e.error).at("create", path)?;
    sync_parent(path)
}

/// Make a rename in `path`'s folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), ImageError> {
    let parent = path.parent().unwrap_or(path);
    File::open(parent).and_then(|d| d.sync_all()).at("write", parent)
}

/// When a file is marked as used, and what that is compared with: our time. By a wall clock that is put a year ahead, everything
/// that a build under way has made would be long unused; by one that is put back, nothing ever would.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(clock::now().0)
}

/// Mark a file as used now.
pub(crate) fn touch(path: &Path) -> std::io::Result<()> {
    File::options().append(true).open(path)?.set_modified(now())
}

/// Remove a folder with all it holds, also folders made read-only by their owner; a missing one is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).at("remove", path),
        Ok(()) | Err(_) => Ok(()),
    }
}
