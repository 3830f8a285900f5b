//! The disk of an instance that runs, as the server holds it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
};

use dormouse_model::DiskUsage;
use rustix::fs::{Mode, OFlags, fstatvfs, openat};

use super::{loops, mount};

/// `EXT4_IOC_SHUTDOWN`: from then on nothing is written.
const SHUTDOWN: u64 = 0x8004_587D;
/// Not even its log.
const NO_LOG: u32 = 2;

/// A disk that stays until this is dropped: else the end of its instance's last process would wait until all it wrote had
/// been written out.
#[derive(Debug)]
pub(crate) struct Held {
    root: OwnedFd,
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
        Ok(Self { root: openat(&mount, ".", flags, Mode::empty())? })
    }

    pub(crate) fn usage(&self) -> io::Result<DiskUsage> {
        let stat = fstatvfs(&self.root)?;
        Ok(DiskUsage {
            bytes: stat.f_blocks * stat.f_frsize,
            free_bytes: stat.f_bavail * stat.f_frsize,
            files: stat.f_files,
            free_files: stat.f_favail,
        })
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
