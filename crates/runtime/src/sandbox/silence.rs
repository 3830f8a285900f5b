//! Whether a run still shows signs of life.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::cgroup::Group;

/// Processor time that is one. A program that waits for an answer that never comes takes less, even when it looks each
/// second whether it is there; a download that crawls, or a compiler, takes more.
const SIGN: Duration = Duration::from_millis(50);

/// Pauses between two looks: a twentieth of the limit within these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Returns once there was none for `limit`: nothing more `heard`, in bytes, and no use of the processor to speak of.
pub(super) async fn too_long(limit: Duration, heard: &AtomicU64, group: &Arc<dyn Group>) {
    let mut silence = Silence { limit, heard: 0, cpu: Duration::ZERO, since: Instant::now() };
    loop {
        tokio::time::sleep((limit / 20).clamp(PAUSES.0, PAUSES.1)).await;
        let group = group.clone();
        let stats = tokio::task::spawn_blocking(move || group.stats()).await;
        let cpu = stats.ok().and_then(Result::ok).map_or(Duration::ZERO, |stats| stats.cpu);
        if silence.lasts(Instant::now(), heard.load(Ordering::Relaxed), cpu) {
            return;
        }
    }
}

struct Silence {
    limit: Duration,
    heard: u64,
    cpu: Duration,
    since: Instant,
}

impl Silence {
    /// Whether it has lasted too long. Where the kernel does not count processor time nobody can tell, and it has not.
    fn lasts(&mut self, now: Instant, heard: u64, cpu: Duration) -> bool {
        if heard != self.heard || cpu >= self.cpu + SIGN || cpu.is_zero() {
            (self.heard, self.cpu, self.since) = (heard, cpu, now);
        }
        now.duration_since(self.since) >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life() {
        // Seconds after the last look, bytes heard and milliseconds of processor time since.
        for (story, looks, ends) in [
            ("it says nothing and does nothing", [(0, 5, 90), (60, 0, 0), (60, 0, 0), (60, 0, 0)], true),
            ("it waits, and looks now and then", [(0, 5, 90), (60, 0, 10), (60, 0, 10), (60, 0, 10)], true),
            (
                "it compiles and says nothing",
                [(0, 5, 90), (60, 0, 50_000), (60, 0, 9), (60, 0, 50_000)],
                false,
            ),
            ("a download crawls", [(0, 5, 90), (60, 0, 30), (60, 0, 30), (60, 0, 30)], false),
            ("it says a byte a minute", [(0, 5, 90), (60, 1, 0), (60, 1, 0), (60, 1, 0)], false),
            ("processor time is not counted", [(0, 0, 0), (60, 0, 0), (60, 0, 0), (60, 0, 0)], false),
        ] {
            let begin = Instant::now();
            let limit = Duration::from_secs(180);
            let mut silence = Silence { limit, heard: 0, cpu: Duration::ZERO, since: begin };
            let (mut now, mut heard, mut cpu, mut ended) = (begin, 0, Duration::ZERO, false);
            for (after, bytes, millis) in looks {
                now += Duration::from_secs(after);
                heard += bytes;
                cpu += Duration::from_millis(millis);
                ended = silence.lasts(now, heard, cpu);
            }
            assert_eq!(ended, ends, "{story}");
        }
    }
}
