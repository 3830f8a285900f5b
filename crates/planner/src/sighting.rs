//! What it says of a sleep that processes, or pages, were lost soon after it.

use std::time::Duration;

use dormouse_model::{Cut, ExitStatus, InstanceRecord, Phase, Sighting, Time, Verdict, Watchdog};

use crate::{
    clock::Clock,
    watchdog::{SHORTEST, counts},
};

/// At most this after processes were lost to a sleep, however long that was: the usual timeouts are 30 s and 60 s, and
/// each guess that is too long loses them again.
const LIMIT: Duration = Duration::from_secs(25);
/// Puma waits 60 s, and may have heard its workers last 5 s before the freeze.
const PUMA: Duration = Duration::from_secs(50);

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
    let counts = |known: &&Watchdog| {
        known.deployment == i.deployment && known.verdict != Verdict::Refuted && is_fresh(known, at)
    };
    let known = known.filter(counts);
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
    let done = how.is_done();
    (known.is_some() || slept >= SHORTEST * 2).then_some(Sighting::Ended { slept, done })
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

/// What a sighting is worth.
enum Evidence {
    /// They were done, or were lost to what the instance was asked for, if not to the sleep.
    Hint,
    /// Nothing else is known that they could have been lost to.
    Proof,
}

/// What is known of a service's watchdog after a sighting in one of its instances; `None` when that is nothing new. What is
/// learned of its pages is kept apart from what is learned of its processes.
#[must_use]
pub fn note_sighting(
    known: Option<&Watchdog>,
    i: &InstanceRecord,
    at: Time,
    seen: Sighting,
) -> Option<Watchdog> {
    let known = known.filter(|known| known.deployment == i.deployment);
    let (verdict, limit) = match seen {
        Sighting::Puma => {
            let is_known = known.is_some_and(|k| is_fresh(k, at) && k.verdict != Verdict::Refuted);
            (!is_known).then_some((Verdict::Shown, PUMA))?
        }
        // Never two pings in one piece. If that was still too long, half as long.
        Sighting::Cut { slept, pings } => {
            let limit = half(pings.unwrap_or(slept));
            let is_new = known.is_none_or(|known| limit.min(halved(known.limit)) < known.limit);
            let limit = known.map_or(limit, |known| limit.min(halved(known.limit)));
            is_new.then_some((Verdict::Shown, limit))?
        }
        Sighting::Restarts { slept, .. } | Sighting::Ended { slept, .. } => {
            lost(known, at, weigh(i, at, seen)?, slept)?
        }
    };
    Some(Watchdog { deployment: i.deployment, seen, at, verdict, limit })
}

/// What the loss of processes is worth.
fn weigh(i: &InstanceRecord, at: Time, seen: Sighting) -> Option<Evidence> {
    let (fell_asleep, done) = match seen {
        Sighting::Restarts { slept, processes, done, ran } => {
            (Some(at.before(ran).before(slept)), done >= processes)
        }
        Sighting::Ended { done, .. } => (i.asleep_since.max(i.slept_at), done),
        Sighting::Puma | Sighting::Cut { .. } => return None,
    };
    let last = i.traffic.last_client_byte.max(i.stirred.map(|stir| stir.at));
    match (last > fell_asleep, done) {
        // Who takes leave when a supervisor asks it to ends as one does that is done.
        (true, _) | (false, true) => Some(Evidence::Hint),
        (false, false) => Some(Evidence::Proof),
    }
}

/// What is known after processes were lost, and how long it may be frozen then.
fn lost(
    before: Option<&Watchdog>,
    at: Time,
    evidence: Evidence,
    slept: Duration,
) -> Option<(Verdict, Duration)> {
    let (limit, fresh) = (half(slept), before.is_some_and(|before| is_fresh(before, at)));
    match (evidence, before.map(|before| (before.verdict, before.limit))) {
        (Evidence::Proof, None | Some((Verdict::Refuted, _))) => Some((Verdict::Shown, limit)),
        (Evidence::Proof, Some((Verdict::Suspected, known))) => Some((Verdict::Shown, limit.min(known))),
        (Evidence::Proof, Some((Verdict::Shown, known))) => {
            (limit < known || !fresh).then_some((Verdict::Shown, limit.min(known)))
        }
        (Evidence::Hint, Some((Verdict::Refuted, _))) if fresh => None,
        (Evidence::Hint, None | Some((Verdict::Refuted, _))) => {
            (slept >= SHORTEST).then_some((Verdict::Suspected, limit.max(SHORTEST)))
        }
        // It was tried again, and lost as much as before.
        (Evidence::Hint, Some((verdict, known))) if !fresh => (slept >= known).then_some((verdict, known)),
        // Whom so short a sleep costs something, it costs that also in the moments in which nobody asks it for anything.
        (Evidence::Hint, Some((Verdict::Suspected, known)))
            if slept < SHORTEST || known <= SHORTEST && slept < SHORTEST * 2 =>
        {
            Some((Verdict::Refuted, known))
        }
        // A hint alone keeps nobody awake.
        (Evidence::Hint, Some((verdict @ (Verdict::Suspected | Verdict::Shown), known))) => {
            let limit = limit.max(SHORTEST);
            (limit < known).then_some((verdict, limit))
        }
    }
}

fn is_fresh(known: &Watchdog, at: Time) -> bool {
    counts(known, &Clock::new(at))
}

fn half(slept: Duration) -> Duration {
    halved(slept).min(LIMIT)
}

/// In whole seconds.
fn halved(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 2)
}
