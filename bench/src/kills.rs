//! Kills at random, and again the same ones with the same seed.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use dormouse_e2e::{Server, eventually};

/// How long whatever was killed may take to be there again.
const BACK: Duration = Duration::from_secs(60);

/// Seconds since 1970: what is counted inside an app is compared with what is killed outside.
#[must_use]
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// One kill: it happened between these two times.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// `control`, `edge` or `parent`.
    pub who: &'static str,
    /// Before it.
    pub from: f64,
    /// After it.
    pub until: f64,
}

/// Kills of control, edge and parent, and when they were.
#[derive(Debug)]
pub struct Kills {
    random: u64,
    done: Vec<Kill>,
}

impl Kills {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: seed, done: Vec::new() }
    }

    /// A number below `end` (splitmix64).
    fn random(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// One after the other for this long, each once the one before is there again.
    ///
    /// # Panics
    /// When one does not come back.
    pub fn go_on(&mut self, server: &Server, time: Duration) {
        let end = Instant::now() + time;
        loop {
            thread::sleep(Duration::from_millis(1000 + self.random(3000)));
            if Instant::now() >= end {
                return;
            }
            let who = ["control", "edge", "parent"][usize::try_from(self.random(3)).unwrap_or(0)];
            eprint!("\r{} kills ", self.done.len() + 1);
            if who == "parent" {
                let from = now();
                server.kill_parent();
                self.done.push(Kill { who, from, until: now() });
                // Somebody has to notice.
                thread::sleep(Duration::from_millis(300));
                server.start_again();
            } else {
                let old = server.pid_of(who);
                let from = now();
                let killed = Command::new("kill").args(["-KILL", &old.to_string()]).status();
                assert!(killed.is_ok_and(|status| status.success()), "{who} is gone already");
                self.done.push(Kill { who, from, until: now() });
                eventually(who, BACK, || {
                    let new = server.pid_of(who);
                    if new == old { Err(format!("still {old}")) } else { Ok(()) }
                });
            }
        }
    }

    /// Which there were.
    #[must_use]
    pub fn done(self) -> Vec<Kill> {
        eprintln!();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_them_all() {
        let first = |seed| {
            let mut kills = Kills::new(seed);
            [kills.random(3), kills.random(3), kills.random(3000)]
        };
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }
}
