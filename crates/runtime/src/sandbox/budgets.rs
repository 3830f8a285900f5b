//! What the kernel counts by user: how much of it a sandbox may take.

use std::{fs, io, path::Path};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What a namespace of users begins with is also what all of a project's sandboxes may take together: the kernel counts
/// it once more for the user who made them. And what one process may take, which can ask for no more.
const LIMITS: [(Resource, u64); 5] = [
    // Signals with a value and timers that wait to be delivered; of a usual host's budget a tenth or less.
    (Resource::RLIMIT_SIGPENDING, 8192),
    // Bytes in POSIX message queues, as usual.
    (Resource::RLIMIT_MSGQUEUE, 819_200),
    // Bytes that cannot be swapped, as usual: what is locked stays when its service goes to sleep.
    (Resource::RLIMIT_MEMLOCK, 8 << 20),
    // Nobody goes before other processes of the host, whatever the server was allowed.
    (Resource::RLIMIT_RTPRIO, 0),
    (Resource::RLIMIT_NICE, 0),
];

/// Files in `/proc/sys/user`, and how many of these each user inside may have. The filter on system calls refuses
/// namespaces too; this holds where it would fail.
const NAMESPACES: [(&str, u32); 8] = [
    ("max_user_namespaces", 0),
    ("max_pid_namespaces", 0),
    ("max_net_namespaces", 0),
    ("max_ipc_namespaces", 0),
    ("max_uts_namespaces", 0),
    ("max_mnt_namespaces", 0),
    ("max_time_namespaces", 0),
    // Our init makes one when it has joined its groups.
    ("max_cgroup_namespaces", 1),
];

/// Terminals. A host has 4096, of which 1024 are kept for itself.
pub(super) const TERMINALS: u32 = 128;

/// Limit this process, and all that come of it, to what a sandbox may take.
pub(super) fn limit() -> io::Result<()> {
    for (resource, most) in LIMITS {
        let most = most.min(getrlimit(resource)?.1);
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

/// Limit the namespace of users that this process is the first of. Its `/proc` is not read-only yet.
pub(super) fn limit_namespaces() -> io::Result<()> {
    for (file, most) in NAMESPACES {
        match fs::write(Path::new("/proc/sys/user").join(file), most.to_string()) {
            // Not in this kernel.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}
