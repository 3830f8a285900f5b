//! Taking what the kernel has only so much of.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

/// The first argument of a process that takes all, and keeps it; and of one that takes a little.
pub(super) const ALL: &str = "take-all";
pub(super) const A_LITTLE: &str = "take-a-little";

/// What an honest program wants.
const LITTLE: u64 = 8;

/// A user inside has each budget of its own; a hostile program is several.
const USERS: u32 = 3;

/// Bytes that a pipe holds when its user has not too many.
const USUAL_PIPE: u64 = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    /// `fs.inotify.max_user_instances`, 128.
    Inotify,
    /// `RLIMIT_SIGPENDING`.
    Signals,
    /// `fs.aio-max-nr`, 65,536 of the whole host.
    Aio,
    /// `kernel.pty.max`, 4096 of the whole host.
    Terminals,
    /// `fs.pipe-user-pages-soft`: who has that many gets pipes of two pages.
    Pipes,
    /// `RLIMIT_MSGQUEUE`, in bytes.
    Queues,
}

impl Budget {
    pub(super) const ALL: [Self; 6] =
        [Self::Inotify, Self::Signals, Self::Aio, Self::Terminals, Self::Pipes, Self::Queues];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inotify => "inotify",
            Self::Signals => "signals",
            Self::Aio => "aio",
            Self::Terminals => "terminals",
            Self::Pipes => "pipes",
            Self::Queues => "queues",
        }
    }
}

/// Be such a process, if this is one, and never return.
pub(super) fn act_if_asked() {
    let args: Vec<String> = std::env::args().collect();
    let [_, what, name] = &args[..] else { return };
    let Some(budget) = Budget::ALL.into_iter().find(|b| b.name() == name) else { return };
    match what.as_str() {
        A_LITTLE => say(a_little(budget)),
        ALL => {
            say(all(budget));
            loop {
                std::thread::park();
            }
        }
        _ => return,
    }
    std::process::exit(0);
}

fn say(number: u64) {
    let mut out = io::stdout();
    writeln!(out, "{number}").and_then(|()| out.flush()).unwrap();
}

/// What an honest program gets: as many as it wants, or the bytes of a new pipe.
fn a_little(budget: Budget) -> u64 {
    if budget == Budget::Pipes { size(&io::pipe().unwrap().0) } else { as_many(budget, LITTLE) }
}

fn as_many(budget: Budget, most: u64) -> u64 {
    let mut held = Vec::new();
    let taken = (0..most).take_while(|n| take(budget, *n, &mut held)).count() as u64;
    held.into_iter().for_each(std::mem::forget);
    taken
}

/// As several users, one after another: take all there is; how much that was.
fn all(budget: Budget) -> u64 {
    // SAFETY: a table of limits of this process, given by value.
    unsafe {
        let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut files);
        files.rlim_cur = files.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files);
    }
    let mut taken = 0;
    for user in 0..USERS {
        let (from, to) = io::pipe().unwrap();
        // SAFETY: one thread; the child does nothing but take and wait.
        match unsafe { libc::fork() } {
            0 => {
                drop(from);
                if user > 0 {
                    // SAFETY: changes only this process's user.
                    unsafe { libc::setresuid(user, user, user) };
                }
                (&to).write_all(&as_many(budget, 2_000_000).to_ne_bytes()).unwrap();
                loop {
                    std::thread::park();
                }
            }
            _ => {
                drop(to);
                let mut got = [0; 8];
                io::Read::read_exact(&mut &from, &mut got).unwrap();
                taken += u64::from_ne_bytes(got);
            }
        }
    }
    taken
}

/// How many bytes a pipe holds.
fn size(pipe: &io::PipeReader) -> u64 {
    // SAFETY: asks one number of an open pipe.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ) }.try_into().unwrap()
}

fn keep(fd: libc::c_int, held: &mut Vec<OwnedFd>) -> bool {
    if fd < 0 {
        return false;
    }
    // SAFETY: just opened, and nobody else's.
    held.push(unsafe { OwnedFd::from_raw_fd(fd) });
    true
}

/// Take one more; false when there is no more.
fn take(budget: Budget, n: u64, held: &mut Vec<OwnedFd>) -> bool {
    match budget {
        // SAFETY: gives a file.
        Budget::Inotify => keep(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) }, held),
        Budget::Signals => {
            // SAFETY: a signal to this very process, blocked before, so that it stays queued; the set lives on the stack.
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                libc::sigaddset(&raw mut set, libc::SIGRTMIN());
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
                let value = libc::sigval { sival_ptr: std::ptr::null_mut() };
                let sent = libc::sigqueue(libc::getpid(), libc::SIGRTMIN(), value) == 0;
                if sent
                    && n + 1 == LITTLE
                    && held.is_empty()
                    && std::env::args().nth(1).as_deref() != Some(ALL)
                {
                    let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                    while libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const none) > 0 {}
                }
                sent
            }
        }
        Budget::Aio => {
            let mut context: libc::c_ulong = 0;
            // SAFETY: the kernel writes one word.
            unsafe { libc::syscall(libc::SYS_io_setup, 64, &raw mut context) == 0 }
        }
        Budget::Terminals => match File::options().read(true).write(true).open("/dev/ptmx") {
            Ok(file) => {
                held.push(file.into());
                true
            }
            Err(_) => false,
        },
        Budget::Pipes => {
            let Ok((from, to)) = io::pipe() else { return false };
            // SAFETY: one number for an open pipe.
            unsafe { libc::fcntl(from.as_raw_fd(), libc::F_SETPIPE_SZ, 1 << 20) };
            // Small ones are given for ever.
            let is_small = size(&from) < USUAL_PIPE;
            held.extend([OwnedFd::from(from), OwnedFd::from(to)]);
            !is_small
        }
        Budget::Queues => {
            let name = std::ffi::CString::new(format!("/q{}-{n}", std::process::id())).unwrap();
            // SAFETY: a name and no attributes; removed at once, so that it is gone with its file.
            unsafe {
                let none: *const libc::c_void = std::ptr::null();
                let fd = libc::mq_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600, none);
                libc::mq_unlink(name.as_ptr());
                keep(fd, held)
            }
        }
    }
}
