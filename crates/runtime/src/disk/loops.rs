//! Loop devices that clear themselves when nobody has them open any more; see loop(4).

use std::{
    fs::{File, OpenOptions},
    io, mem,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::modules;

const CONTROL: &str = "/dev/loop-control";

/// Others may take the number that we were told is free.
const TRIES: u32 = 64;

const MAJOR: u64 = 7;

const LOOP_GET_STATUS64: u64 = 0x4C05;
const LOOP_CONFIGURE: u64 = 0x4C0A;
const LOOP_CTL_GET_FREE: u64 = 0x4C82;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

impl Info {
    const NONE: Self = Self {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
}

/// A loop device that is open.
pub(super) struct Device {
    pub(super) file: File,
    pub(super) number: u32,
}

/// Show a file as a block device until nobody has that open any more. `beside` is a name whose folder may hold a device file for a
/// moment.
pub(super) fn attach(image: &File, beside: &Path) -> io::Result<Device> {
    let control = match open_at(Path::new(CONTROL)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            modules::load("loop");
            open_at(Path::new(CONTROL))?
        }
        other => other?,
    };
    for _ in 0..TRIES {
        let number = free(control.as_fd())?;
        let file = open(number, beside)?;
        match configure(file.as_fd(), image.as_fd()) {
            Ok(()) => return Ok(Device { file, number }),
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("others take every loop device that is free"))
}

/// The loop device of this number, if it shows this file.
pub(super) fn find(number: u32, image: &Path) -> io::Result<Device> {
    let meta = image.metadata()?;
    let file = open(number, image)?;
    let info = status(file.as_fd())?;
    if (info.device, info.inode) == (meta.dev(), meta.ino()) {
        Ok(Device { file, number })
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("loop device {number} shows something else")))
    }
}

fn open_at(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path)
}

/// In a container there are no files for devices that came after it.
fn open(number: u32, beside: &Path) -> io::Result<File> {
    match open_at(Path::new(&format!("/dev/loop{number}"))) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let path = beside.with_added_extension("dev");
            let made =
                mknod(&path, SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, makedev(MAJOR, number.into()));
            made?;
            let file = open_at(&path);
            std::fs::remove_file(&path)?;
            file
        }
        other => other,
    }
}

fn free(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: this request takes no argument and touches no memory of ours.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
    u32::try_from(number).map_err(|_| io::Error::last_os_error())
}

fn configure(device: BorrowedFd<'_>, image: BorrowedFd<'_>) -> io::Result<()> {
    let config = Config {
        fd: image.as_raw_fd().cast_unsigned(),
        block_size: 0,
        info: Info { flags: LO_FLAGS_AUTOCLEAR, ..Info::NONE },
        reserved: [0; 8],
    };
    // SAFETY: the request reads one `loop_config`, which outlives the call and is laid out as the kernel's.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn status(device: BorrowedFd<'_>) -> io::Result<Info> {
    let mut info = Info::NONE;
    // SAFETY: the request writes one `loop_info64`, which outlives the call; any bytes are one.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64 as _, &raw mut info) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(info) }
}

/// The kernel's sizes of what it reads and writes.
const _: () = assert!(mem::size_of::<Info>() == 232 && mem::size_of::<Config>() == 304);
