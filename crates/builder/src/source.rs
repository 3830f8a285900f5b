//! A service's source folder: what is in it, and copying it into a layer.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::plan::Listing;

/// Folders that never belong into an image: they are made again, or are the history of the source.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".ipynb_checkpoints",
    "node_modules",
];

/// Text files larger than this are not looked into. A lock file of a large project is about 2 MB.
const MAX_TEXT: u64 = 8 << 20;

/// A source folder, read once.
#[derive(Debug)]
pub(crate) struct Source {
    root: PathBuf,
    entries: Vec<Entry>,
    /// What planning looks at.
    pub(crate) listing: Listing,
    /// Digest of every path, mode, link target and content.
    pub(crate) digest: String,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder,
    File { executable: bool },
    Link(PathBuf),
}

impl Source {
    /// Read the folder. Links are kept as links and never followed: they could lead anywhere on this host.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        let mut files = BTreeMap::new();
        let mut hash = Sha256::new();
        let walk = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(belongs) {
            let entry = entry?;
            let path = entry.path().strip_prefix(root).map_err(io::Error::other)?.to_owned();
            let file_type = entry.file_type();
            let kind = if file_type.is_dir() {
                Kind::Folder
            } else if file_type.is_symlink() {
                Kind::Link(fs::read_link(entry.path())?)
            } else if file_type.is_file() {
                Kind::File { executable: entry.metadata()?.mode() & 0o111 != 0 }
            } else {
                // Sockets, pipes and devices have no content to build from.
                continue;
            };
            part(&mut hash, path.as_os_str().as_bytes());
            match &kind {
                Kind::Folder => part(&mut hash, b"folder"),
                Kind::Link(target) => {
                    part(&mut hash, b"link");
                    part(&mut hash, target.as_os_str().as_bytes());
                }
                Kind::File { executable } => {
                    part(&mut hash, if *executable { b"program" } else { b"file" });
                    let text = digest_file(&entry, &path, &mut hash)?;
                    if let Some(name) = path.to_str() {
                        files.insert(name.to_owned(), text);
                    }
                }
            }
            entries.push(Entry { path, kind });
        }
        Ok(Self {
            root: root.to_owned(),
            entries,
            listing: Listing::new(files),
            digest: hex::encode(hash.finalize()),
        })
    }

    /// Copy it to `to`, owned by root. Times are kept: web frameworks derive cache tags of static files from them.
    pub(crate) fn copy_to(&self, to: &Path) -> io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in &self.entries {
            let (from, to) = (self.root.join(&entry.path), to.join(&entry.path));
            match &entry.kind {
                Kind::Folder => fs::create_dir(&to)?,
                Kind::Link(target) => symlink(target, &to)?,
                Kind::File { executable } => {
                    let (mut src, mut dst) = (File::open(&from)?, File::create_new(&to)?);
                    io::copy(&mut src, &mut dst)?;
                    dst.set_permissions(Permissions::from_mode(if *executable { 0o755 } else { 0o644 }))?;
                    dst.set_modified(src.metadata()?.modified()?)?;
                }
            }
        }
        Ok(())
    }
}

fn belongs(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let left_out = LEFT_OUT.iter().any(|n| name == *n)
        // A virtual environment under any other name.
        || entry.path().join("pyvenv.cfg").is_file();
    !(entry.file_type().is_dir() && left_out)
}

fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// Add a file's content to `hash`; returns its text if planning wants to read it.
fn digest_file(entry: &DirEntry, path: &Path, hash: &mut Sha256) -> io::Result<Option<String>> {
    let mut file = File::open(entry.path())?;
    let len = file.metadata()?.len();
    hash.update(len.to_le_bytes());
    if len <= MAX_TEXT && Listing::reads(path) {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        hash.update(&bytes);
        return Ok(String::from_utf8(bytes).ok());
    }
    let mut buf = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(None),
            n => hash.update(&buf[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for d in ["pkg", ".git", "pkg/__pycache__", "env/bin", "empty"] {
            fs::create_dir_all(root.join(d)).unwrap();
        }
        for (f, text) in [
            ("main.py", "x = 1\n"),
            ("requirements.txt", "fastapi\n"),
            ("pkg/data.bin", "\0\0"),
            ("pkg/__pycache__/a.pyc", "old"),
            (".git/HEAD", "ref"),
            ("env/pyvenv.cfg", "home = /usr"),
            ("env/bin/python", "elf"),
        ] {
            fs::write(root.join(f), text).unwrap();
        }
        symlink("/etc/shadow", root.join("setup.py")).unwrap();
        fs::set_permissions(root.join("main.py"), Permissions::from_mode(0o700)).unwrap();
        dir
    }

    #[test]
    fn what_belongs_is_listed_and_copied() {
        let dir = folder();
        let source = Source::read(dir.path()).unwrap();
        let names: Vec<_> = source.listing.paths().collect();
        assert_eq!(names, ["main.py", "pkg/data.bin", "requirements.txt"]);
        assert_eq!(source.listing.text("main.py"), Some("x = 1\n"));
        assert_eq!(source.listing.text("pkg/data.bin"), None);
        assert_eq!(source.listing.text("setup.py"), None, "a link must not be followed");

        let to = tempfile::tempdir().unwrap();
        let app = to.path().join("app");
        source.copy_to(&app).unwrap();
        let copied = Source::read(&app).unwrap();
        assert_eq!(copied.digest, source.digest);
        assert!(!app.join(".git").exists() && !app.join("env").exists());
        assert_eq!(fs::read_link(app.join("setup.py")).unwrap(), Path::new("/etc/shadow"));
        assert_eq!(fs::metadata(app.join("main.py")).unwrap().mode() & 0o7777, 0o755);
        let time = |p: &Path| fs::metadata(p.join("main.py")).unwrap().modified().unwrap();
        assert_eq!(time(&app), time(dir.path()));
    }

    #[test]
    fn the_digest_is_of_content() {
        let dir = folder();
        let digest = || Source::read(dir.path()).unwrap().digest;
        let before = digest();
        fs::write(dir.path().join(".git/HEAD"), "other").unwrap();
        File::options()
            .append(true)
            .open(dir.path().join("main.py"))
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert_eq!(digest(), before, "history and times do not count");
        fs::write(dir.path().join("pkg/data.bin"), "\0\x01").unwrap();
        assert_ne!(digest(), before);
    }
}
