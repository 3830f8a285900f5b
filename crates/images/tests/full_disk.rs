//! What a full disk leaves. Needs root, to mount a small file system.
#![allow(missing_docs)]

use std::{fs, path::Path, process::ExitCode};

use dormouse_images::{CacheKey, Lookup, Store};
use nix::mount::{MsFlags, mount, umount};

struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn at(path: &'a Path) -> Self {
        mount(Some("none"), path, Some("tmpfs"), MsFlags::empty(), Some("size=256k")).unwrap();
        Self(path)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        umount(self.0).ok();
    }
}

fn a_full_disk_names_the_path_and_leaves_no_half_layer() {
    let dir = tempfile::tempdir().unwrap();
    let _mounted = Mounted::at(dir.path());
    let store = Store::open(dir.path()).unwrap();
    let draft = store.begin_layer().unwrap();
    let filler = dir.path().join("filler");
    fs::write(draft.path().join("file"), vec![1; 100_000]).unwrap();
    assert!(fs::write(&filler, vec![0; 300_000]).is_err(), "the disk is full now");
    let error = draft.commit(Some(&CacheKey::new("k"))).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert!(
        error.contains(dir.path().to_str().unwrap()) && error.contains("hint: free some space"),
        "{error}"
    );
    for room in ["layers", "tmp"] {
        assert_eq!(fs::read_dir(dir.path().join(room)).unwrap().count(), 0, "{room} is empty");
    }
    assert_eq!(store.layer_for_key(&CacheKey::new("k")), Lookup::Missing);
    fs::remove_file(filler).unwrap();
    let draft = store.begin_layer().unwrap();
    fs::write(draft.path().join("file"), "works again").unwrap();
    draft.commit(None).unwrap();
}

fn main() -> ExitCode {
    let tests: &[(&str, fn())] = &[(
        "a_full_disk_names_the_path_and_leaves_no_half_layer",
        a_full_disk_names_the_path_and_leaves_no_half_layer,
    )];
    dormouse_trials::run(dormouse_trials::lacks_root(), tests)
}
