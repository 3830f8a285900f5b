//! The time of planning, which remembers what it was asked about.

use std::{cell::Cell, time::Duration};

use dormouse_model::Time;

/// Every rule that depends on time asks here, so that the moment at which the earliest answer will change falls out of
/// planning itself and cannot drift from the rules.
pub(crate) struct Clock {
    now: Time,
    next: Cell<Option<Time>>,
}

impl Clock {
    pub(crate) fn new(now: Time) -> Self {
        Self { now, next: Cell::new(None) }
    }

    /// For what is said of a moment; no rule may depend on it.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Whether `at` has come.
    pub(crate) fn reached(&self, at: Time) -> bool {
        if self.now >= at {
            return true;
        }
        self.next.set(Some(self.next.get().map_or(at, |t| t.min(at))));
        false
    }

    /// Whether `span` has passed since `from`.
    pub(crate) fn passed(&self, from: Time, span: Duration) -> bool {
        self.reached(from.after(span))
    }

    /// When the first of the answers given so far will be another.
    pub(crate) fn next(&self) -> Option<Time> {
        self.next.get()
    }
}
