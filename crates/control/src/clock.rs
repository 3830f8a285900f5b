//! From times to waiting.

use std::time::Duration;

use dormouse_model::Time;

/// From `now` to `at`, rounded up so that `at` has surely come.
pub(crate) fn until(now: Time, at: Time) -> Duration {
    at.since(now) + Duration::from_millis(1)
}
