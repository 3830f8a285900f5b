//! A file system of its own for what an instance writes, so that the kernel bounds its bytes and its files.
//!
//! It lies in a sparse file in the instance's folder, on a loop device that clears itself, and is mounted in the sandbox's own mount
//! namespace only. So it goes with the last process of the sandbox, whoever else was killed before, and nothing has to
//! be taken over. Nothing of it is written out for safety's sake: it dies with its instance.

mod held;
mod loops;
mod shortage;
mod templates;

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    fs::{Mode, mkdirat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
        fsmount, fsopen,
    },
};
use serde::{Deserialize, Serialize};

pub(crate) use held::{Divided, Held};
pub(crate) use shortage::{Shortage, padding};
pub use templates::BYTES_PER_FILE;
pub(crate) use templates::{Templates, what_lacks};

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// The empty file system that it begins as.
    pub(crate) template: PathBuf,
    /// Where it is to lie.
    pub(crate) image: PathBuf,
}

impl Disk {
    /// Make it with these folders, and mount it nowhere yet; also the number of its loop device.
    pub(crate) fn make(&self, folders: &[&str]) -> io::Result<(OwnedFd, u32)> {
        let image = templates::copy(&self.template, &self.image)?;
        let device = loops::attach(&image, &self.image)?;
        let root = mount(device.file.as_fd())?;
        for folder in folders {
            mkdirat(&root, *folder, Mode::from_raw_mode(0o755))?;
        }
        // Before the sandbox can take every file that there may be.
        held::padding(root.as_fd())?;
        // From here on the mount keeps the device.
        Ok((root, device.number))
    }
}

/// Mount what is on a block device, attached nowhere; once more when it is mounted already.
fn mount(device: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let fs = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Wherever its name lies: a container need not see every device.
    fsconfig_set_string(fs.as_fd(), "source", format!("/proc/self/fd/{}", device.as_raw_fd()))?;
    // What is removed is given back to the host's disk; tables that were never used stay holes; nothing is flushed.
    for flag in ["discard", "noinit_itable", "nobarrier"] {
        fsconfig_set_flag(fs.as_fd(), flag)?;
    }
    fsconfig_create(fs.as_fd())?;
    Ok(fsmount(
        fs.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::MOUNT_ATTR_NOATIME
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOSUID,
    )?)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write, os::unix::fs::MetadataExt, path::Path};

    use dormouse_model::DiskUsage;
    use rustix::fs::{AtFlags, OFlags, openat, unlinkat};

    use super::*;

    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    /// Whether a loop device shows this file.
    fn is_attached(image: &Path) -> bool {
        std::fs::read_dir("/sys/block").unwrap().any(|device| {
            let named = device.unwrap().path().join("loop/backing_file");
            std::fs::read_to_string(named).is_ok_and(|n| n.trim().starts_with(image.to_str().unwrap()))
        })
    }

    fn write(root: &OwnedFd, name: &str, bytes: usize) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = File::from(openat(root, name, flags, Mode::from_raw_mode(0o600))?);
        file.write_all(&vec![b'x'; bytes])
    }

    #[test]
    fn a_disk_ends_with_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let templates = Templates::new(dir.path());
        if !is_root() || templates.of(32 << 20).unwrap().is_none() {
            dormouse_trials::skip("needs root, loop devices and mke2fs");
            return;
        }
        let image = dir.path().join("disk.img");
        let disk = Disk { template: templates.of(32 << 20).unwrap().unwrap(), image: image.clone() };
        let (root, device) = disk.make(&["upper"]).unwrap();
        let held = Held::find(device, &image).unwrap();
        assert!(Held::find(device, &disk.template).is_err(), "another's");

        // Names first: on a disk that is full of bytes a folder has no room for more of them.
        for name in ["upper/a", "upper/b"] {
            write(&root, name, 0).unwrap();
        }
        let files = (0..10_000).map(|n| write(&root, &format!("upper/{n}"), 0)).find_map(Result::err);
        assert_eq!(files.unwrap().raw_os_error(), Some(libc::ENOSPC));
        write(&root, "upper/a", 20 << 20).unwrap();
        let full = write(&root, "upper/b", 20 << 20).unwrap_err();
        assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
        let DiskUsage { bytes, free_bytes, files, free_files, withheld_bytes: _ } = held.usage().unwrap();
        assert!(bytes > 24 << 20 && free_bytes < 1 << 20, "{free_bytes} of {bytes}");
        assert!((1000..10_000).contains(&files) && free_files == 0, "{free_files} of {files}");

        for name in ["upper/a", "upper/b"] {
            unlinkat(&root, name, AtFlags::empty()).unwrap();
        }
        held.withhold(1 << 30).unwrap();
        let full = write(&root, "upper/a", 1 << 20).unwrap_err();
        assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
        let Divided { free, padding, owed, real } = held.divided().unwrap();
        assert!(
            free == 0 && padding > 28 << 20 && owed < 1 << 20 && real < 2 << 20,
            "{free} {padding} {owed} {real}"
        );
        held.withhold(0).unwrap();
        write(&root, "upper/a", 20 << 20).unwrap();
        let Divided { owed, real, .. } = held.divided().unwrap();
        assert!(owed + real >= 20 << 20, "{owed} {real}");

        // What is not written out yet never is.
        drop(root);
        assert!(is_attached(&image));
        held.end();
        assert!(!is_attached(&image));
        let meta = image.metadata().unwrap();
        assert_eq!(meta.mode() & 0o777, 0o600);
        assert!(meta.blocks() * 512 < 33 << 20);
    }
}
