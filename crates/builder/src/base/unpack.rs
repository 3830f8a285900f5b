//! Putting a package's files into a root, and never anywhere else.
//!
//! Names are followed within the root by the kernel (`RESOLVE_IN_ROOT`), so that links such as `/bin → usr/bin`
//! work and links out of the root lead nowhere.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, chownat, fchmod,
        fchown, futimens, linkat, mkdirat, openat, openat2, statat, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};
use tar::{Archive, EntryType};

/// A root being filled.
#[derive(Debug)]
pub(super) struct Root {
    dir: OwnedFd,
}

/// The folder last written to; archives list a folder's files together.
struct Recent {
    path: PathBuf,
    fd: OwnedFd,
}

/// Documentation and translations that nobody reads in a sandbox; licences stay.
fn is_left_out(path: &Path) -> bool {
    let under = |dir: &str| path.strip_prefix(dir).ok().filter(|rest| rest.components().next().is_some());
    if let Some(rest) = under("usr/share/doc") {
        // A folder of its own per package, for its licence.
        return rest.components().count() > 1 && rest.file_name().is_none_or(|n| n != "copyright");
    }
    ["usr/share/man", "usr/share/info", "usr/share/lintian", "usr/share/linda", "usr/share/groff"]
        .iter()
        .any(|dir| under(dir).is_some())
        || under("usr/share/locale").is_some_and(|rest| rest != Path::new("locale.alias"))
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { dir: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Unpack a data archive. Configuration files are put down under the name dpkg looks for when it configures the
    /// package. Returns every path in the archive, as dpkg lists them.
    pub(super) fn unpack<R: Read>(
        &self,
        archive: &mut Archive<R>,
        conffiles: &BTreeSet<PathBuf>,
    ) -> io::Result<Vec<String>> {
        let mut list = Vec::new();
        let mut recent = None;
        for entry in archive.entries()? {
            let mut entry = entry?;
            let mut path = clean(Path::new(std::ffi::OsStr::from_bytes(&entry.path_bytes())))?;
            list.push(if path.as_os_str().is_empty() {
                "/.".to_owned()
            } else {
                format!("/{}", path.display())
            });
            if is_left_out(&path) {
                continue;
            }
            if conffiles.contains(&path) {
                path.as_mut_os_string().push(".dpkg-new");
            }
            self.put(&mut entry, &path, &mut recent)
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        }
        Ok(list)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum of everything a tar can hold")]
    fn put<R: Read>(
        &self,
        entry: &mut tar::Entry<'_, R>,
        path: &Path,
        recent: &mut Option<Recent>,
    ) -> io::Result<()> {
        let header = entry.header();
        let kind = header.entry_type();
        let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
        let id = |n: u64| u32::try_from(n).map_err(io::Error::other);
        let owner = (Uid::from_raw(id(header.uid()?)?), Gid::from_raw(id(header.gid()?)?));
        let (uid, gid) = (Some(owner.0), Some(owner.1));
        let mtime = i64::try_from(header.mtime()?).map_err(io::Error::other)?;
        let at = Timespec { tv_sec: mtime, tv_nsec: 0 };
        let times = Timestamps { last_access: at, last_modification: at };

        let Some(name) = path.file_name() else {
            // The root folder itself.
            fchmod(&self.dir, mode)?;
            return Ok(());
        };
        let parent = self.parent(path, recent)?;
        let make_room = || match unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::NOENT) | Ok(()) => Ok(()),
            Err(e) => Err(io::Error::from(e)),
        };
        match kind {
            EntryType::Directory => {
                match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
                    Err(Errno::EXIST) => {
                        // A link to a folder stays: it is how the merged /usr works.
                        let what =
                            FileType::from_raw_mode(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
                        if what == FileType::Symlink {
                            return self.folder(path).map(drop);
                        }
                    }
                    other => other?,
                }
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let dir = openat(parent, name, flags, Mode::empty())?;
                fchown(&dir, uid, gid)?;
                fchmod(&dir, mode)?;
            }
            EntryType::Regular | EntryType::Continuous => {
                make_room()?;
                let flags =
                    OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mut file = File::from(openat(parent, name, flags, Mode::from_raw_mode(0o600))?);
                io::copy(entry, &mut file)?;
                fchown(&file, uid, gid)?;
                // After the owner: changing that clears setuid.
                fchmod(&file, mode)?;
                futimens(&file, &times)?;
            }
            EntryType::Symlink => {
                let to = entry.link_name_bytes().ok_or_else(|| bad("a link without a target"))?;
                make_room()?;
                symlinkat(&*to, parent, name)?;
                chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
                utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            EntryType::Link => {
                let to = entry.link_name_bytes().ok_or_else(|| bad("a link without a target"))?;
                let to = clean(Path::new(std::ffi::OsStr::from_bytes(&to)))?;
                let old = to.file_name().ok_or_else(|| bad("a link to the root"))?;
                let from = self.folder(to.parent().unwrap_or(Path::new("")))?;
                make_room()?;
                linkat(&from, old, parent, name, AtFlags::empty())?;
            }
            other => return Err(bad(&format!("{other:?} is neither a file, a folder nor a link"))),
        }
        Ok(())
    }

    /// The folder a path lies in, made when no package has brought it.
    fn parent<'r>(&self, path: &Path, recent: &'r mut Option<Recent>) -> io::Result<&'r OwnedFd> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let known = recent.take().filter(|r| r.path == parent);
        let found = match known {
            Some(known) => known,
            None => Recent { path: parent.to_owned(), fd: self.made_folder(parent)? },
        };
        Ok(&recent.insert(found).fd)
    }

    fn made_folder(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.folder(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name().ok_or(e)?;
                let above = self.made_folder(path.parent().unwrap_or(Path::new("")))?;
                match mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
                    // Another package's thread may have been faster.
                    Err(Errno::EXIST) | Ok(()) => self.folder(path),
                    Err(e) => Err(e.into()),
                }
            }
            other => other,
        }
    }

    /// Open a folder without leaving the root.
    fn folder(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match openat2(self.dir.as_fd(), path, flags, Mode::empty(), resolve) {
                // A rename elsewhere on the host while a `..` was followed.
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
    }
}

/// A path without `.`; one with `..` is refused.
fn clean(path: &Path) -> io::Result<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(bad("a name that leads upwards")),
        }
    }
    Ok(clean)
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, symlink},
    };

    use tar::{Builder, Header};

    use super::*;

    enum Part {
        File(&'static str, &'static str),
        Dir(&'static str),
        Link(&'static str, &'static str),
        Hard(&'static str, &'static str),
        Device(&'static str),
    }

    /// A tar of names as hostile as they come: the tar crate's own checks are passed by.
    fn tar(parts: &[Part]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for part in parts {
            let (name, kind, target, content) = match part {
                Part::File(name, content) => (*name, EntryType::Regular, "", *content),
                Part::Dir(name) => (*name, EntryType::Directory, "", ""),
                Part::Link(name, to) => (*name, EntryType::Symlink, *to, ""),
                Part::Hard(name, to) => (*name, EntryType::Link, *to, ""),
                Part::Device(name) => (*name, EntryType::Char, "", ""),
            };
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_entry_type(kind);
            header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o4751 });
            header.set_uid(nix::unistd::getuid().as_raw().into());
            header.set_gid(nix::unistd::getgid().as_raw().into());
            header.set_mtime(1_000_000_000);
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append(&header, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    struct Bench {
        outside: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let outside = tempfile::tempdir().unwrap();
            fs::create_dir_all(outside.path().join("root/usr/bin")).unwrap();
            symlink("usr/bin", outside.path().join("root/bin")).unwrap();
            fs::write(outside.path().join("secret"), "untouched").unwrap();
            Self { outside }
        }

        fn root(&self) -> PathBuf {
            self.outside.path().join("root")
        }

        fn unpack(&self, parts: &[Part]) -> io::Result<Vec<String>> {
            let bytes = tar(parts);
            let conffiles = BTreeSet::from([PathBuf::from("etc/x.conf")]);
            Root::open(&self.root())?.unpack(&mut Archive::new(&*bytes), &conffiles)
        }
    }

    #[test]
    fn files_links_and_configuration() {
        let b = Bench::new();
        let list = b
            .unpack(&[
                Part::Dir("./"),
                Part::Dir("./bin/"),
                Part::File("./bin/tool", "run"),
                Part::Link("./usr/bin/alias", "tool"),
                Part::Hard("./usr/bin/same", "./bin/tool"),
                Part::File("./etc/x.conf", "setting"),
                Part::File("./usr/share/doc/x/changelog.gz", "long"),
                Part::File("./usr/share/doc/x/copyright", "MIT"),
                Part::File("./usr/share/man/man1/x.1.gz", "how"),
                Part::File("./usr/share/locale/de/x.mo", "wie"),
            ])
            .unwrap();
        assert_eq!(&list[..3], ["/.", "/bin", "/bin/tool"], "dpkg lists what is left out too");
        assert_eq!(list.len(), 10);
        let root = b.root();
        assert!(root.join("bin").is_symlink(), "the merged /usr stays");
        assert_eq!(fs::read_to_string(root.join("usr/bin/tool")).unwrap(), "run");
        let meta = fs::metadata(root.join("usr/bin/tool")).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime(), meta.nlink()), (0o4751, 1_000_000_000, 2));
        assert_eq!(fs::read_link(root.join("usr/bin/alias")).unwrap(), Path::new("tool"));
        assert_eq!(fs::read_to_string(root.join("etc/x.conf.dpkg-new")).unwrap(), "setting");
        assert!(!root.join("etc/x.conf").exists());
        assert!(root.join("usr/share/doc/x/copyright").exists());
        for out in ["usr/share/doc/x/changelog.gz", "usr/share/man", "usr/share/locale"] {
            assert!(!root.join(out).exists(), "{out}");
        }
    }

    #[test]
    fn nothing_gets_out_of_the_root() {
        for (what, parts) in [
            ("upwards", vec![Part::File("../secret", "evil")]),
            ("upwards in the middle", vec![Part::File("usr/../../secret", "evil")]),
            ("a link upwards", vec![Part::Link("out", "../"), Part::File("out/secret", "evil")]),
            (
                "many links upwards",
                vec![Part::Link("a", "../../.."), Part::Link("b", "a/.."), Part::File("b/secret", "evil")],
            ),
            ("an absolute link", vec![Part::Link("abs", "/"), Part::File("abs/secret", "evil")]),
            ("a link that is a file", vec![Part::Link("f", "../secret"), Part::File("f", "evil")]),
            ("a hard link to it", vec![Part::Hard("h", "../secret"), Part::File("h", "evil")]),
            (
                "a hard link through a link",
                vec![Part::Link("up", ".."), Part::Hard("h", "up/secret"), Part::File("h", "evil")],
            ),
            (
                "a folder over a link out",
                vec![Part::Link("d", "../"), Part::Dir("d"), Part::File("d/secret", "evil")],
            ),
            ("proc", vec![Part::Link("p", "/proc/self/cwd"), Part::File("p/secret", "evil")]),
        ] {
            let b = Bench::new();
            // Refused or kept inside; either will do.
            let done = b.unpack(&parts);
            let secret = b.outside.path().join("secret");
            assert_eq!(fs::read_to_string(&secret).unwrap(), "untouched", "{what}: {done:?}");
            assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1, "{what}: {done:?}");
            assert_eq!(fs::read_dir(b.outside.path()).unwrap().count(), 2, "{what}: {done:?}");
        }
    }

    #[test]
    fn what_no_package_has_is_refused() {
        let b = Bench::new();
        let error = b.unpack(&[Part::Device("dev/mem")]).unwrap_err();
        assert!(error.to_string().starts_with("dev/mem: "), "{error}");
    }
}
