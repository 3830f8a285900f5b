//! A service's source folder: what is in it, and copying it into a layer.

mod read;

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::plan::Listing;
pub(crate) use read::{Folder, ReadError};

/// A source folder, read once.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    entries: Vec<Entry>,
    /// What planning looks at.
    pub(crate) listing: Listing,
    /// Digest of every path, mode, link target and content.
    pub(crate) digest: String,
    /// Things worth saying in the build log.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Where it is in the source.
    path: PathBuf,
    /// Where it is on this host.
    from: PathBuf,
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
        Self { digest: digest(&entries), entries, listing: self.listing.clone(), notes: Vec::new() }
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
            let (from, to) = (&entry.from, to.join(&entry.path));
            match &entry.kind {
                Kind::Folder => fs::create_dir(&to)?,
                Kind::Link(target) => symlink(target, &to)?,
                Kind::File { executable, .. } => {
                    let (mut src, mut dst) = (File::open(from)?, File::create_new(&to)?);
                    io::copy(&mut src, &mut dst)?;
                    dst.set_permissions(Permissions::from_mode(if *executable { 0o755 } else { 0o644 }))?;
                    dst.set_modified(src.metadata()?.modified()?)?;
                }
            }
        }
        Ok(())
    }
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

#[cfg(test)]
impl Source {
    /// Read a folder that is a project of its own.
    pub(crate) fn of(root: &Path) -> Self {
        Self::read(&Folder {
            source: root,
            project: root,
            include: &[].into(),
            leaves_out: &|_| false,
            withheld: &[],
            reads: crate::language::reads,
        })
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

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
        let source = Source::of(dir.path());
        let names: Vec<_> = source.listing.paths().collect();
        assert_eq!(names, ["main.py", "pkg/data.bin", "requirements.txt", "setup.py"]);
        assert_eq!(source.listing.text("main.py"), Some("x = 1\n"));
        assert_eq!(source.listing.text("pkg/data.bin"), None);
        assert_eq!(source.listing.text("setup.py"), None, "a link must not be followed");

        let to = tempfile::tempdir().unwrap();
        let app = to.path().join("app");
        source.copy_to(&app).unwrap();
        let copied = Source::of(&app);
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
        let source = Source::of(root);
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
        let digest = || Source::of(dir.path()).digest;
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
        let spec =
            resolve(&input, crate::LANGUAGES).unwrap().0.services.remove(&"web".parse().unwrap()).unwrap();
        let leaves_out = |path: &Path| spec.leaves_out(path);
        let (source, include) = (dir.path(), &spec.include);
        let read = || {
            Source::read(&Folder {
                source,
                project: source,
                include,
                leaves_out: &leaves_out,
                withheld: &[],
                reads: crate::language::reads,
            })
            .unwrap()
        };
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
