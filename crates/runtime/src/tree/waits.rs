//! Waits that a freeze lengthens.
//!
//! A frozen system call goes on after the thaw. Nearly all of them were given, or keep, the time at which they are to
//! end, and that time passes while they are frozen. `select`, `pselect` and `ppoll` do not: the kernel writes what is left
//! of the time into the caller's memory when it interrupts them for the freeze, and counts it anew after the thaw. A
//! worker of gunicorn waits in `select` for up to 15 s before it tells its arbiter that it lives, so it would tell that 15 s after the
//! wake, and be killed long before. What is left is therefore written again, less the time that has passed.

use std::{fs, fs::OpenOptions, io, os::unix::fs::FileExt, time::Duration};

use super::threads;
use crate::process::SystemCall;

/// A system call that is given a time to wait, and is left with the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    number: libc::c_long,
    /// Which of its arguments points to the time.
    argument: usize,
    /// What the smaller half of the time counts, in nanoseconds.
    unit: u32,
}

const CALLS: &[Call] = &[
    #[cfg(target_arch = "x86_64")]
    Call { number: libc::SYS_select, argument: 4, unit: 1000 },
    Call { number: libc::SYS_pselect6, argument: 4, unit: 1 },
    Call { number: libc::SYS_ppoll, argument: 2, unit: 1 },
];

/// A thread's wait: where its process keeps what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    pid: u32,
    address: u64,
    unit: u32,
}

/// The waits that a freeze has interrupted and that would be counted anew.
#[derive(Debug, Default)]
pub(crate) struct Waits(Vec<Wait>);

impl Waits {
    /// Those of these processes, which are frozen.
    pub(crate) fn of(pids: impl IntoIterator<Item = u32>) -> Self {
        let each = pids.into_iter().flat_map(|pid| threads(pid).into_iter().map(move |tid| (pid, tid)));
        let wait = |(pid, tid)| {
            let call = fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?;
            let (address, unit) = time_left(&call)?;
            Some(Wait { pid, address, unit })
        };
        Self(each.filter_map(wait).collect())
    }

    /// Let `passed` count for each of them. To be called before the thaw. A call that had ended just before the freeze
    /// reads a shorter rest than it left, which is as true.
    pub(crate) fn shorten(&self, passed: Duration) {
        for wait in &self.0 {
            if let Err(e) = wait.shorten(passed) {
                // It has ended; or its memory cannot be read, and the wait is as long as before.
                tracing::debug!("cannot shorten a wait of process {}: {e}", wait.pid);
            }
        }
    }
}

impl Wait {
    fn shorten(self, passed: Duration) -> io::Result<()> {
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{}/mem", self.pid))?;
        let mut bytes = [0; 16];
        memory.read_exact_at(&mut bytes, self.address)?;
        memory.write_all_at(&less(bytes, self.unit, passed), self.address)
    }
}

/// A time as the kernel writes it (seconds, then a smaller half that counts `unit` nanoseconds), less what has passed.
fn less(bytes: [u8; 16], unit: u32, passed: Duration) -> [u8; 16] {
    let half =
        |at: usize| u64::try_from(i64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))).unwrap_or(0);
    let rest = u32::try_from(half(8)).unwrap_or(0).saturating_mul(unit);
    let left =
        Duration::from_secs(half(0)).saturating_add(Duration::from_nanos(rest.into())).saturating_sub(passed);
    let mut out = [0; 16];
    out[..8].copy_from_slice(&left.as_secs().to_ne_bytes());
    out[8..].copy_from_slice(&u64::from(left.subsec_nanos() / unit).to_ne_bytes());
    out
}

/// Where a thread in this system call (as `/proc/<pid>/syscall` tells it) keeps what is left of its wait, and in which
/// unit; `None` when it waits without an end, or in another call.
fn time_left(call: &str) -> Option<(u64, u32)> {
    let SystemCall { number, arguments } = SystemCall::parse(call)?;
    let call = CALLS.iter().find(|call| call.number == number)?;
    let address = arguments[call.argument];
    Some((address, call.unit)).filter(|(address, _)| *address != 0)
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::Instant,
    };

    use dormouse_model::Limits;

    use super::*;
    use crate::cgroup::{self, Place, Share};

    #[test]
    fn what_is_left() {
        let time = |seconds: i64, rest: i64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&seconds.to_ne_bytes());
            bytes[8..].copy_from_slice(&rest.to_ne_bytes());
            bytes
        };
        let second = Duration::from_secs(1);
        for (left, unit, passed, expected) in [
            ((15, 5), 1, 45 * second, (0, 0)),
            ((15, 5), 1, second * 9 / 2, (10, 500_000_005)),
            ((15, 5), 1000, second * 9 / 2, (10, 500_005)),
            ((15, 5), 1, Duration::ZERO, (15, 5)),
            ((0, 900), 1, second, (0, 0)),
            ((15, 5), 1, Duration::MAX, (0, 0)),
            ((i64::MAX, 0), 1, second, (i64::MAX - 1, 0)),
            // Whatever stands there is the app's own.
            ((i64::MIN, i64::MAX), 1000, second, (0, 0)),
            ((5, -1), 1000, second, (4, 0)),
        ] {
            assert_eq!(less(time(left.0, left.1), unit, passed), time(expected.0, expected.1), "{left:?}");
        }
    }

    #[test]
    fn calls() {
        let pselect = format!("{} 0x4 0x7ffd 0x0 0x0 0x7e80 0x0 0x7ff0 0x7f00", libc::SYS_pselect6);
        let forever = format!("{} 0x4 0x7ffd 0x0 0x0 0x0 0x0 0x7ff0 0x7f00", libc::SYS_pselect6);
        let ppoll = format!("{} 0x4 0x1 0x7e90 0x0 0x0 0x0 0x7ff0 0x7f00", libc::SYS_ppoll);
        for (call, left) in [
            (&*pselect, Some((0x7e80, 1))),
            (&forever, None),
            (&ppoll, Some((0x7e90, 1))),
            ("-1 0x7ff0 0x7f00", None),
            ("running", None),
            ("7 0x1 0x2", None),
            ("", None),
        ] {
            assert_eq!(time_left(call), left, "{call}");
        }
    }

    const CHILD: &str = "DORMOUSE_TEST_SELECTS";

    /// No test of its own: what the next one freezes.
    #[test]
    fn child_that_selects() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let mut ten_seconds = nix::sys::time::TimeVal::new(10, 0);
        nix::sys::select::select(None, None, None, None, Some(&mut ten_seconds)).unwrap();
    }

    /// Bug: a worker of gunicorn told its arbiter only so long after the wake as it would have waited when it was frozen.
    #[test]
    fn a_real_wait_goes_on_while_frozen() {
        let tag = format!("waits{}", std::process::id());
        let Ok(groups) = cgroup::detect(&tag) else {
            dormouse_trials::skip("control groups need root");
            return;
        };
        let limits = Limits { memory: 64 << 20, cpu_milli: 1000, pids: 10, ..Limits::default() };
        let group = groups.create(&Place::apart("one"), &limits, Share::App).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tree::waits::tests::child_that_selects"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        group.add(child.id()).unwrap();
        let waits = || Waits::of([child.id()]);
        let start = Instant::now();
        while waits().0.is_empty() {
            assert!(start.elapsed() < Duration::from_secs(5), "it never came to wait");
            std::thread::sleep(Duration::from_millis(5));
        }
        group.freeze(&|| false).unwrap();
        waits().shorten(Duration::from_secs(60));
        let start = Instant::now();
        group.thaw().unwrap();
        let status = child.wait().unwrap();
        let took = start.elapsed();
        group.remove().unwrap();
        groups.remove_top();
        assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
    }
}
