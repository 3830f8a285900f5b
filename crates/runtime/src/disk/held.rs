//! The disk of an instance that runs, as the server holds it.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
};

use dormouse_model::DiskUsage;
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, fstatvfs, openat};

use super::{loops, mount};

/// `EXT4_IOC_SHUTDOWN`: from then on nothing is written.
const SHUTDOWN: u64 = 0x8004_587D;
/// Not even its log.
const NO_LOG: u32 = 2;

/// A file beside the writable layer, where the sandbox does not see it. It takes room that the host does not have, and takes none of the
/// host's: its blocks are promised and never written.
const PADDING: &str = "padding";

/// A disk that stays until this is dropped: else the end of its instance's last process would wait until all it wrote had
/// been written out.
#[derive(Debug)]
pub(crate) struct Held {
    root: OwnedFd,
    image: File,
    /// One that an earlier release has made may have no room for it.
    padding: Option<File>,
}

/// How the bytes of a disk are divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Divided {
    /// What may still be written.
    pub(crate) free: u64,
    /// What must not, because the host has no room for it.
    pub(crate) padding: u64,
    /// What is taken, and the host has no blocks for yet: it is not written out, or was only reserved.
    pub(crate) owed: u64,
    /// What the host has blocks for.
    pub(crate) real: u64,
}

/// Open the file of padding of a disk, made when missing.
pub(super) fn padding(root: BorrowedFd<'_>) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(root, PADDING, flags, Mode::RUSR | Mode::WUSR)?.into())
}

impl Held {
    /// Hold the disk that this file is and that this loop device shows.
    ///
    /// # Errors
    /// When they have parted, because the instance has ended.
    pub(crate) fn find(device: u32, image: &Path) -> io::Result<Self> {
        let device = loops::find(device, image)?;
        let mount = mount(device.file.as_fd())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(&mount, ".", flags, Mode::empty())?;
        let padding = padding(root.as_fd()).ok();
        Ok(Self { root, image: File::open(image)?, padding })
    }

    pub(crate) fn usage(&self) -> io::Result<DiskUsage> {
        let stat = fstatvfs(&self.root)?;
        Ok(DiskUsage {
            bytes: stat.f_blocks * stat.f_frsize,
            free_bytes: stat.f_bavail * stat.f_frsize,
            withheld_bytes: self.padding()?,
            files: stat.f_files,
            free_files: stat.f_favail,
        })
    }

    fn padding(&self) -> io::Result<u64> {
        Ok(self.padding.as_ref().map(File::metadata).transpose()?.map_or(0, |meta| meta.blocks() * 512))
    }

    pub(crate) fn divided(&self) -> io::Result<Divided> {
        let stat = fstatvfs(&self.root)?;
        let (padding, real) = (self.padding()?, self.image.metadata()?.blocks() * 512);
        let taken = (stat.f_blocks - stat.f_bfree) * stat.f_frsize;
        Ok(Divided {
            free: stat.f_bavail * stat.f_frsize,
            padding,
            owed: taken.saturating_sub(padding).saturating_sub(real),
            real,
        })
    }

    /// Withhold so many bytes of it from its instance, or as many as are free.
    pub(crate) fn withhold(&self, bytes: u64) -> io::Result<()> {
        let Some(padding) = &self.padding else { return Ok(()) };
        padding.set_len(bytes)?;
        if bytes == 0 {
            return Ok(());
        }
        match fallocate(padding, FallocateFlags::empty(), 0, bytes) {
            // The instance was quicker; what was free is taken all the same.
            Err(rustix::io::Errno::NOSPC) | Ok(()) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Let it go, now that its instance has ended, and what is not written out with it.
    pub(crate) fn end(self) {
        let how = NO_LOG;
        // SAFETY: the request reads one number, which outlives the call.
        let done = unsafe { libc::ioctl(self.root.as_raw_fd(), SHUTDOWN as _, &raw const how) };
        if done < 0 {
            // Then it is written out for nothing.
            tracing::debug!("cannot shut an instance's disk down: {}", io::Error::last_os_error());
        }
    }
}
