//! Processes that should still be there some time after a wake.

use std::time::{Duration, Instant};

use dormouse_model::{ExitStatus, Sighting};

use super::rise::Rise;
use crate::{ends::Ends, tree::Tree};

/// The processes that an instance had when it was woken.
pub(super) struct Missed {
    tree: Tree,
    ends: Ends,
    slept: Duration,
    woken: Instant,
}

impl Missed {
    /// Of a tree that was just woken; `None` when it is not known how long it slept.
    pub(super) fn of(rise: &Rise) -> Option<Self> {
        let (slept, tree) = (rise.slept()?, rise.lasting.clone());
        Some(Self { tree, ends: Ends::default(), slept, woken: Instant::now() })
    }

    /// From now on it will be known how they end.
    pub(super) fn watch(&mut self, ends: Ends) {
        self.ends = ends;
    }

    /// What has ended by now was not ended by who is woken now.
    pub(super) fn forget_ended(&mut self) {
        self.tree.forget_ended();
    }

    /// What has become of them, when there is this tree instead.
    pub(super) fn look(&self, now: &Tree) -> Option<Sighting> {
        let replaced = self.tree.replaced_in(now);
        let is_done = |how: Option<ExitStatus>| how.is_some_and(ExitStatus::is_done);
        let others = replaced.lost.iter().filter(|member| !is_done(self.ends.of(member))).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (replaced.count > 0).then_some(Sighting::Restarts {
            slept: self.slept,
            processes: count(replaced.count),
            done: count(replaced.count.saturating_sub(others)),
            ran: self.woken.elapsed(),
        })
    }
}
