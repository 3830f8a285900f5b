//! The root filesystem, put together outside the sandbox with the host's rights.
//!
//! Everything happens in a mount namespace of our own. Each layer is a detached clone of its folder, shown through
//! the sandbox's user namespace, so that what lies on disk is owned by 0 and what the overlay shows is owned by an
//! unprivileged user outside, by root inside. Host files are opened before anything of the image is looked at, and
//! names inside the image are only followed within it (`RESOLVE_IN_ROOT`): an image is not trusted.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::{PermissionsExt, chown, symlink},
    },
    path::{Component, Path, PathBuf},
};

use caps::CapSet;
use nix::{
    mount::{MsFlags, mount},
    sys::stat::{SFlag, makedev, mknod},
    unistd::{Gid, Uid, setfsgid, setfsuid},
};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2},
    mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
};

use super::{
    sys::{MountChange, mount_setattr},
    users::Users,
    wire::{At, Fail, Launch},
};

/// Device files every program may expect: name, major, minor.
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links in `/dev`: name, what it points to.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

const SHM_SIZE: &str = "64m";

/// Put the root together at `root` in the launch's base, in this process's mount namespace. Returns the loop device of its disk, if it
/// is to have one.
pub(super) fn assemble(launch: &Launch, userns: BorrowedFd<'_>) -> Result<Option<u32>, Fail> {
    // The host's files first: the scratch below hides the instance's own folder.
    let lowers = launch.lowers.iter().map(|l| layer(l, userns)).collect::<Result<Vec<_>, _>>()?;
    let (writable, device) = writable(launch, userns)?;
    let binds =
        launch.mounts.iter().map(|m| bind(&m.source, m.read_only, userns)).collect::<Result<Vec<_>, _>>()?;

    let scratch = &launch.base;
    mount(Some("tmpfs"), scratch, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=755"))
        .at(|| format!("mounting a scratch on {}", scratch.display()))?;
    // Overlayfs takes at most a page of options: short relative names leave room for many layers.
    std::env::set_current_dir(scratch).at(|| "entering the scratch".into())?;
    let mut names = Vec::new();
    for (n, layer) in lowers.iter().enumerate() {
        let name = format!("l{n}");
        attach(layer.as_fd(), &name)?;
        names.push(name);
    }
    attach(writable.as_fd(), "w")?;
    skeleton(launch, &binds)?;
    names.push("skeleton".into());
    fs::create_dir("root").at(|| "making the root's mount point".into())?;
    // volatile: no syncing. A root dies with its instance, and a build's layer is synced once, at its end.
    let options = format!(
        "lowerdir={},upperdir=w/{},workdir=w/{},redirect_dir=nofollow,metacopy=off,index=off,volatile",
        names.join(":"),
        launch.upper,
        launch.work
    );
    as_first(launch.users, || {
        Ok(mount(Some("overlay"), "root", Some("overlay"), MsFlags::MS_NODEV, Some(options.as_str()))?)
    })
    .at(|| format!("mounting an overlay of {} layers", lowers.len()))?;
    let root = openat2(CWD, "root", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::empty())
        .at(|| "opening the root".into())?;

    devices(root.as_fd(), launch.users)?;
    for (file, text) in [
        ("hosts", &launch.hosts),
        ("hostname", &format!("{}\n", launch.hostname)),
        ("resolv.conf", &launch.resolv_conf),
    ] {
        let source = format!("etc-{file}");
        fs::write(&source, text)
            .and_then(|()| own(&source, launch.users))
            .at(|| format!("writing {file}"))?;
        let tree = clone_tree(Path::new(&source)).at(|| format!("cloning {file}"))?;
        attach_in(tree.as_fd(), root.as_fd(), &Path::new("/etc").join(file))?;
    }
    for (wanted, tree) in launch.mounts.iter().zip(&binds) {
        attach_in(tree.as_fd(), root.as_fd(), &wanted.target)?;
    }
    Ok(device)
}

/// Do something as the sandbox's root, with the host's capabilities. An overlay makes files as the user who mounted it, and
/// through a mapped mount the host's root is nobody who could own one.
fn as_first(users: Users, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let all = caps::read(None, CapSet::Effective).map_err(io::Error::other)?;
    setfsgid(Gid::from_raw(users.first()));
    setfsuid(Uid::from_raw(users.first()));
    // Taking on another user drops some.
    let done = caps::set(None, CapSet::Effective, &all).map_err(io::Error::other).and_then(|()| act());
    setfsuid(Uid::from_raw(0));
    setfsgid(Gid::from_raw(0));
    done
}

fn clone_tree(path: &Path) -> io::Result<OwnedFd> {
    Ok(open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?)
}

/// What holds the writable layer: its own disk, if it is to have one, and the number of that one's loop device.
fn writable(launch: &Launch, userns: BorrowedFd<'_>) -> Result<(OwnedFd, Option<u32>), Fail> {
    let Some(disk) = &launch.disk else { return Ok((layer(&launch.base, userns)?, None)) };
    let made = disk.make(&[&launch.upper, &launch.work]);
    let (tree, device) = made.at(|| format!("making the disk {}", disk.image.display()))?;
    map(tree.as_fd(), userns, &disk.image)?;
    Ok((tree, Some(device)))
}

/// A folder as the sandbox's users own it.
fn layer(path: &Path, userns: BorrowedFd<'_>) -> Result<OwnedFd, Fail> {
    let tree = clone_tree(path).at(|| format!("opening the layer {}", path.display()))?;
    map(tree.as_fd(), userns, path)?;
    Ok(tree)
}

fn map(tree: BorrowedFd<'_>, userns: BorrowedFd<'_>, path: &Path) -> Result<(), Fail> {
    mount_setattr(tree, MountChange { idmap: Some(userns), read_only: false })
        .at(|| format!("mapping the owners of the layer {}", path.display()))
}

fn bind(path: &Path, read_only: bool, userns: BorrowedFd<'_>) -> Result<OwnedFd, Fail> {
    let tree = clone_tree(path).at(|| format!("opening {}", path.display()))?;
    let mapped = mount_setattr(tree.as_fd(), MountChange { idmap: Some(userns), read_only });
    let done = match mapped {
        // This filesystem cannot map owners; to read, none is needed.
        Err(_) if read_only => mount_setattr(tree.as_fd(), MountChange { idmap: None, read_only }),
        other => other,
    };
    done.at(|| format!("preparing {} for the sandbox", path.display()))?;
    Ok(tree)
}

/// Attach a detached mount at a new folder of ours.
fn attach(tree: BorrowedFd<'_>, name: &str) -> Result<(), Fail> {
    fs::create_dir(name).at(|| format!("making {name}"))?;
    move_mount(tree, "", CWD, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .at(|| format!("attaching {name}"))
}

/// Attach a detached mount inside the root, where the image may have put links.
fn attach_in(tree: BorrowedFd<'_>, root: BorrowedFd<'_>, target: &Path) -> Result<(), Fail> {
    let to = inside(root, target)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", &to, "", flags).at(|| format!("mounting on {} inside", target.display()))
}

/// Open a name inside the root without ever leaving it.
pub(super) fn inside(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Fail> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
        .at(|| format!("opening {} inside", path.display()))
}

/// A path that leads to an open file wherever it is, for calls that take only paths.
pub(super) fn path_of(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn own(path: impl AsRef<Path>, users: Users) -> io::Result<()> {
    chown(path, Some(users.first()), Some(users.first()))
}

/// The lowest layer: every mount point there must be, so that none leaves a trace in the writable layer.
fn skeleton(launch: &Launch, binds: &[OwnedFd]) -> Result<(), Fail> {
    let at = |p: &Path| format!("making the mount point {}", p.display());
    let own = |path: &Path| own(path, launch.users);
    let top = Path::new("skeleton");
    fs::create_dir(top).and_then(|()| own(top)).at(|| at(top))?;
    for dir in ["proc", "sys", "dev", "tmp", "etc"] {
        let dir = top.join(dir);
        fs::create_dir(&dir).and_then(|()| own(&dir)).at(|| at(&dir))?;
    }
    fs::set_permissions(top.join("tmp"), fs::Permissions::from_mode(0o1777)).at(|| at(top))?;
    for file in ["hosts", "hostname", "resolv.conf"] {
        let file = top.join("etc").join(file);
        fs::write(&file, "").and_then(|()| own(&file)).at(|| at(&file))?;
    }
    for (wanted, tree) in launch.mounts.iter().zip(binds) {
        // Asked of the open file: its name may be hidden by the scratch.
        let mode = fstat(tree).at(|| at(&wanted.target))?.st_mode;
        let is_dir = FileType::from_raw_mode(mode).is_dir();
        let mut parts: Vec<_> = Vec::new();
        for part in wanted.target.components() {
            match part {
                Component::Normal(name) => parts.push(name),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(Fail {
                        what: at(&wanted.target),
                        source: io::ErrorKind::InvalidInput.into(),
                    });
                }
            }
        }
        let mut path = top.to_owned();
        for (n, part) in parts.iter().enumerate() {
            path.push(part);
            if path.exists() {
                continue;
            }
            let made =
                if n + 1 < parts.len() || is_dir { fs::create_dir(&path) } else { fs::write(&path, "") };
            made.and_then(|()| own(&path)).at(|| at(&wanted.target))?;
        }
    }
    Ok(())
}

/// A small `/dev`. Its files are real because the host makes them; the sandbox itself can make none.
fn devices(root: BorrowedFd<'_>, users: Users) -> Result<(), Fail> {
    let first = users.first();
    let dev = inside(root, Path::new("/dev"))?;
    let options = format!("mode=755,size=64k,uid={first},gid={first}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), path_of(&dev).as_str(), Some("tmpfs"), flags, Some(options.as_str()))
        .at(|| "mounting /dev inside".into())?;
    let dev = inside(root, Path::new("/dev"))?;
    let dev = PathBuf::from(path_of(&dev)).join(".");
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
        mknod(&path, SFlag::S_IFCHR, mode, makedev(major, minor))
            .map_err(io::Error::from)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o666)))
            .and_then(|()| own(&path, users))
            .at(|| format!("making /dev/{name} inside"))?;
    }
    for (name, to) in LINKS {
        symlink(to, dev.join(name)).at(|| format!("making /dev/{name} inside"))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        let path = dev.join(name);
        fs::create_dir(&path).and_then(|()| own(&path, users)).at(|| format!("making /dev/{name} inside"))?;
    }
    let options = format!("mode=1777,size={SHM_SIZE},uid={first},gid={first}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), &dev.join("shm"), Some("tmpfs"), flags, Some(options.as_str()))
        .at(|| "mounting /dev/shm inside".into())
}
