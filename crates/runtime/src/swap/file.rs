//! The swap file.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use nix::{
    fcntl::{FallocateFlags, fallocate},
    sys::statvfs::statvfs,
};

use super::SwapError;

const MOST: u64 = 8 << 30;
const LEAST: u64 = 256 << 20;

/// What the disk can spare; 0 when that is too little to be of use. The folder need not be there yet.
pub(super) fn suitable_size(dir: &Path) -> Result<u64, SwapError> {
    let there = dir.ancestors().find(|p| p.exists()).unwrap_or(dir);
    let disk = statvfs(there)
        .map_err(|e| SwapError::new(format!("looking at the disk of {}", dir.display()), e.into()))?;
    let free = disk.blocks_available() * disk.fragment_size();
    let size = (free / 4).min(MOST);
    Ok(if size < LEAST { 0 } else { size })
}

/// Make a file of this many bytes without holes, readable by its owner alone: it will hold other people's memory.
pub(super) fn allocate(path: &Path, bytes: u64) -> Result<(), SwapError> {
    let allocate = || -> io::Result<()> {
        let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        let length = i64::try_from(bytes).map_err(io::Error::other)?;
        fallocate(&file, FallocateFlags::empty(), 0, length)?;
        file.sync_all()
    };
    allocate().map_err(|e| {
        // Half a swap file would only fill the disk.
        let _ = fs::remove_file(path);
        SwapError::new(format!("making the swap file {} of {} MiB", path.display(), bytes >> 20), e)
    })
}

/// Remove the file; one that is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), SwapError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(SwapError::new(format!("removing {}", path.display()), e))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
