//! Going to sleep without losing a byte: first the edge is shown the instance as asleep, and only when it has confirmed
//! that, and the planner still wants it, is it frozen. From the moment the edge shows it asleep, any byte for it asks
//! for a wake first. Where there are several edges, each has to confirm.

use std::{collections::BTreeSet, time::Duration};

use dormouse_backend::Workloads;
use dormouse_model::{InstanceId, StopReason, Time};
use dormouse_planner::{Action, Subject};
use tokio::time::Instant;
use tracing::warn;

use super::Reconciler;

/// How long the edge gets to confirm.
const CONFIRM: Duration = Duration::from_secs(2);
/// Pause before the edge is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// An instance that the edge shall treat as asleep.
#[derive(Debug)]
pub(super) struct Seal {
    since: Instant,
    /// The first table that shows it; `None` until that is published.
    generation: Option<u64>,
}

impl Seal {
    pub(super) fn expires(&self) -> Instant {
        self.since + CONFIRM
    }
}

impl<W: Workloads> Reconciler<W> {
    /// Whether the edge treats the instance as asleep; if not, ask it to.
    pub(super) fn sealed(&mut self, id: InstanceId) -> bool {
        match self.seals.get(&id) {
            Some(seal) => seal.generation.is_some_and(|g| self.edges.confirmed() >= g),
            None => {
                let Some(record) = self.state.observed.instances.get(&id) else { return false };
                self.seals.insert(id, Seal { since: Instant::now(), generation: None });
                self.state.facts.falling_asleep.insert(id, record.key.clone());
                false
            }
        }
    }

    /// Take back what the plan no longer has: somebody wants the instance.
    pub(super) fn break_seals(&mut self, plan: &[Action]) {
        let wanted: BTreeSet<InstanceId> = plan
            .iter()
            .filter_map(|action| match action {
                Action::Sleep { id, .. } | Action::Stop { id, why: StopReason::Idle, .. } => Some(*id),
                Action::Stop { .. }
                | Action::Look { .. }
                | Action::Wake { .. }
                | Action::DarkWake { .. }
                | Action::Start { .. }
                | Action::Promote { .. }
                | Action::Fail { .. }
                | Action::RollBack { .. }
                | Action::Settle { .. }
                | Action::Drain { .. }
                | Action::SetLimits { .. }
                | Action::Remove { .. } => None,
            })
            .collect();
        self.seals.retain(|id, _| wanted.contains(id));
        let seals = &self.seals;
        self.state.facts.falling_asleep.retain(|id, _| seals.contains_key(id));
    }

    /// Give up those the edge does not confirm.
    pub(super) fn expire_seals(&mut self, now: Time) {
        let late: Vec<_> = self
            .seals
            .iter()
            .filter(|(_, s)| {
                Instant::now() >= s.expires() && s.generation.is_none_or(|g| self.edges.confirmed() < g)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            warn!(%id, "the edge does not confirm that it treats the instance as asleep; it stays awake");
            self.seals.remove(&id);
            self.state.facts.falling_asleep.remove(&id);
            if let Some(record) = self.state.observed.instances.get_mut(&id) {
                record.slept_at = Some(now);
            }
            self.hold(Subject::Instance(id), AGAIN);
        }
    }

    /// The table just published shows all seals. True when one of them is confirmed already.
    pub(super) fn set_seals(&mut self) -> bool {
        let generation = self.tables.borrow().generation;
        let mut confirmed = false;
        for seal in self.seals.values_mut().filter(|s| s.generation.is_none()) {
            seal.generation = Some(generation);
            confirmed |= self.edges.confirmed() >= generation;
        }
        confirmed
    }
}
