//! One time for all compiled modules, so that equal packages are equal layers whenever they were installed.
//!
//! Python notes in what it compiles when the source was last changed, and compiles it anew when that is another time. That
//! note is the only difference between two installations of the same packages.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use walkdir::WalkDir;

/// The first of January 1980: archives cannot tell earlier ones.
const TIME: u32 = 315_532_800;

/// Give the sources of compiled modules below `tree` one time, and have the compiled ones say so. Those that would not be
/// used as they are stay as they are. Nothing may be writing to the tree any more; no link is followed.
pub(super) fn level(tree: &Path) -> io::Result<()> {
    let mut usable = Vec::new();
    for entry in WalkDir::new(tree) {
        let entry = entry?;
        let Some(source) = source_of(entry.path()).filter(|_| entry.file_type().is_file()) else { continue };
        let about = fs::symlink_metadata(&source).ok().filter(Metadata::is_file);
        if about.is_some_and(|about| is_of(entry.path(), &about)) {
            usable.push((entry.into_path(), source));
        }
    }
    // A source may be compiled more than once, so all are judged before the first is changed.
    for (compiled, source) in usable {
        File::options().write(true).open(compiled)?.write_all_at(&TIME.to_le_bytes(), 8)?;
        File::open(source)?.set_modified(UNIX_EPOCH + Duration::from_secs(TIME.into()))?;
    }
    Ok(())
}

/// Whether Python would take it for compiled from this source. PEP 552: a number of the version, flags, then of the source
/// the time and the size, each modulo 2^32.
fn is_of(compiled: &Path, source: &Metadata) -> bool {
    let mut head = [0; 16];
    let read = File::open(compiled).and_then(|file| file.read_exact_at(&mut head, 0));
    let [time, size] = [source.mtime().cast_unsigned(), source.size()].map(u64::to_le_bytes);
    read.is_ok() && head[4..8] == [0; 4] && head[8..12] == time[..4] && head[12..] == size[..4]
}

/// `a/b.py` of `a/__pycache__/b.cpython-311.pyc`.
fn source_of(compiled: &Path) -> Option<PathBuf> {
    let name = compiled.file_name()?.to_str()?.strip_suffix(".pyc")?;
    let (module, _) = name.split_once('.')?;
    let folder = compiled.parent()?;
    (folder.file_name()? == "__pycache__").then(|| folder.with_file_name(format!("{module}.py")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn compiled(flags: u32, time: u32, size: u32) -> Vec<u8> {
        let head = [*b"\xa7\r\r\n", flags.to_le_bytes(), time.to_le_bytes(), size.to_le_bytes()];
        [head.as_flattened(), b"code"].concat()
    }

    #[test]
    fn only_what_is_used_as_it_is_changes() {
        for (what, flags, time, size, levelled) in [
            ("of this source", 0, 1000, 5, true),
            ("of an earlier one", 0, 999, 5, false),
            ("of another size", 0, 1000, 4, false),
            ("by its content", 1, 1000, 5, false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let (source, cache) = (dir.path().join("m.py"), dir.path().join("__pycache__"));
            let (pyc, optimised) = (cache.join("m.cpython-311.pyc"), cache.join("m.cpython-311.opt-1.pyc"));
            fs::create_dir(&cache).unwrap();
            fs::write(&source, "x = 1").unwrap();
            File::open(&source).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
            fs::write(&pyc, compiled(flags, time, size)).unwrap();
            fs::write(&optimised, compiled(flags, time, size)).unwrap();
            fs::write(cache.join("short.cpython-311.pyc"), "x").unwrap();
            symlink("m.cpython-311.pyc", cache.join("n.cpython-311.pyc")).unwrap();
            symlink("/etc/hostname", dir.path().join("n.py")).unwrap();
            level(dir.path()).unwrap();
            let (now, want) = if levelled { (TIME, TIME) } else { (1000, time) };
            assert_eq!(fs::metadata(&source).unwrap().mtime(), i64::from(now), "{what}");
            for pyc in [&pyc, &optimised] {
                assert_eq!(fs::read(pyc).unwrap(), compiled(flags, want, size), "{what}");
            }
        }
    }

    #[test]
    fn compiled_modules_have_a_source() {
        for (compiled, source) in [
            ("a/__pycache__/b.cpython-311.pyc", Some("a/b.py")),
            ("a/__pycache__/b.cpython-311.opt-1.pyc", Some("a/b.py")),
            ("a/b.pyc", None),
            ("a/__pycache__/b.py", None),
        ] {
            assert_eq!(source_of(Path::new(compiled)), source.map(PathBuf::from), "{compiled}");
        }
    }
}
