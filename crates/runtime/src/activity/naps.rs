//! Threads that sleep by the clock: an event loop waits for its descriptors too, and is none.

use std::{fs, time::Duration};

use dormouse_model::{Nap, clock};

use crate::{
    process::{Stat, SystemCall},
    tree::threads,
};

/// Ticks in a second of the clock by which the kernel tells when threads were begun: `USER_HZ`, 100 wherever Rust's standard
/// library runs (proc_pid_stat(5), time(7)).
const TICKS: u64 = 100;

/// Those of `procs`, as far as the kernel tells.
pub(crate) fn naps(procs: &[u32]) -> Vec<Nap> {
    let Some(up) = uptime() else { return Vec::new() };
    let now = clock::now();
    let of = |pid: u32| {
        threads(pid).into_iter().filter_map(move |tid| {
            SystemCall::of_thread(pid, tid).filter(is_nap)?;
            let ticks = Stat::of_thread(pid, tid)?.start_ticks;
            let begun = Duration::from_millis(ticks.saturating_mul(1000) / TICKS);
            Some(Nap { thread: tid, begun: now.before(up.saturating_sub(begun)) })
        })
    };
    procs.iter().copied().flat_map(of).collect()
}

/// Whether a thread in this system call waits for time to pass, and for nothing else.
fn is_nap(call: &SystemCall) -> bool {
    let SystemCall { number, arguments: [first, second, ..] } = *call;
    #[cfg(target_arch = "x86_64")]
    let (poll, select) = (number == libc::SYS_poll, number == libc::SYS_select);
    #[cfg(not(target_arch = "x86_64"))]
    let (poll, select) = (false, false);
    match number {
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep => true,
        // Of no descriptors: how Python slept before 3.11.
        libc::SYS_pselect6 => first == 0,
        libc::SYS_ppoll => second == 0,
        _ if select => first == 0,
        _ if poll => second == 0,
        _ => false,
    }
}

/// Time since boot, as threads' starts are counted; `None` when the kernel does not tell.
fn uptime() -> Option<Duration> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn calls_that_are_naps() {
        for (number, arguments, nap) in [
            (libc::SYS_clock_nanosleep, "0x1 0x1 0x7f00", true),
            (libc::SYS_nanosleep, "0x7f00 0x0 0x0", true),
            (libc::SYS_pselect6, "0x0 0x0 0x0", true),
            (libc::SYS_pselect6, "0xa 0x20 0x0", false),
            (libc::SYS_ppoll, "0x0 0x0 0x7f00", true),
            (libc::SYS_ppoll, "0x10 0x1 0x7f00", false),
            (libc::SYS_epoll_pwait, "0x3 0x7f0000 0x400", false),
            (libc::SYS_futex, "0x7f0000 0x189 0x0", false),
        ] {
            let call = format!("{number} {arguments} 0x0 0x0 0x0 0x7ffc00 0x7f00\n");
            assert_eq!(is_nap(&SystemCall::parse(&call).unwrap()), nap, "{call}");
        }
    }

    #[test]
    fn a_thread_that_naps_is_found_with_its_beginning() {
        let (tell, told) = mpsc::channel();
        let before = clock::now().before(Duration::from_millis(20));
        let sleeper = thread::spawn(move || {
            tell.send(rustix::thread::gettid()).unwrap();
            thread::sleep(Duration::from_secs(2));
        });
        let tid = u32::try_from(told.recv().unwrap().as_raw_nonzero().get()).unwrap();
        let mine = || naps(&[std::process::id()]).into_iter().find(|nap| nap.thread == tid);
        let found = std::iter::repeat_with(|| {
            thread::sleep(Duration::from_millis(10));
            mine()
        });
        let first = found.take(100).flatten().next().expect("never found");
        let now = clock::now();
        assert!(first.begun >= before && first.begun <= now, "{before:?} {first:?} {now:?}");
        sleeper.join().unwrap();
        assert_eq!(mine(), None);
    }
}
