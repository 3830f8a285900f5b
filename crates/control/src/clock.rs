//! The only place that asks what time it is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use dormouse_model::Time;

/// Wall-clock time that never goes back within the process: a step of the system's clock must not undo an order of
/// events (`sleep` after `wake`).
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    latest: AtomicU64,
}

impl WallClock {
    pub(crate) fn now(&self) -> Time {
        let now = Time::from(SystemTime::now()).0;
        Time(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

/// From `now` to `at`, rounded up so that `at` has surely come.
pub(crate) fn until(now: Time, at: Time) -> Duration {
    at.since(now) + Duration::from_millis(1)
}
