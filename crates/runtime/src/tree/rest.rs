//! Whether processes that were just thawed have run and wait again.

use std::{collections::BTreeMap, fs, time::Duration};

use super::threads;
use crate::process::Stat;

/// A thread that has had this much of a processor since the thaw has done what it woke for, though it goes on: a worker
/// that answers the request it was woken by has told its supervisor that it lives before. Coming back from zram costs
/// a Python worker about 5 ms.
const BUSY: Duration = Duration::from_millis(50);

/// What a thread has had of the processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ran {
    time: Duration,
    /// How often it was given one.
    turns: u64,
}

/// Watches processes come to rest.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// By thread, from while they were frozen.
    before: BTreeMap<u32, Ran>,
}

impl Rest {
    /// Remember how far these processes have come; they are frozen.
    pub(crate) fn before(pids: impl IntoIterator<Item = u32>) -> Self {
        let each = pids.into_iter().flat_map(|pid| threads(pid).into_iter().map(move |tid| (pid, tid)));
        let before = each.filter_map(|(pid, tid)| Some((tid, ran(pid, tid)?))).collect();
        Self { before }
    }

    /// Whether each thread of these processes waits, or has run for long enough. When so, the number of turns they have
    /// had: two looks that give the same mean that nothing happened in between.
    pub(crate) fn look(&self, pids: &[u32]) -> Option<u64> {
        let mut turns = 0;
        for pid in pids {
            for tid in threads(*pid) {
                // One that ends meanwhile is at rest too.
                let Some(stat) = Stat::of_thread(*pid, tid) else { continue };
                let Some(now) = ran(*pid, tid) else { continue };
                let before = self.before.get(&tid).copied().unwrap_or_default();
                if is_busy(before, now) {
                    continue;
                }
                if !waits(stat.state) {
                    return None;
                }
                turns += now.turns;
            }
        }
        Some(turns)
    }
}

fn is_busy(before: Ran, now: Ran) -> bool {
    now.time.saturating_sub(before.time) >= BUSY
}

/// Whether a thread in this state waits for something other than a processor and the disk. A page that comes back from
/// a swap file is read from the disk.
fn waits(state: char) -> bool {
    !matches!(state, 'R' | 'D')
}

/// `None` when the thread is gone.
fn ran(pid: u32, tid: u32) -> Option<Ran> {
    parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?)
}

/// Nanoseconds on a processor, nanoseconds of waiting for one, turns.
fn parse(text: &str) -> Option<Ran> {
    let mut fields = text.split_whitespace().map(str::parse);
    let (time, _waited, turns) = (fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Ran { time: Duration::from_nanos(time), turns })
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
        let ran = |ms| Ran { time: Duration::from_millis(ms), turns: 1 };
        for (before, now, busy) in
            [(0, 0, false), (0, 49, false), (0, 50, true), (900, 920, false), (900, 950, true)]
        {
            assert_eq!(is_busy(ran(before), ran(now)), busy, "{before} {now}");
        }
    }

    #[test]
    fn what_the_kernel_writes() {
        assert_eq!(
            parse("1186018 4977660 2\n"),
            Some(Ran { time: Duration::from_nanos(1_186_018), turns: 2 })
        );
        assert_eq!(parse("0 0"), None);
    }

    /// A process that waits is at rest; one that never does is when it has had its share.
    #[test]
    fn real_processes() {
        let child =
            |argv: &[&str]| Command::new(argv[0]).args(&argv[1..]).stdout(Stdio::null()).spawn().unwrap();
        let mut sleeper = child(&["sleep", "100"]);
        let mut spinner = child(&["sh", "-c", "while :; do :; done"]);
        let rest = Rest::before([sleeper.id()]);
        let settles = |pid| {
            (0..2000).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                rest.look(&[pid]).is_some()
            })
        };
        assert!(settles(sleeper.id()), "it waits");
        assert_eq!(Rest::before([spinner.id()]).look(&[spinner.id()]), None, "it has not had its share");
        assert!(settles(spinner.id()), "it has had its share");
        for child in [&mut sleeper, &mut spinner] {
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(rest.look(&[child.id()]), Some(0), "it is gone");
        }
    }
}
