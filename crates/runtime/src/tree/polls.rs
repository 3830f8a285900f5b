//! Event loops that a freeze interrupted.
//!
//! Of all waits with an end, `epoll_wait` alone fails for a freeze (`EINTR`), and the kernel does not begin it anew. The loops
//! of Node, Python and others then see that the time they wanted to wait is over, and fire their timers before they read
//! what has arrived. A primary that watches heartbeats so finds that it has heard none for as long as the sleep was, and
//! kills its workers, whose heartbeats lie in its queue. Here such a call is begun once more, to return what is there.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::threads;
use crate::process::SystemCall;

/// How long a thread that is thawed may take until it stands still for us, which is before it does anything itself.
const STOP: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_micros(50);

/// Threads that wait in `epoll_wait` for a time.
#[derive(Debug, Default)]
pub(crate) struct Polls(Vec<Pid>);

impl Polls {
    /// Those of these processes, which are frozen.
    pub(crate) fn of(pids: &[u32]) -> Self {
        let each = pids.iter().flat_map(|pid| threads(*pid).into_iter().map(|tid| (*pid, tid)));
        let polls = each.filter(|(pid, tid)| {
            SystemCall::of_thread(*pid, *tid).is_some_and(|call| waits_for_a_time(&call))
        });
        Self(polls.filter_map(|(_, tid)| Some(Pid::from_raw(tid.try_into().ok()?))).collect())
    }

    /// Have `thaw` thaw them, and their calls begin anew before they run. Blocks until they do, for a moment.
    pub(crate) fn thaw(&self, thaw: impl FnOnce() -> bool + Send) -> bool {
        if self.0.is_empty() {
            return thaw();
        }
        // A thread of its own: whatever it still holds when it ends, the kernel lets go.
        let held = || {
            let held: Vec<Pid> = self.0.iter().copied().filter(|tid| hold(*tid)).collect();
            let thawed = thaw();
            if thawed {
                let until = Instant::now() + STOP;
                held.into_iter().for_each(|tid| begin_anew(tid, until));
            }
            thawed
        };
        thread::scope(|s| s.spawn(held).join().unwrap_or(false))
    }
}

fn waits_for_a_time(call: &SystemCall) -> bool {
    // Milliseconds; less than none is for ever.
    let timeout = call.arguments[3] as i32;
    is_poll(call.number) && timeout > 0
}

/// Calls whose fourth argument is the time to wait. `epoll_pwait2` has a pointer there.
fn is_poll(number: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_epoll_wait {
        return true;
    }
    number == libc::SYS_epoll_pwait
}

/// Have a thread stand still as soon as it is thawed. False when somebody else traces it, or it is gone.
fn hold(tid: Pid) -> bool {
    ptrace::seize(tid, ptrace::Options::empty()).is_ok() && ptrace::interrupt(tid).is_ok()
}

/// Begin the call anew of a thread that will stand still, and let it go.
fn begin_anew(tid: Pid, until: Instant) {
    loop {
        match waitpid(tid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) if Instant::now() < until => thread::sleep(LOOK),
            Ok(WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..)) => break,
            // It has ended, or comes to no rest: then it is let go with us.
            Ok(_) | Err(_) => return,
        }
    }
    let done = rewind(tid).and_then(|()| ptrace::detach(tid, None));
    if let Err(e) = done {
        tracing::debug!("cannot begin a wait of thread {tid} anew: {e}");
    }
}

/// Set it back to before the call, which is not to wait. One that has returned something is left alone.
#[cfg(target_arch = "x86_64")]
fn rewind(tid: Pid) -> nix::Result<()> {
    /// Where 64-bit programs run; others number their calls in another way.
    const USER_64: u64 = 0x33;
    /// Length of the instruction that calls the kernel.
    const SYSCALL: u64 = 2;

    let mut registers = ptrace::getregs(tid)?;
    let interrupted = registers.rax.cast_signed() == -i64::from(libc::EINTR);
    let number = registers.orig_rax;
    if registers.cs == USER_64 && interrupted && is_poll(number.cast_signed()) {
        registers.rip -= SYSCALL;
        registers.rax = number;
        // The time to wait. It is the caller's no more than any register that a call may change.
        registers.r10 = 0;
        // No call that the kernel would itself begin anew.
        registers.orig_rax = u64::MAX;
        ptrace::setregs(tid, registers)?;
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn rewind(_tid: Pid) -> nix::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        os::unix::net::UnixStream,
        process::{Command, Stdio},
    };

    use dormouse_model::Limits;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

    use super::*;
    use crate::cgroup::{self, Place, Share};

    #[test]
    fn calls() {
        let call = |number, timeout: i32| SystemCall {
            number,
            arguments: [7, 0, 64, u64::from(timeout.cast_unsigned()), 0, 8],
        };
        for (what, call, expected) in [
            ("for a second", call(libc::SYS_epoll_pwait, 1000), true),
            ("for ever", call(libc::SYS_epoll_pwait, -1), false),
            ("not at all", call(libc::SYS_epoll_pwait, 0), false),
            ("another call", call(libc::SYS_read, 1000), false),
        ] {
            assert_eq!(waits_for_a_time(&call), expected, "{what}");
        }
    }

    const CHILD: &str = "DORMOUSE_TEST_POLLS";

    /// No test of its own: what the next one freezes. It ends with how many events its wait returned; 9 when that failed.
    #[test]
    fn child_that_polls() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        epoll.add(std::io::stdin(), EpollEvent::new(EpollFlags::EPOLLIN, 0)).unwrap();
        let mut events = [EpollEvent::empty()];
        let heard = epoll.wait(&mut events, EpollTimeout::try_from(Duration::from_secs(10)).unwrap());
        std::process::exit(heard.map_or(9, |events| i32::try_from(events).unwrap()));
    }

    /// Bug: the primary of a cluster of Node, which looks every second when it last heard of its workers, killed them after
    /// a sleep, although they had said that they live before it was thawed.
    #[test]
    fn what_has_arrived_is_read_first() {
        if !cfg!(target_arch = "x86_64") {
            return;
        }
        let Ok(groups) = cgroup::detect(&format!("polls{}", std::process::id())) else {
            dormouse_trials::skip("control groups need root");
            return;
        };
        for (word, thawed, expected) in [(&b"beat"[..], true, 1), (b"", true, 0), (b"beat", false, 1)] {
            let limits = Limits { memory: 64 << 20, cpu_milli: 1000, pids: 10, ..Limits::default() };
            let group = groups.create(&Place::apart("one"), &limits, Share::App).unwrap();
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "tree::polls::tests::child_that_polls"])
                .env(CHILD, "1")
                .stdin(std::os::fd::OwnedFd::from(theirs))
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            group.add(child.id()).unwrap();
            let polls = || Polls::of(&[child.id()]);
            let start = Instant::now();
            while polls().0.is_empty() {
                assert!(start.elapsed() < Duration::from_secs(5), "it never came to wait");
                thread::sleep(Duration::from_millis(5));
            }
            group.freeze(&|| false).unwrap();
            ours.write_all(word).unwrap();
            let polls = polls();
            if !thawed {
                // Somebody put it to sleep again. It is not held for ever.
                assert!(!polls.thaw(|| false));
            }
            assert!(polls.thaw(|| group.thaw().is_ok()));
            let status = child.wait().unwrap();
            group.remove().unwrap();
            assert_eq!(status.code(), Some(expected), "{word:?}");
        }
        groups.remove_top();
    }
}
