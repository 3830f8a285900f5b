//! The digest of an unpacked tree.
//!
//! What decides how a container sees a file is in it: path, type, mode, owner, link target, device number, content
//! and the extended attributes that mean something to a reader. Times are not: two runs of the same step differ in
//! them and in nothing else.

use std::{
    fs::{File, Metadata},
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::{ImageError, LayerId, error::At};

/// A tree's digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeDigest {
    pub(crate) id: LayerId,
    /// Bytes of file content.
    pub(crate) bytes: u64,
    /// What [`shape`] says of it.
    pub(crate) shape: String,
}

struct Entry {
    path: PathBuf,
    meta: Metadata,
}

/// Digest the tree below `root`. The root folder's own mode and owner count, its name does not.
pub(crate) fn digest(root: &Path) -> Result<TreeDigest, ImageError> {
    let entries = entries(root)?;
    let digests = each_in_parallel(&entries, |e| entry_digest(root, e))?;
    let mut whole = Sha256::new();
    for d in &digests {
        whole.update(d);
    }
    let bytes = entries.iter().filter(|e| e.meta.is_file()).map(|e| e.meta.len()).sum();
    let hex = hex::encode(whole.finalize());
    let id = LayerId::from_hex(&hex).unwrap_or_else(|| unreachable!("a sha256 has 64 hex digits"));
    Ok(TreeDigest { id, bytes, shape: shape_of(root, &entries) })
}

/// A digest of what the file system notes of the tree by itself when anything in it is changed: hundreds of times faster
/// than its content. Two trees of the same content differ in it.
pub(crate) fn shape(root: &Path) -> Result<String, ImageError> {
    Ok(shape_of(root, &entries(root)?))
}

fn shape_of(root: &Path, entries: &[Entry]) -> String {
    let mut h = Sha256::new();
    for e in entries {
        let m = &e.meta;
        let path = e.path.strip_prefix(root).unwrap_or(&e.path).as_os_str().as_bytes();
        h.update((path.len() as u64).to_le_bytes());
        h.update(path);
        h.update(m.mode().to_le_bytes());
        // The folder itself was moved when the layer was committed.
        if !path.is_empty() {
            h.update(m.size().to_le_bytes());
            for time in [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()] {
                h.update(time.to_le_bytes());
            }
        }
    }
    hex::encode(h.finalize())
}

fn entries(root: &Path) -> Result<Vec<Entry>, ImageError> {
    let mut entries = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name() {
        let entry = entry.map_err(|e| {
            let path = e.path().unwrap_or(root).to_owned();
            let source = e.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links"));
            ImageError::Io { what: "read", path, source }
        })?;
        let meta = std::fs::symlink_metadata(entry.path()).at("read", entry.path())?;
        entries.push(Entry { path: entry.into_path(), meta });
    }
    Ok(entries)
}

/// Two threads share the list: hashing and reading overlap, and more would only starve the running apps.
fn each_in_parallel(
    entries: &[Entry],
    f: impl Fn(&Entry) -> Result<[u8; 32], ImageError> + Sync,
) -> Result<Vec<[u8; 32]>, ImageError> {
    const BATCH: usize = 64;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, [u8; 32])>, ImageError> {
        let mut out = Vec::new();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= entries.len() {
                return Ok(out);
            }
            for (i, e) in entries.iter().enumerate().skip(start).take(BATCH) {
                out.push((i, f(e)?));
            }
        }
    };
    let mut all = vec![[0; 32]; entries.len()];
    thread::scope(|s| {
        let other = s.spawn(work);
        let mine = work();
        let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        for (i, d) in mine?.into_iter().chain(theirs?) {
            all[i] = d;
        }
        Ok(all)
    })
}

fn entry_digest(root: &Path, e: &Entry) -> Result<[u8; 32], ImageError> {
    let mut h = Sha256::new();
    let mut part = |bytes: &[u8]| {
        h.update((bytes.len() as u64).to_le_bytes());
        h.update(bytes);
    };
    part(e.path.strip_prefix(root).unwrap_or(&e.path).as_os_str().as_bytes());
    let kind = e.meta.file_type();
    // The mode holds the type too.
    for n in [e.meta.mode(), e.meta.uid(), e.meta.gid()] {
        part(&n.to_le_bytes());
    }
    let mut names: Vec<_> = xattr::list(&e.path)
        .at("read the attributes of", &e.path)?
        .filter(|n| counts(n.as_bytes()))
        .collect();
    names.sort();
    part(&(names.len() as u64).to_le_bytes());
    for name in names {
        let value = xattr::get(&e.path, &name).at("read the attributes of", &e.path)?.unwrap_or_default();
        part(name.as_bytes());
        part(&value);
    }
    if kind.is_symlink() {
        part(std::fs::read_link(&e.path).at("read", &e.path)?.as_os_str().as_bytes());
    } else if kind.is_char_device() || kind.is_block_device() {
        part(&e.meta.rdev().to_le_bytes());
    } else if kind.is_file() {
        part(&e.meta.len().to_le_bytes());
        let mut file = File::open(&e.path).at("read", &e.path)?;
        let mut buf = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buf).at("read", &e.path)? {
                0 => break,
                n => h.update(&buf[..n]),
            }
        }
    }
    Ok(h.finalize().into())
}

/// Attributes a reader of the layer can notice. The rest of overlayfs' own ones name inodes of this very disk.
fn counts(name: &[u8]) -> bool {
    match name.strip_prefix(b"trusted.overlay.").or_else(|| name.strip_prefix(b"user.overlay.")) {
        Some(overlay) => matches!(overlay, b"opaque" | b"whiteout" | b"redirect" | b"metacopy"),
        None => name == b"security.capability" || name.starts_with(b"user."),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    fn tree(change: impl FnOnce(&Path)) -> TreeDigest {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("bin")).unwrap();
        fs::write(root.join("bin/a"), "content").unwrap();
        fs::write(root.join("bin/b"), vec![7; 300_000]).unwrap();
        symlink("a", root.join("bin/link")).unwrap();
        change(root);
        digest(root).unwrap()
    }

    #[test]
    fn equal_trees_are_equal_whatever_their_times() {
        let a = tree(|_| {});
        let b = tree(|root| {
            let old = std::time::SystemTime::UNIX_EPOCH;
            File::options().append(true).open(root.join("bin/a")).unwrap().set_modified(old).unwrap();
        });
        assert_eq!((&a.id, a.bytes), (&b.id, 300_007));
        assert_ne!(a.shape, b.shape);
    }

    #[test]
    fn every_difference_a_reader_can_notice_counts() {
        let plain = tree(|_| {});
        type Change = (&'static str, fn(&Path));
        let changes: &[Change] = &[
            ("content", |r| fs::write(r.join("bin/a"), "c0ntent").unwrap()),
            ("mode", |r| fs::set_permissions(r.join("bin/a"), PermissionsExt::from_mode(0o4755)).unwrap()),
            ("root mode", |r| fs::set_permissions(r, PermissionsExt::from_mode(0o711)).unwrap()),
            ("name", |r| fs::rename(r.join("bin/a"), r.join("bin/c")).unwrap()),
            ("place", |r| fs::rename(r.join("bin/a"), r.join("a")).unwrap()),
            ("removed", |r| fs::remove_file(r.join("bin/b")).unwrap()),
            ("empty folder", |r| fs::create_dir(r.join("bin/x")).unwrap()),
            ("type", |r| {
                fs::remove_file(r.join("bin/link")).unwrap();
                fs::write(r.join("bin/link"), "a").unwrap();
            }),
            ("target", |r| {
                fs::remove_file(r.join("bin/link")).unwrap();
                symlink("b", r.join("bin/link")).unwrap();
            }),
            ("attribute", |r| xattr::set(r.join("bin"), "user.overlay.opaque", b"y").unwrap()),
        ];
        let mut seen = vec![("nothing", plain.id)];
        for (what, change) in changes {
            let id = tree(change).id;
            for (other, earlier) in &seen {
                assert_ne!(&id, earlier, "{what} looks like {other}");
            }
            seen.push((what, id));
        }
    }

    #[test]
    fn overlay_bookkeeping_does_not_count() {
        let (plain, noted) =
            (tree(|_| {}), tree(|r| xattr::set(r.join("bin"), "user.overlay.origin", b"x").unwrap()));
        assert_eq!(plain.id, noted.id);
    }
}
