//! What a sleep cannot be hidden from, supervisors and servers that ping their pages: how long they may be frozen at a time.

use std::time::Duration;

use dormouse_model::{
    Cut, Deployment, DeploymentId, Depth, ExitStatus, InstanceRecord, Phase, Sighting, Time, Watchdog,
};

use crate::{awake::Awake, look_in, view::View, words::span};

/// At most this after processes were lost to a sleep, however long that was: the usual timeouts are 30 s and 60 s, and
/// each guess that is too long loses them again.
const LIMIT: Duration = Duration::from_secs(25);
/// Puma waits 60 s, and may have heard its workers last 5 s before the freeze.
const PUMA: Duration = Duration::from_secs(50);
/// Who may not even be frozen for so long stays awake: a dark wake takes about as long.
const SHORTEST: Duration = Duration::from_secs(5);

/// An end so soon after a wake is taken for a consequence of the sleep.
const SOON: Duration = Duration::from_secs(8);
/// A freeze as short as that may only have been begun when something ended.
const BEGUN: Duration = Duration::from_secs(2);

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

/// What it says of a sleep that an instance took a page for gone which it had pinged: it missed the answer, because it looked
/// at the clock before it read, or the clock showed several of its pings at once.
#[must_use]
pub fn cut_of_sleep(i: &InstanceRecord, cut: Cut) -> Option<Sighting> {
    // Who is being stopped ends all it has.
    if i.draining_since.is_some() {
        return None;
    }
    let slept_at = i.slept_at.filter(|at| *at < cut.at)?;
    let until = match i.phase {
        // It may have been heard of before the wake was seen to be done.
        Phase::Running => i.woken_at.filter(|woken| slept_at < *woken && cut.at < woken.after(SOON))?,
        // In the moment that it ran for.
        Phase::Asleep(_) => cut.at,
        Phase::Exited(_) => return None,
    };
    // What was tried last may have been to let it run for that moment; the page's goodbye wakes it then.
    let tried = until < slept_at.after(SOON);
    let slept = until.since(i.asleep_since.filter(|_| tried).unwrap_or(slept_at));
    (slept >= BEGUN).then_some(Sighting::Cut { slept, pings: cut.pings })
}

/// What is known of a service's watchdog after a sighting; `None` when that is nothing new. What is learned of its pages is
/// kept apart from what is learned of its processes.
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
        // Never two pings in one piece. If that was still too long, half as long.
        Sighting::Cut { slept, pings } => {
            let limit = Duration::from_secs(pings.unwrap_or(slept).as_secs() / 2).min(LIMIT);
            known.map_or(limit, |known| limit.min(Duration::from_secs(known.as_secs() / 2)))
        }
    };
    (known.is_none_or(|known| limit < known)).then_some(Watchdog { deployment, seen, at, limit })
}

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
    limit(view.pinger.filter(|_| look_in::is_listened_to(i)), view, d, i)
}

fn limit(known: Option<&Watchdog>, view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Duration> {
    // What is stopped keeps no process that could be lost.
    let sleeps = d.spec.sleep.depth != Depth::Stopped || look_in::is_awaited(view, d, i);
    known.filter(|w| sleeps && w.deployment == d.process()).map(|w| w.limit)
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
        Sighting::Cut { slept, .. } => (slept, "it took an open page for gone".to_owned()),
    };
    let pages = match watchdog.seen {
        Sighting::Cut { .. } => " while one is open",
        Sighting::Puma | Sighting::Restarts { .. } | Sighting::Ended { .. } => "",
    };
    let then = match watchdog.limit {
        limit if limit < SHORTEST => format!("so it is kept awake{pages}"),
        limit => format!("so it now runs for a moment every {} s{pages}", limit.as_secs()),
    };
    Some(format!("{what} after a sleep of {}, {then}", span(slept)))
}
