//! From a re-executed, single-threaded child to a sandbox.
//!
//! Why not libcontainer: in 0.7.0 it maps no mount's owners (`MOUNT_ATTR_IDMAP` is named as not supported), so our
//! layers would have to be mapped with a second, throw-away user namespace; it always makes and joins groups of its
//! own in every version 1 hierarchy that is mounted, where ours has four; and it was measured at 28 ms from create to
//! exec. This launcher overlaps the groups (a first `cgroup.procs` write waits about 10 ms for the kernel) and the
//! network with the mounts; `cargo run --release -p dormouse-runtime --example start` measures it against `runc run`.
//!
//! Two processes. The *outer* one is the re-executed child, with the host's rights: it forks the inner one into new
//! namespaces, maps its users, puts the root together and leaves. The *inner* one enters the root, waits for the
//! go-ahead (its groups and network are the server's work), gives up its rights and becomes the init.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use caps::CapSet;
use dormouse_model::Time;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::stat::{Mode, umask},
    unistd::{Uid, seteuid, setfsuid, setsid},
};

use super::{
    budgets, confine, init, inside, root,
    sys::{self, Side},
    users::Users,
    wire::{At, Fail, Go, Launch, MARK, Message, read_framed},
};

/// The init dies before anything of the platform's when the host is out of memory; the app before its init.
const OOM_SCORE_INIT: &str = "200";

/// If this process was started by us to become a sandbox, become it, and never return.
///
/// Must be the first thing in `main`, before any thread exists.
pub fn become_sandbox_if_asked() {
    if std::env::args_os().next().is_none_or(|name| name != MARK) {
        return;
    }
    // SAFETY: descriptor 0 is the socket we were started with, and nothing else in this process uses it.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(0) });
    if let Err(fail) = outer(&socket) {
        say(&socket, &fail.into());
        sys::exit_now(1);
    }
    sys::exit_now(0);
}

/// Tell the server; when it is gone there is nobody to tell.
pub(super) fn say(mut socket: &UnixStream, message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        socket.write_all(&line).ok();
    }
}

/// The files an instance leaves, opened while the host's names still mean something.
pub(super) struct Files {
    pub(super) log: File,
    pub(super) old_log: File,
    pub(super) exit: File,
    pub(super) rotate_at: u64,
    pub(super) boot: Time,
}

fn open_files(launch: &Launch) -> Result<Option<Files>, Fail> {
    let Some(record) = &launch.record else { return Ok(None) };
    let open = |path: &Path| {
        OpenOptions::new().read(true).write(true).open(path).at(|| format!("opening {}", path.display()))
    };
    Ok(Some(Files {
        log: open(&record.log)?,
        old_log: open(&record.old_log)?,
        exit: open(&record.exit)?,
        rotate_at: record.rotate_at,
        boot: record.boot,
    }))
}

fn outer(socket: &UnixStream) -> Result<(), Fail> {
    // Nothing but our own three descriptors, whatever the server's other threads had open.
    sys::close_from(3).at(|| "closing inherited files".into())?;
    setsid().at(|| "making a session".into())?;
    umask(Mode::from_bits_truncate(0o022));
    let Some(launch): Option<Launch> = read_framed(socket).at(|| "reading the launch".into())? else {
        // The server left before it said anything.
        sys::exit_now(1);
    };
    let files = open_files(&launch)?;

    budgets::limit().at(|| "limiting its resources".into())?;
    unshare(CloneFlags::CLONE_NEWNS).at(|| "making a mount namespace".into())?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .at(|| "making mounts private".into())?;

    let (ready, assembled) = io::pipe().at(|| "making a pipe".into())?;
    let pid = match fork_as_owner(launch.users).at(|| "making namespaces".into())? {
        Side::Parent(pid) => pid,
        Side::Child => {
            drop(assembled);
            let failed = inner(socket, &launch, files, ready);
            say(socket, &failed.into());
            sys::exit_now(1);
        }
    };
    drop(ready);
    say(socket, &Message::Created(pid.as_raw().cast_unsigned()));
    let proc = Path::new("/proc").join(pid.to_string());
    for map in ["uid_map", "gid_map"] {
        fs::write(proc.join(map), launch.users.map()).at(|| format!("writing {map}"))?;
    }
    fs::write(proc.join("oom_score_adj"), OOM_SCORE_INIT).at(|| "setting the out-of-memory score".into())?;
    let userns = File::open(proc.join("ns/user")).at(|| "opening the user namespace".into())?;
    if let Some(device) = root::assemble(&launch, userns.as_fd())? {
        say(socket, &Message::Disk(device));
    }
    // The inner process shares this mount namespace until it makes its own.
    (&assembled).write_all(b"m").at(|| "waiting for the sandbox's first process".into())
}

/// Fork into new namespaces that belong to the first of these users: whom the kernel counts them for, and what is taken in
/// them. Made by the host's root they would share one budget, with each other and with the host.
fn fork_as_owner(users: Users) -> io::Result<Side> {
    let all = caps::read(None, CapSet::Effective).map_err(io::Error::other)?;
    seteuid(Uid::from_raw(users.first()))?;
    // Folders on the way to the sandbox's own are the host's root's.
    setfsuid(Uid::from_raw(0));
    // Taking on another user drops them.
    let side = caps::set(None, CapSet::Effective, &all)
        .map_err(io::Error::other)
        .and_then(|()| sys::fork_into_namespaces());
    if !matches!(side, Ok(Side::Child)) {
        seteuid(Uid::from_raw(0))?;
    }
    side
}

/// Returns only when something failed: otherwise this process is the init until its end.
fn inner(socket: &UnixStream, launch: &Launch, files: Option<Files>, ready: io::PipeReader) -> Fail {
    match prepare(socket, launch, ready) {
        Ok(()) => match init::run(socket, launch, files) {
            Ok(()) => sys::exit_now(0),
            Err(fail) => fail,
        },
        Err(fail) => fail,
    }
}

fn prepare(socket: &UnixStream, launch: &Launch, mut ready: io::PipeReader) -> Result<(), Fail> {
    let mut byte = [0];
    if ready.read(&mut byte).at(|| "waiting for the root".into())? == 0 {
        // The outer process has failed and has said why.
        sys::exit_now(1);
    }
    // While this is still the host's root in the eyes of who owns the folders on the way: nobody else may pass.
    std::env::set_current_dir(&launch.base).at(|| "entering the sandbox's folder".into())?;
    inside::become_root()?;
    nix::sys::prctl::set_name(c"dormouse-init").at(|| "naming the init".into())?;
    // Its memory, maps and executable are no business of the app's.
    nix::sys::prctl::set_dumpable(false).at(|| "hiding the init".into())?;
    inside::enter(Path::new("root"), &launch.hostname)?;
    let Some(go): Option<Go> = read_framed(socket).at(|| "waiting for the go-ahead".into())? else {
        // The server is gone or has changed its mind.
        sys::exit_now(1);
    };
    if let Some(text) = go.resolv_conf {
        // A file of ours that is mounted there, whatever the image has.
        fs::write("/etc/resolv.conf", text).at(|| "writing resolv.conf".into())?;
    }
    // Only now: a group namespace begins at the groups one is in.
    unshare(CloneFlags::CLONE_NEWCGROUP).at(|| "making a cgroup namespace".into())?;
    confine::drop_capabilities(launch.profile)
        .map_err(io::Error::other)
        .at(|| "dropping capabilities".into())?;
    confine::filter_system_calls(launch.native_aio).at(|| "filtering system calls".into())
}
