//! What a sleep cannot be hidden from, supervisors and servers that ping their pages: how long they may be frozen at a time.

use std::time::Duration;

use dormouse_model::{Deployment, Depth, InstanceRecord, Sighting, Time, Verdict, Watchdog};

use crate::{awake::Awake, clock::Clock, look_in, span::span, traffic::is_listened_to, view::View};

/// Who may not even be frozen for so long stays awake: a dark wake takes about as long.
pub(crate) const SHORTEST: Duration = Duration::from_secs(5);
/// What its processes have shown of a service counts for so long, and is then tried again: it may have been a coincidence.
const TRIED_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Why no sleep of any length is allowed: it would cost a service its processes, or its pages.
pub(crate) fn allows_no_sleep(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Awake> {
    let is_short = |limit: &Duration| *limit < SHORTEST;
    let processes = of_processes(view, d, i).filter(is_short).map(|_| Awake::Watchdog);
    processes.or_else(|| of_pages(view, d, i).filter(is_short).map(|_| Awake::Pinger))
}

/// Whether an instance that sleeps is to run for a moment.
pub(crate) fn wants_to_look(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    // One that somebody else froze may have been frozen for long.
    let limits = [of_processes(view, d, i), of_pages(view, d, i)];
    let limit = limits.into_iter().flatten().min();
    limit.is_some_and(|limit| i.slept_at.is_none_or(|at| view.clock.passed(at, limit)))
}

fn of_processes(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Duration> {
    limit(view.watchdog, view, d, i)
}

/// While no page is open, there is none to lose.
fn of_pages(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Duration> {
    limit(view.pinger.filter(|_| is_listened_to(i)), view, d, i)
}

fn limit(known: Option<&Watchdog>, view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Duration> {
    // What is stopped keeps no process that could be lost.
    let sleeps = d.spec.sleep.depth != Depth::Stopped || look_in::is_awaited(view, d, i);
    let known = known.filter(|w| sleeps && w.deployment == d.process() && counts(w, view.clock))?;
    match known.verdict {
        Verdict::Suspected | Verdict::Shown => Some(known.limit),
        Verdict::Refuted => None,
    }
}

/// Whether what is known still counts, or is to be tried again.
pub(crate) fn counts(known: &Watchdog, clock: &Clock) -> bool {
    match known.seen {
        Sighting::Restarts { .. } | Sighting::Ended { .. } => !clock.passed(known.at, TRIED_AGAIN),
        // It is known by its name, or by what it sends.
        Sighting::Puma | Sighting::Cut { .. } => true,
    }
}

/// What there is to say of a watchdog, one line; nothing when nobody's processes were lost, or when that was so long ago
/// that it is tried again.
#[must_use]
pub fn watchdog(watchdog: &Watchdog, now: Time) -> Option<String> {
    if !counts(watchdog, &Clock::new(now)) {
        return None;
    }
    let (slept, what) = match watchdog.seen {
        Sighting::Puma => return None,
        Sighting::Restarts { slept, processes: 1, .. } => (slept, "it restarted a process".to_owned()),
        Sighting::Restarts { slept, processes, .. } => {
            (slept, format!("it restarted {processes} of its processes"))
        }
        Sighting::Ended { slept, .. } => (slept, "it ended by itself".to_owned()),
        Sighting::Cut { slept, .. } => (slept, "it took an open page for gone".to_owned()),
    };
    let pages = match watchdog.seen {
        Sighting::Cut { .. } => " while one is open",
        Sighting::Puma | Sighting::Restarts { .. } | Sighting::Ended { .. } => "",
    };
    let then = match (watchdog.verdict, watchdog.limit) {
        (Verdict::Refuted, _) => "as it does after others, so it sleeps as others do".to_owned(),
        (Verdict::Suspected | Verdict::Shown, limit) if limit < SHORTEST => {
            format!("so it is kept awake{pages}")
        }
        (Verdict::Suspected | Verdict::Shown, limit) => {
            format!("so it now runs for a moment every {} s{pages}", limit.as_secs())
        }
    };
    Some(format!("{what} after a sleep of {}, {then}", span(slept)))
}
