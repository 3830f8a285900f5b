//! What reads strangers' bytes, given what is nearly as it should be.

use std::path::Path;

use crate::unpack::{Limits, unpack};

/// An upload, into a folder that is empty and nowhere else. Whether it was taken.
pub fn upload(bytes: &[u8], dir: &Path) -> bool {
    unpack(bytes, dir, Limits { bytes: 1 << 20, entries: 1000 }).is_ok()
}

#[cfg(test)]
mod tests {
    use dormouse_trials::nearly;

    use super::*;

    #[test]
    fn uploads() {
        let seed = include_bytes!("../../../fuzz/seeds/upload/source");
        let outer = tempfile::tempdir().unwrap();
        let seen = tempfile::tempdir().unwrap();
        assert!(upload(seed, seen.path()), "the seed is one");
        nearly(&[seed], |bytes| {
            let dir = outer.path().join("source");
            std::fs::create_dir(&dir).unwrap();
            upload(bytes, &dir);
            std::fs::remove_dir_all(&dir).unwrap();
            assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 0, "it wrote beside its folder");
        });
    }
}
