//! Whether processes that were just thawed have come back: run, and wait again.

use std::{collections::BTreeMap, fs, time::Duration};

use super::threads;
use crate::process::Stat;

/// A thread that has had this much of a processor since the thaw has done what it woke for, though it goes on: a worker
/// that answers the request it was woken by has told its supervisor that it lives before. Coming back from zram costs
/// a Python worker about 5 ms.
const BUSY: Duration = Duration::from_millis(50);

/// How far threads had come when they were frozen: time on a processor.
#[derive(Debug, Default)]
pub(crate) struct Rest(BTreeMap<u32, Duration>);

impl Rest {
    /// Of these processes, which are frozen.
    pub(crate) fn of(pids: impl IntoIterator<Item = u32>) -> Self {
        let each = pids.into_iter().flat_map(|pid| threads(pid).into_iter().map(move |tid| (pid, tid)));
        Self(each.filter_map(|(pid, tid)| Some((tid, time(pid, tid)?))).collect())
    }

    /// Whether each thread of a process waits, or has run for long enough. Also when there is none any more.
    pub(crate) fn is_back(&self, pid: u32) -> bool {
        threads(pid).into_iter().all(|tid| {
            // One that ends meanwhile needs nothing.
            let Some(stat) = Stat::of_thread(pid, tid) else { return true };
            waits(stat.state) || time(pid, tid).is_none_or(|now| self.is_busy(tid, now))
        })
    }

    fn is_busy(&self, tid: u32, now: Duration) -> bool {
        now.saturating_sub(self.0.get(&tid).copied().unwrap_or_default()) >= BUSY
    }
}

/// Whether a thread in this state waits for something other than a processor and the disk. A page that comes back from
/// a swap file is read from the disk.
fn waits(state: char) -> bool {
    !matches!(state, 'R' | 'D')
}

/// `None` when the thread is gone.
fn time(pid: u32, tid: u32) -> Option<Duration> {
    parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?)
}

/// Nanoseconds on a processor, nanoseconds of waiting for one, turns.
fn parse(text: &str) -> Option<Duration> {
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn states() {
        for (state, rests) in [('S', true), ('R', false), ('D', false), ('T', true), ('t', true), ('Z', true)]
        {
            assert_eq!(waits(state), rests, "{state}");
        }
    }

    #[test]
    fn enough_is_enough() {
        let ms = Duration::from_millis;
        let rest = Rest([(1, ms(900))].into());
        for (tid, now, busy) in
            [(1, 900, false), (1, 949, false), (1, 950, true), (2, 0, false), (2, 50, true)]
        {
            assert_eq!(rest.is_busy(tid, ms(now)), busy, "{tid} {now}");
        }
    }

    #[test]
    fn what_the_kernel_writes() {
        assert_eq!(parse("1186018 4977660 2\n"), Some(Duration::from_nanos(1_186_018)));
        assert_eq!(parse(""), None);
    }

    /// A process that waits is back; one that never does is when it has had its share.
    #[test]
    fn real_processes() {
        let child =
            |argv: &[&str]| Command::new(argv[0]).args(&argv[1..]).stdout(Stdio::null()).spawn().unwrap();
        let mut sleeper = child(&["sleep", "100"]);
        let mut spinner = child(&["sh", "-c", "while :; do :; done"]);
        let rest = Rest::of([sleeper.id()]);
        let comes_back = |pid| {
            (0..2000).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                rest.is_back(pid)
            })
        };
        assert!(comes_back(sleeper.id()), "it waits");
        assert!(!Rest::of([spinner.id()]).is_back(spinner.id()), "it has not had its share");
        assert!(comes_back(spinner.id()), "it has had its share");
        for child in [&mut sleeper, &mut spinner] {
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(rest.is_back(child.id()), "it is gone");
        }
    }
}
