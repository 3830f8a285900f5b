//! Whether a child still works: it says so every two seconds (`line::BEAT`), from the very loop that has to answer.

use std::time::{Duration, Instant};

use super::family::Stage;
use crate::{line::BEAT, role::Role};

/// How often the parent looks.
pub(super) const LOOK: Duration = BEAT;

/// How long a child may be silent before it counts as hanging: well above what a busy machine or one that swaps costs.
///
/// To replace control costs nobody anything but a moment of waiting. To replace the edge cuts what it carries, so it gets longer.
/// One that has yet to serve says nothing while it takes over hundreds of apps.
pub(super) fn patience(role: Role, stage: Stage) -> Duration {
    match (stage, role) {
        (Stage::Started | Stage::Prepared, _) => Duration::from_secs(300),
        (Stage::Serving, Role::Control) => Duration::from_secs(15),
        (Stage::Serving, Role::Edge) => Duration::from_secs(30),
    }
}

/// How long a child has been silent.
#[derive(Debug)]
pub(super) struct Pulse {
    looked: Instant,
    silent: Duration,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self { looked: now, silent: Duration::ZERO }
    }

    /// The child has said something.
    pub(super) fn heard(&mut self) {
        self.silent = Duration::ZERO;
    }

    /// Look after it. All that it has said has to be heard before. Returns how long it has been silent while we ourselves ran:
    /// where we stood still, because the whole machine did or was stopped, so did the child.
    pub(super) fn look(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        self.silent += passed.min(LOOK * 2);
        self.silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_while_we_look() {
        let begin = Instant::now();
        let mut pulse = Pulse::new(begin);
        let mut at = begin;
        let mut silent = |pulse: &mut Pulse, seconds| {
            at += Duration::from_secs(seconds);
            pulse.look(at).as_secs()
        };
        assert_eq!(silent(&mut pulse, 2), 2);
        assert_eq!(silent(&mut pulse, 2), 4);
        assert_eq!(silent(&mut pulse, 0), 4);
        pulse.heard();
        assert_eq!(silent(&mut pulse, 2), 2);
        // The machine was stopped for an hour, and the child with us.
        assert_eq!(silent(&mut pulse, 3600), 6);
        let looks = (0..).take_while(|_| silent(&mut pulse, 2) < 15).count();
        assert_eq!(looks, 4);
    }
}
