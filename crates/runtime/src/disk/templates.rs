//! Empty file systems, made once for each size, of which each instance gets a copy.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{SeekFrom, copy_file_range, seek},
    io::Errno,
};

use super::Disk;
use crate::modules;

/// Where it may lie; root's search path need not hold `sbin`.
const MAKERS: [&str; 3] = ["mke2fs", "/usr/sbin/mke2fs", "/sbin/mke2fs"];

/// Whatever the host's `mke2fs.conf` says. No log: nothing of it outlives a crash anyway.
const FEATURES: &str = "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

const BLOCK: u64 = 4096;

/// Bytes of a disk for each of which there is one file, folder or link.
pub const BYTES_PER_FILE: u64 = 16 << 10;

/// Those of one server.
pub(crate) struct Templates {
    dir: PathBuf,
    /// Whether this host can do it; `None` until it was tried.
    works: Mutex<Option<bool>>,
}

impl Templates {
    /// Those of the server with this state folder.
    pub(crate) fn new(state: &Path) -> Self {
        Self { dir: state.join("cache").join("disks"), works: Mutex::new(None) }
    }

    /// An empty file system of this size; `None` where this host cannot have one, which is said once.
    ///
    /// # Errors
    /// When it could not be made, although others were, or there is no room for it.
    pub(crate) fn of(&self, bytes: u64) -> io::Result<Option<PathBuf>> {
        // Held all the time, so that nobody makes one twice.
        let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        match *works {
            Some(false) => Ok(None),
            Some(true) => self.have(bytes).map(Some),
            None => {
                let tried = self.have(bytes).and_then(|template| {
                    let image = self.dir.join(format!("trial{}", std::process::id()));
                    let made = Disk { template: template.clone(), image: image.clone() }.make(&[]);
                    fs::remove_file(image).ok();
                    made.map(|_| template)
                });
                match tried {
                    Err(e) if is_full(&e) => Err(e),
                    Err(e) => {
                        *works = Some(false);
                        tracing::warn!(
                            "what apps write is not bounded: this host gives them no disks of their own: {e}"
                        );
                        Ok(None)
                    }
                    Ok(template) => {
                        *works = Some(true);
                        Ok(Some(template))
                    }
                }
            }
        }
    }

    fn have(&self, bytes: u64) -> io::Result<PathBuf> {
        let bytes = bytes / BLOCK * BLOCK;
        let path = self.dir.join(format!("{bytes}.ext4"));
        if path.exists() {
            return Ok(path);
        }
        fs::create_dir_all(&self.dir)?;
        let new = path.with_extension("new");
        let made = make(&new, bytes).and_then(|()| fs::rename(&new, &path));
        if made.is_err() {
            fs::remove_file(&new).ok();
        }
        made.map(|()| path)
    }
}

/// What this host lacks for it, as far as can be seen without trying.
pub(crate) fn what_lacks() -> Option<&'static str> {
    if !Path::new("/dev/loop-control").exists() && !modules::is_loadable("loop") {
        return Some("there are no loop devices");
    }
    let makes = MAKERS.iter().any(|maker| {
        let mut asked = Command::new(maker);
        asked.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok()
    });
    if makes { None } else { Some("there is no mke2fs") }
}

fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes)?;
    let per_file = BYTES_PER_FILE.to_string();
    let args: [&OsStr; 15] = [
        "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", "4096", "-I", "256", "-m", "0", "-i", &per_file, "-E",
    ]
    .map(OsStr::new);
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for maker in MAKERS {
        let made = Command::new(maker)
            .args(args)
            .arg("lazy_itable_init=1,nodiscard,root_owner=0:0")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output();
        match made {
            Ok(done) if done.status.success() => return file.sync_all(),
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                return Err(io::Error::other(format!("mke2fs: {}", said.trim())));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                last = io::Error::new(e.kind(), "there is no mke2fs (package e2fsprogs)");
            }
            Err(e) => return Err(e),
        }
    }
    Err(last)
}

/// Copy what is no hole.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<File> {
    let from = File::open(from)?;
    // What apps write is theirs, also where the state folder can be entered.
    let to = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let size = from.metadata()?.len();
    to.set_len(size)?;
    let mut at = 0;
    while at < size {
        at = match seek(&from, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but holes from here on.
            Err(Errno::NXIO) => break,
            Err(e) => return Err(e.into()),
        };
        let end = seek(&from, SeekFrom::Hole(at))?;
        while at < end {
            let (mut read, mut written) = (at, at);
            let length = usize::try_from(end - at).map_err(io::Error::other)?;
            let copied = copy_file_range(&from, Some(&mut read), &to, Some(&mut written), length)?;
            if copied == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at += copied as u64;
        }
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where there is no loop device or no mke2fs apps start.
    #[test]
    fn a_host_that_cannot_bounds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file");
        fs::write(&file, "").unwrap();
        let templates = Templates::new(&file);
        assert_eq!(templates.of(1 << 30).unwrap(), None);
        fs::remove_file(&file).unwrap();
        assert_eq!(templates.of(1 << 30).unwrap(), None, "asked once");
    }
}
