//! Room on the disk.

use std::{fs, io, path::Path};

use dormouse_runtime::BYTES_PER_FILE;
use nix::sys::statvfs::statvfs;
use walkdir::WalkDir;

/// So many files are never too many.
const FEW: u64 = 1000;

/// Free bytes on a folder's disk.
pub(crate) fn free(dir: &Path) -> io::Result<u64> {
    let stat = statvfs(dir)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Whether a folder has grown beyond `max` bytes, or has more files than a disk of that size.
pub(crate) fn is_over(dir: &Path, max: u64) -> bool {
    let (mut bytes, mut files) = (0, 0);
    for entry in WalkDir::new(dir).into_iter().filter_map(Result::ok) {
        files += 1;
        bytes += entry.metadata().ok().filter(std::fs::Metadata::is_file).map_or(0, |m| m.len());
        if bytes > max || files > (max / BYTES_PER_FILE).max(FEW) {
            return true;
        }
    }
    false
}

/// Remove leftovers of package managers from a layer that a sandbox wrote.
///
/// Whatever ran there could have made any of the names a link to anywhere on this host, so none is followed.
pub(crate) fn tidy(layer: &Path) -> io::Result<()> {
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
    fn what_is_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        fs::create_dir(&cache).unwrap();
        fs::write(cache.join("wheel"), [0; 100]).unwrap();
        assert!(!is_over(&cache, 100));
        assert!(is_over(&cache, 99));
        (0..FEW).for_each(|n| fs::write(cache.join(n.to_string()), "").unwrap());
        assert!(is_over(&cache, 100));
        assert!(!is_over(&dir.path().join("gone"), 0));
        assert!(free(dir.path()).unwrap() > 0);
    }
}
