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

use sha2::{Digest as _, Sha256};
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

/// Files that only say what is left out, and leftovers of editors and desktops: an open editor must not look like a
/// change, and no app reads them.
fn is_noise(name: &str) -> bool {
    let vim = |name: &str| name.starts_with('.') && name.len() > 5 && name[..name.len() - 1].ends_with(".sw");
    let emacs = |name: &str| name.starts_with(".#") || (name.starts_with('#') && name.ends_with('#'));
    [".gitignore", ".dockerignore", ".dormouseignore", ".DS_Store", "Thumbs.db"].contains(&name)
        || name.ends_with('~')
        || name.starts_with(".~lock.")
        || emacs(name)
        || (name.is_ascii() && vim(name))
}

/// Text files larger than this are not looked into. A lock file of a large project is about 2 MB.
const MAX_TEXT: u64 = 8 << 20;

/// A source folder, read once.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    root: PathBuf,
    entries: Vec<Entry>,
    /// What planning looks at.
    pub(crate) listing: Listing,
    /// Digest of every path, mode, link target and content.
    pub(crate) digest: String,
}

#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Folder,
    File { executable: bool, digest: Digest },
    Link(PathBuf),
}

/// SHA-256 of a file's content.
pub(crate) type Digest = [u8; 32];

impl Source {
    /// Read the folder, but for the paths below it that `leaves_out` names. Links are kept as links and never followed: they could lead
    /// anywhere on this host.
    pub(crate) fn read(root: &Path, leaves_out: impl Fn(&Path) -> bool) -> io::Result<Self> {
        let mut entries = Vec::new();
        let mut files = BTreeMap::new();
        let walk = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
        let is_part = |e: &DirEntry| belongs(e) && !e.path().strip_prefix(root).is_ok_and(&leaves_out);
        for entry in walk.filter_entry(is_part) {
            let entry = entry?;
            let path = entry.path().strip_prefix(root).map_err(io::Error::other)?.to_owned();
            let file_type = entry.file_type();
            let kind = if file_type.is_dir() {
                Kind::Folder
            } else if file_type.is_symlink() {
                Kind::Link(fs::read_link(entry.path())?)
            } else if file_type.is_file() {
                let (text, digest) = read_file(&entry, &path)?;
                if let Some(name) = path.to_str() {
                    files.insert(name.to_owned(), text);
                }
                Kind::File { executable: entry.metadata()?.mode() & 0o111 != 0, digest }
            } else {
                // Sockets, pipes and devices have no content to build from.
                continue;
            };
            entries.push(Entry { path, kind });
        }
        Ok(Self { root: root.to_owned(), digest: digest(&entries), entries, listing: Listing::new(files) })
    }

    /// Only the files and links that are `wanted`, and the folders that they are in or that were empty before.
    pub(crate) fn only(&self, wanted: impl Fn(&Path) -> bool) -> Self {
        let mut entries = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let kept = match &entry.kind {
                Kind::File { .. } | Kind::Link(_) => wanted(&entry.path),
                Kind::Folder => {
                    let mut below = self.entries[at + 1..]
                        .iter()
                        .take_while(|e| e.path.starts_with(&entry.path))
                        .peekable();
                    let is_kept = |e: &Entry| !matches!(e.kind, Kind::Folder) && wanted(&e.path);
                    below.peek().is_none() || below.any(is_kept)
                }
            };
            if kept {
                entries.push(entry.clone());
            }
        }
        Self { root: self.root.clone(), digest: digest(&entries), entries, listing: self.listing.clone() }
    }

    /// Its files, each with the digest of its content.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &Digest)> {
        self.entries.iter().filter_map(|e| match &e.kind {
            Kind::File { digest, .. } => Some((e.path.as_path(), digest)),
            Kind::Folder | Kind::Link(_) => None,
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
                Kind::File { executable, .. } => {
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
    if !entry.file_type().is_dir() {
        return !name.to_str().is_some_and(is_noise);
    }
    let left_out = || {
        LEFT_OUT.iter().any(|n| name == *n)
            // A virtual environment under any other name.
            || entry.path().join("pyvenv.cfg").is_file()
            || is_cache(entry.path())
    };
    !left_out()
}

/// Whether a folder says of itself that it can be made again, as cargo's does (<https://bford.info/cachedir/>).
fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    tag.symlink_metadata().is_ok_and(|m| m.is_file())
        && fs::read(tag).is_ok_and(|t| t.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"))
}

/// Of everything that ends up in a layer.
fn digest(entries: &[Entry]) -> String {
    let mut hash = Sha256::new();
    for entry in entries {
        part(&mut hash, entry.path.as_os_str().as_bytes());
        match &entry.kind {
            Kind::Folder => part(&mut hash, b"folder"),
            Kind::Link(target) => {
                part(&mut hash, b"link");
                part(&mut hash, target.as_os_str().as_bytes());
            }
            Kind::File { executable, digest } => {
                part(&mut hash, if *executable { b"program" } else { b"file" });
                part(&mut hash, digest);
            }
        }
    }
    hex::encode(hash.finalize())
}

fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// A file's text, if planning wants to read it, and the digest of its content.
fn read_file(entry: &DirEntry, path: &Path) -> io::Result<(Option<String>, Digest)> {
    let mut file = File::open(entry.path())?;
    if file.metadata()?.len() <= MAX_TEXT && Listing::reads(path) {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let digest = Sha256::digest(&bytes).into();
        return Ok((String::from_utf8(bytes).ok(), digest));
    }
    let mut hash = Sha256::new();
    let mut buf = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok((None, hash.finalize().into())),
            n => hash.update(&buf[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::manifest::{ManifestInput, resolve};

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
        let source = Source::read(dir.path(), |_| false).unwrap();
        let names: Vec<_> = source.listing.paths().collect();
        assert_eq!(names, ["main.py", "pkg/data.bin", "requirements.txt"]);
        assert_eq!(source.listing.text("main.py"), Some("x = 1\n"));
        assert_eq!(source.listing.text("pkg/data.bin"), None);
        assert_eq!(source.listing.text("setup.py"), None, "a link must not be followed");

        let to = tempfile::tempdir().unwrap();
        let app = to.path().join("app");
        source.copy_to(&app).unwrap();
        let copied = Source::read(&app, |_| false).unwrap();
        assert_eq!(copied.digest, source.digest);
        assert!(!app.join(".git").exists() && !app.join("env").exists());
        assert_eq!(fs::read_link(app.join("setup.py")).unwrap(), Path::new("/etc/shadow"));
        assert_eq!(fs::metadata(app.join("main.py")).unwrap().mode() & 0o7777, 0o755);
        let time = |p: &Path| fs::metadata(p.join("main.py")).unwrap().modified().unwrap();
        assert_eq!(time(&app), time(dir.path()));
    }

    #[test]
    fn a_part_of_it_has_no_folders_that_are_empty_only_now() {
        let dir = folder();
        let root = dir.path();
        fs::create_dir_all(root.join("target/release")).unwrap();
        fs::write(root.join("target/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
        fs::write(root.join("target/release/app"), "elf").unwrap();
        let source = Source::read(root, |_| false).unwrap();
        let no_data = source.only(|p| p.extension().is_none_or(|e| e != "bin"));
        assert_ne!(no_data.digest, source.digest);
        let to = tempfile::tempdir().unwrap();
        no_data.copy_to(to.path()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(to.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["empty", "main.py", "requirements.txt", "setup.py"]);
        assert_eq!(source.only(|_| true).digest, source.digest);
    }

    #[test]
    fn the_digest_is_of_content() {
        let dir = folder();
        let digest = || Source::read(dir.path(), |_| false).unwrap().digest;
        let before = digest();
        fs::write(dir.path().join(".git/HEAD"), "other").unwrap();
        for open_in_an_editor in
            [".main.py.swp", "main.py~", "pkg/.#a.py", "#main.py#", ".DS_Store", ".gitignore"]
        {
            fs::write(dir.path().join(open_in_an_editor), "x").unwrap();
        }
        File::options()
            .append(true)
            .open(dir.path().join("main.py"))
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert_eq!(digest(), before, "history, times and what editors leave do not count");
        fs::write(dir.path().join(".swp"), "x").unwrap();
        assert_ne!(digest(), before, "a file's name, not an ending");
        fs::remove_file(dir.path().join(".swp")).unwrap();
        fs::write(dir.path().join("pkg/data.bin"), "\0\x01").unwrap();
        assert_ne!(digest(), before);
    }

    /// Bug: one line changed in `frontend/`, or the manifest, and the backend, whose source is `.`, was another image.
    #[test]
    fn what_is_another_service_s_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for file in
            ["main.py", "dormouse.toml", "frontend/app.py", "frontend/shared/api.py", "lib/frontend/a.py"]
        {
            write(file, "x = 1");
        }
        let mut input = ManifestInput::new("shop");
        let manifest =
            "[services.web]\nsource = \".\"\ninclude = [\"frontend/shared\"]\n[services.frontend]\n";
        input.add_file("dormouse.toml", manifest);
        input.add_file("frontend/app.py", "");
        let spec = resolve(&input).unwrap().0.services.remove(&"web".parse().unwrap()).unwrap();
        let read = || Source::read(dir.path(), |path| spec.leaves_out(path)).unwrap();
        let before = read();
        let names: Vec<_> = before.listing.paths().collect();
        assert_eq!(names, ["frontend/shared/api.py", "lib/frontend/a.py", "main.py"]);
        write("frontend/app.py", "x = 2");
        write("dormouse.toml", "# another");
        assert_eq!(read().digest, before.digest);
        write("frontend/shared/api.py", "x = 2");
        assert_ne!(read().digest, before.digest);
    }
}
