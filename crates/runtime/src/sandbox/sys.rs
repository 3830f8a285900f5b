//! The few system calls that no safe wrapper offers.

use std::{
    ffi::c_ulong,
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::{
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        socket::{AddressFamily, SockFlag, SockType, socket},
    },
    unistd::{ForkResult, Pid},
};

/// Which side of a fork this is.
pub(super) enum Side {
    Parent(Pid),
    Child,
}

/// Fork into new user, pid, network, host name and ipc namespaces.
pub(super) fn fork_into_namespaces() -> io::Result<Side> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::SIGCHLD;
    let flags = c_ulong::from(flags.cast_unsigned());
    // SAFETY: without CLONE_VM and with no stack given this is fork(2): the child runs on a copy of everything.
    // This process has one thread (it was re-executed for this and starts none), so no lock is held by another.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Pid::from_raw(pid.try_into().map_err(io::Error::other)?))),
    }
}

/// Fork.
pub(super) fn fork() -> io::Result<Side> {
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child)),
        ForkResult::Child => Ok(Side::Child),
    }
}

/// Leave without running anything.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Every signal as a program expects it at its start: default action, none blocked.
pub(super) fn default_signals() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: the default action runs no code of ours.
            unsafe { sigaction(signal, &default) }?;
        }
    }
    SigSet::all().thread_unblock()?;
    Ok(())
}

/// What to change about a detached mount.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MountChange<'a> {
    /// Show owners through this user namespace's map.
    pub(super) idmap: Option<BorrowedFd<'a>>,
    pub(super) read_only: bool,
}

/// Change a mount that is attached nowhere yet. Device files and set-uid bits never work on it.
pub(super) fn mount_setattr(mount: BorrowedFd<'_>, change: MountChange<'_>) -> io::Result<()> {
    let mut set = libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID;
    if change.read_only {
        set |= libc::MOUNT_ATTR_RDONLY;
    }
    if change.idmap.is_some() {
        set |= libc::MOUNT_ATTR_IDMAP;
    }
    let attr = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: change.idmap.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned())),
    };
    // SAFETY: both pointers are valid for the call, and the size is that of what the last one points to.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attr,
            mem::size_of_val(&attr),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bring up the loopback of this process's network namespace.
pub(super) fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which outlives the call.
    let done =
        unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Close every descriptor from `first` on.
pub(super) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: called before this process has opened anything of its own above `first`, so nobody owns what is closed.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Close every descriptor from `first` on at the next exec.
pub(super) fn close_from_at_exec(first: u32) -> io::Result<()> {
    // SAFETY: nothing is closed now; the program that exec starts knows of none of them.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
