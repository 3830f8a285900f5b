//! Supervisors that a sleep cannot be hidden from: how long they may be frozen at a time.

use std::time::Duration;

use dormouse_model::{
    Deployment, DeploymentId, Depth, ExitStatus, InstanceRecord, Phase, Sighting, Time, Watchdog,
};

use crate::{look_in, view::View, words::span};

/// At most this after processes were lost to a sleep, however long that was: the usual timeouts are 30 s and 60 s, and
/// each guess that is too long loses them again.
const LIMIT: Duration = Duration::from_secs(25);
/// Puma waits 60 s, and may have heard its workers last 5 s before the freeze.
const PUMA: Duration = Duration::from_secs(50);
/// Who may not even be frozen for so long stays awake: a dark wake takes about as long.
const SHORTEST: Duration = Duration::from_secs(5);

/// An end so soon after a wake is taken for a consequence of the sleep.
const SOON: Duration = Duration::from_secs(8);

/// What it says of a sleep that an instance has ended, by itself: some watch themselves, and end when they find that they
/// have not run for long. It may have another reason, so as long as nothing else is known, what slept for so short a time
/// that it would be kept awake from then on counts for nothing. `known` is what is known of its service.
#[must_use]
pub fn ended_of_sleep(
    i: &InstanceRecord,
    known: Option<&Watchdog>,
    at: Time,
    how: ExitStatus,
) -> Option<Sighting> {
    let known = known.filter(|known| known.deployment == i.deployment);
    match how {
        // The machine was restarted, or the like.
        ExitStatus::OutOfMemory | ExitStatus::Lost => return None,
        ExitStatus::Code(_) | ExitStatus::Signal(_) => {}
    }
    let slept = match i.phase {
        Phase::Running => {
            let woken_at = i.woken_at.filter(|woken| at < woken.after(SOON))?;
            woken_at.since(i.slept_at.filter(|slept| *slept < woken_at)?)
        }
        Phase::Asleep(_) => match (known, how) {
            // In the moment that it ran for.
            (Some(known), _) => known.limit,
            // What is frozen does not end by itself: its wake is under way.
            (None, ExitStatus::Code(_)) => at.since(i.slept_at?),
            // By somebody's hand.
            (None, ExitStatus::Signal(_) | ExitStatus::OutOfMemory | ExitStatus::Lost) => return None,
        },
        Phase::Exited(_) => return None,
    };
    (known.is_some() || slept >= SHORTEST * 2).then_some(Sighting::Ended { slept })
}

/// What is known of a service's watchdog after a sighting; `None` when that is nothing new.
#[must_use]
pub fn note_sighting(
    known: Option<&Watchdog>,
    deployment: DeploymentId,
    at: Time,
    seen: Sighting,
) -> Option<Watchdog> {
    let known = known.filter(|known| known.deployment == deployment).map(|known| known.limit);
    let limit = match seen {
        Sighting::Puma => PUMA,
        Sighting::Restarts { slept, .. } | Sighting::Ended { slept } => {
            Duration::from_secs(slept.as_secs() / 2).min(LIMIT)
        }
    };
    (known.is_none_or(|known| limit < known)).then_some(Watchdog { deployment, seen, at, limit })
}

/// Whether a sleep of any length would cost a service its processes.
pub(crate) fn allows_no_sleep(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    limit(view, d, i).is_some_and(|limit| limit < SHORTEST)
}

/// Whether an instance that sleeps is to run for a moment.
pub(crate) fn wants_to_look(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    // One that somebody else froze may have been frozen for long.
    limit(view, d, i).is_some_and(|limit| i.slept_at.is_none_or(|at| view.clock.passed(at, limit)))
}

fn limit(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Duration> {
    // What is stopped keeps no process that could be lost.
    let sleeps = d.spec.sleep.depth != Depth::Stopped || look_in::is_awaited(view, d, i);
    view.watchdog.filter(|w| sleeps && w.deployment == d.process()).map(|w| w.limit)
}

/// What there is to say of a watchdog, one line; nothing when nobody's processes were lost.
#[must_use]
pub fn watchdog(watchdog: &Watchdog) -> Option<String> {
    let (slept, what) = match watchdog.seen {
        Sighting::Puma => return None,
        Sighting::Restarts { slept, processes: 1 } => (slept, "it restarted a process".to_owned()),
        Sighting::Restarts { slept, processes } => {
            (slept, format!("it restarted {processes} of its processes"))
        }
        Sighting::Ended { slept } => (slept, "it ended by itself".to_owned()),
    };
    let then = match watchdog.limit {
        limit if limit < SHORTEST => "so it is kept awake".to_owned(),
        limit => format!("so it now runs for a moment every {} s", limit.as_secs()),
    };
    Some(format!("{what} after a sleep of {}, {then}", span(slept)))
}
