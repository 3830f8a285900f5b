//! Looking in on what sleeps while a client listens: it may have promised him a word. An event loop's timers cannot be told
//! from its housekeeping, so a word that is to come after a pause is not foreseen, and no bytes arrive that would wake
//! for it. In a dark wake the timers that came due meanwhile fire, and what is said then, or begun, wakes in the usual way.

use std::time::Duration;

use dormouse_model::{Deployment, InstanceRecord, Phase, ServiceKind, Time, Traffic};

use crate::{
    awake::Awake,
    idle::sent_to_sleep,
    others,
    traffic::{hopes_until, is_listened_to},
    view::View,
};

/// So often in the first minute after it fell asleep, when a word is likeliest; then each time after twice as long.
const EACH: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_secs(60);

/// Until when somebody is taken to wait for a word of an instance: a visitor that listens to it; or, since it may be asked
/// in turn, one that listens to another service of its project, while others are connected to this one.
pub(crate) fn awaited_until(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Time> {
    match d.spec.kind {
        ServiceKind::Web => {}
        ServiceKind::Worker | ServiceKind::Job => return None,
    }
    let until = hopes_until(i, &d.spec.sleep)?;
    if sent_to_sleep(view, d, view.asked_for(i.deployment)) {
        return None;
    }
    (is_listened_to(i) || i.traffic.private > 0 && others::are_listened_to(view)).then_some(until)
}

/// Whether it is taken so now.
pub(crate) fn is_awaited(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    awaited_until(view, d, i).is_some_and(|until| !view.clock.reached(until))
}

/// Whether an instance that sleeps is to run for a moment.
pub(crate) fn is_due(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    let Some(until) = awaited_until(view, d, i) else { return false };
    match i.slept_at {
        Some(last) => next(i, last, until).is_some_and(|at| view.clock.reached(at)),
        // By an earlier control, who knows when.
        None => !view.clock.reached(until),
    }
}

/// The first look after the last one, or after another try to put it to sleep: it follows from the times alone. The last of
/// all is when nobody hopes any more.
fn next(i: &InstanceRecord, last: Time, until: Time) -> Option<Time> {
    let begun = i.asleep_since.or(i.traffic.last_client_byte)?;
    let mut wait = EACH;
    while begun.after(wait) <= last {
        wait = if wait < OFTEN { wait + EACH } else { wait.saturating_mul(2) };
    }
    Some(begun.after(wait).min(until)).filter(|at| *at > last)
}

/// What the edges now tell of an instance may be a word that it said while it was looked in on. Whoever waited for that had
/// to wait for the look, and for a coroutine that polls in small steps for many of them; so from then on it is left awake for
/// as long as the word took.
pub fn note_word(i: &mut InstanceRecord, told: &Traffic) {
    let (Phase::Asleep(_), Some(fell)) = (&i.phase, i.asleep_since) else { return };
    let (Some(word), Some(before)) = (told.last_event, i.traffic.last_client_byte.max(i.traffic.last_event))
    else {
        return;
    };
    // Who is woken may say something before the wake is seen to be done.
    let woken = told.last_client_byte.max(i.stirred.map(|stir| stir.at)) > Some(fell);
    if word > fell && word > before && !woken {
        i.silence = i.silence.max(Some(word.since(before)));
    }
}

/// How long it is known to be silent before a word, while somebody listens for one.
pub(crate) fn silence(i: &InstanceRecord) -> Option<Duration> {
    i.silence.filter(|_| is_listened_to(i))
}

/// What it was found to work on in the last look, which it has not been woken for.
pub(crate) fn found(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Awake> {
    let worked = i.worked.filter(|worked| Some(worked.at) > i.woken_at)?;
    is_awaited(view, d, i).then_some(Awake::Working(worked.share))
}
