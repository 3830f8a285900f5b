//! What the sandbox's first process does to itself, inside its namespaces, before it runs anything.

use std::{
    fs, io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, chdir, pivot_root, setgid, setgroups, sethostname, setuid},
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::{
    budgets,
    root::{inside, path_of},
    sys,
    wire::{At, Fail},
};

/// Hidden: what tells of, or changes, the host. As in the OCI runtimes' defaults.
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const STRICT: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Become root of the user namespace, with no other group.
pub(super) fn become_root() -> Result<(), Fail> {
    setgroups(&[])
        .and_then(|()| setgid(Gid::from_raw(0)))
        .and_then(|()| setuid(Uid::from_raw(0)))
        .at(|| "becoming root inside".into())
}

/// Make `root` (assembled outside, in the working folder) the root, with its own `/proc`, `/sys` and terminals.
pub(super) fn enter(root: &Path, hostname: &str) -> Result<(), Fail> {
    unshare(CloneFlags::CLONE_NEWNS).at(|| "making a mount namespace".into())?;
    sethostname(hostname).at(|| format!("setting the host name `{hostname}`"))?;
    sys::loopback_up().at(|| "bringing up the loopback".into())?;

    // Mounts taken over from a namespace with more rights are locked; one made here can become the root.
    let none: Option<&str> = None;
    mount(Some(root), root, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .at(|| "binding the root".into())?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let top =
        openat2(CWD, root, flags, Mode::empty(), ResolveFlags::empty()).at(|| "opening the root".into())?;
    let terminals = format!("newinstance,ptmxmode=0666,mode=0620,gid=5,max={}", budgets::TERMINALS);
    // While the host's own are still in sight: the kernel gives new ones only to who sees whole ones.
    for (kind, target, flags, options) in [
        ("proc", "/proc", STRICT, None),
        ("sysfs", "/sys", STRICT | MsFlags::MS_RDONLY, None),
        ("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some(terminals.as_str())),
        ("mqueue", "/dev/mqueue", STRICT, None),
    ] {
        let to = inside(top.as_fd(), Path::new(target))?;
        mount(Some(kind), path_of(&to).as_str(), Some(kind), flags, options)
            .at(|| format!("mounting {target} inside"))?;
    }

    chdir(root).at(|| "entering the root".into())?;
    pivot_root(".", ".").at(|| "changing the root".into())?;
    // The old root lies on top of the new one now.
    umount2(".", MntFlags::MNT_DETACH).at(|| "leaving the host's root".into())?;
    chdir("/").at(|| "entering the root".into())?;

    budgets::limit_namespaces().at(|| "limiting namespaces inside".into())?;
    no_ipv6().at(|| "turning off IPv6 inside".into())?;
    for path in MASKED {
        mask(Path::new(path)).at(|| format!("masking {path}"))?;
    }
    for path in READ_ONLY {
        read_only(Path::new(path)).at(|| format!("making {path} read-only"))?;
    }
    Ok(())
}

/// Private networks are IPv4 only; an address family without a route only slows programs down.
fn no_ipv6() -> io::Result<()> {
    for which in ["all", "default"] {
        match fs::write(PathBuf::from(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6")), "1") {
            // Not in this kernel.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

fn mask(path: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(meta) if meta.is_dir() => {
            let flags = STRICT | MsFlags::MS_RDONLY;
            Ok(mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some("size=0,mode=755"))?)
        }
        Ok(_) => Ok(mount(Some("/dev/null"), path, none, MsFlags::MS_BIND, none)?),
    }
}

fn read_only(path: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    match mount(Some(path), path, none, MsFlags::MS_BIND | MsFlags::MS_REC, none) {
        Err(nix::errno::Errno::ENOENT) => return Ok(()),
        other => other?,
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | STRICT;
    Ok(mount(none, path, none, flags, none)?)
}
