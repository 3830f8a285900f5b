//! Small files that say what is there.

use std::{fs, io, path::Path};

/// Write a file as a whole or not at all: whoever reads it meets the old text or the new, also after a full disk, and
/// where another process writes it too. Not synced: what a power failure takes is found out again.
///
/// # Errors
/// When it cannot be written; an older one is still there then.
pub fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension(format!("new{}", std::process::id()));
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        fs::remove_file(&new).ok();
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_text_outlives_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_whole(&path, b"old").unwrap();
        fs::create_dir(dir.path().join(format!("a.json.new{}", std::process::id()))).unwrap();
        write_whole(&path, b"new").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
