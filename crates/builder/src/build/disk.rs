//! Room on the disk.

use std::{fs, io, path::Path};

use nix::sys::statvfs::statvfs;
use walkdir::WalkDir;

/// Free bytes on a folder's disk.
pub(super) fn free(dir: &Path) -> io::Result<u64> {
    let stat = statvfs(dir)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Empty a folder that has grown beyond `max` bytes.
pub(super) fn empty_if_over(dir: &Path, max: u64) -> io::Result<()> {
    let files = WalkDir::new(dir).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
    let size: u64 = files.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum();
    if size > max {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

/// Remove leftovers of package managers from a layer that a sandbox wrote.
///
/// Whatever ran there could have made any of the names a link to anywhere on this host, so none is followed.
pub(super) fn tidy(layer: &Path) -> io::Result<()> {
    for name in ["tmp", "var/tmp", "var/log", "var/cache/apt", "var/cache/ldconfig", "run", "root/.cache"] {
        let mut path = layer.to_owned();
        let is_ours = name.split('/').all(|part| {
            path.push(part);
            fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir())
        });
        if is_ours {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_of_a_layer_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (layer, outside) = (dir.path().join("layer"), dir.path().join("outside"));
        fs::create_dir_all(layer.join("tmp/x")).unwrap();
        fs::create_dir_all(outside.join("cache/apt")).unwrap();
        fs::create_dir_all(outside.join("log")).unwrap();
        symlink(&outside, layer.join("var")).unwrap();
        tidy(&layer).unwrap();
        assert!(!layer.join("tmp").exists());
        assert!(outside.join("cache/apt").exists() && outside.join("log").exists());
    }

    #[test]
    fn caches_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        fs::create_dir(&cache).unwrap();
        fs::write(cache.join("wheel"), [0; 100]).unwrap();
        empty_if_over(&cache, 100).unwrap();
        assert!(cache.exists());
        empty_if_over(&cache, 99).unwrap();
        assert!(!cache.exists());
        assert!(free(dir.path()).unwrap() > 0);
    }
}
