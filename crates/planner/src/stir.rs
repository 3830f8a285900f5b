//! Bytes that arrive for an instance that sleeps.

use std::time::Duration;

use dormouse_model::{Desired, InstanceRecord, Stir, Time};

use crate::{clock::Clock, index, view::View};

/// So many wakes in a row for bytes alone, with nobody using the instance in between, come at once and may take their
/// time; what goes on after them is chatter.
const FREE: u32 = 5;
/// Longest wait before chatter wakes an instance again.
const CAP: Duration = Duration::from_secs(60);
/// Stirs further apart than this are not in a row.
const ROW: Duration = Duration::from_secs(600);
/// How long after a command to sleep its services may still be answering each other.
const LEFT_OVER: Duration = Duration::from_secs(5);
/// How long an instance that was woken by bytes may go on exchanging them.
pub(crate) const NOISE: Duration = Duration::from_secs(60);

/// Notes that bytes arrived at `at` for an instance that slept.
pub fn note_stir(desired: &Desired, record: &mut InstanceRecord, at: Time) {
    let services: Vec<_> = desired.services.of_project(&record.key.project).map(|(_, svc)| svc).collect();
    let asked_for = index::wakes(&services).get(&record.key).copied();
    let used = asked_for.max(record.traffic.last_client_byte).max(record.traffic.last_event);
    let in_a_row = match record.stirred {
        Some(last) if used < Some(last.at) && at.since(last.at) < ROW => last.in_a_row.saturating_add(1),
        Some(_) | None => 0,
    };
    record.stirred = Some(Stir { at, in_a_row });
}

/// Whether an instance that sleeps is to be woken for it.
pub(crate) fn is_due(stir: Stir, i: &InstanceRecord, told: bool, clock: &Clock) -> bool {
    let pending = i.woken_at.is_none_or(|at| stir.at > at);
    pending && clock.passed(stir.at, wait(stir, told))
}

/// Whether it is what services that somebody sent to sleep together had still to say to each other: the answer to a last
/// poll would wake who polled, who polls again. It waits until anything of the project is used.
pub(crate) fn is_left_over(stir: Stir, view: &View<'_>) -> bool {
    view.svc.demand.sleep_at.is_some_and(|at| stir.at < at.after(LEFT_OVER)) && view.rests_with_others()
}

/// What was told to sleep is disturbed less.
fn wait(stir: Stir, told: bool) -> Duration {
    match stir.in_a_row.checked_sub(if told { 1 } else { FREE }) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << more.min(16)).min(CAP),
    }
}

/// Since when an instance is awake for it.
pub(crate) fn since(stir: Stir, i: &InstanceRecord) -> Time {
    i.woken_at.unwrap_or(stir.at).max(stir.at)
}

/// Whether its bytes may bring more.
pub(crate) fn may_be_noisy(stir: Stir) -> bool {
    stir.in_a_row < FREE
}
