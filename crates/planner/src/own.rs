//! What an instance does by itself: the calls it has open, and its work. Looked at only when it would otherwise be idle.

use std::time::Duration;

use dormouse_model::{Activity, Call, InstanceRecord, Nap, Time, WORKS};

use crate::{
    awake::{Awake, Judged, QUIET},
    clock::Clock,
    stir::NOISE,
};

/// How busy an instance is shows between two looks that are at least this far apart, and at most [`APART`].
const SPAN: Duration = Duration::from_secs(1);
const APART: Duration = Duration::from_secs(30);
/// How long a look that found nothing is believed. Longer than the edge has to confirm a sleep.
const QUIET_FOR: Duration = Duration::from_secs(3);
/// How long one is believed that found something.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// What counts of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// The idle time after bytes on its own calls; nothing when its calls do not count.
    pub(crate) calls: Option<Duration>,
    /// Longest silence of a call that waits for its answer.
    pub(crate) patience: Duration,
    /// Whether another service is in the middle of an answer, which may be to one of these calls.
    pub(crate) answered: bool,
    /// Set while the bytes on its calls count although its calls do not: from when on.
    pub(crate) bytes_since: Option<Time>,
}

/// What an instance does by itself was looked at.
pub fn note_activity(i: &mut InstanceRecord, activity: Activity) {
    if i.traffic.connections == 0 {
        i.beats = Some(activity.naps.iter().map(|nap| nap.thread).collect());
    }
    i.earlier = i.activity.replace(activity);
}

/// Whether an instance is busy by itself, and whether that has to be looked at.
pub(crate) fn judge(i: &InstanceRecord, counts: Counts, clock: &Clock) -> Judged {
    // What was seen before a sleep says nothing.
    let seen = |a: &&Activity| Some(a.at) >= i.woken_at;
    let last = i.activity.as_ref().filter(seen);
    let Some(last) = last else { return Judged { awake: Some(Awake::Unknown), look: true } };
    let share = i.earlier.as_ref().filter(seen).and_then(|earlier| share(earlier, last));
    let Some(share) = share else {
        return Judged { awake: Some(Awake::Unknown), look: clock.passed(last.at, SPAN) };
    };
    let (now, before) = (naps(last, i, counts), i.earlier.as_ref().filter(seen).map(|e| naps(e, i, counts)));
    let before = before.unwrap_or_default();
    let nap = now.iter().find(|nap| before.iter().any(|b| b.thread == nap.thread));
    let awake = calls(&last.calls, counts, clock)
        .or((share >= WORKS).then_some(Awake::Working(share)))
        .or(nap.map(|nap| Awake::Nap(nap.begun)));
    if awake.is_none() && !now.is_empty() {
        // Another thread of the pool, say: whether it goes on sleeping shows in the next look.
        return Judged { awake: Some(Awake::Unknown), look: clock.passed(last.at, SPAN) };
    }
    if clock.passed(last.at, if awake.is_some() { BUSY_FOR } else { QUIET_FOR }) {
        return Judged { awake: awake.or(Some(Awake::Unknown)), look: true };
    }
    Judged { awake, look: false }
}

/// Thousandths of a processor used between two looks; nothing when they are too near or too far apart.
fn share(earlier: &Activity, later: &Activity) -> Option<u32> {
    let span = later.at.since(earlier.at);
    let used = later.cpu.saturating_sub(earlier.cpu).as_millis() * 1000 / span.as_millis().max(1);
    (SPAN..=APART).contains(&span).then(|| u32::try_from(used).unwrap_or(u32::MAX))
}

/// Threads that sleep by the clock while somebody listens, who may wait for what comes after it; those that are found so in two
/// looks keep an instance awake. What beats time for the app itself was begun before anybody could ask, or does so when
/// nobody is there; workers of a pool are begun when they are first needed, and may be older than what he asked, or, where
/// a framework or a probe needed them, than the first visitor.
fn naps(look: &Activity, i: &InstanceRecord, counts: Counts) -> Vec<Nap> {
    let asked = i.traffic.last_client_byte.filter(|_| i.traffic.connections > 0 && counts.calls.is_some());
    let Some(asked) = asked else { return Vec::new() };
    let since = i.probe.ready_at.unwrap_or(asked).min(asked);
    let other = |nap: &Nap| i.beats.as_ref().is_some_and(|beats| !beats.contains(&nap.thread));
    look.naps.iter().filter(|nap| nap.begun.after(TICK * 2) >= since || other(nap)).copied().collect()
}

/// What its calls keep it awake for.
fn calls(calls: &[Call], counts: Counts, clock: &Clock) -> Option<Awake> {
    let latest = |calls: &mut dyn Iterator<Item = &Call>| {
        calls.filter_map(|c| Some((c.sent.max(c.received)?, c.to))).max_by_key(|(at, _)| *at)
    };
    let all = latest(&mut calls.iter());
    if let Some(after) = counts.calls {
        if let Some((since, to)) =
            latest(&mut calls.iter().filter(|c| waits(c) || (counts.answered && c.received.is_some())))
            && !clock.passed(since, counts.patience)
        {
            return Some(Awake::Call { to, since });
        }
        return all.filter(|(at, _)| !clock.passed(*at, after)).map(|(at, with)| Awake::Bytes { with, at });
    }
    let since = counts.bytes_since.filter(|at| !clock.passed(*at, NOISE))?;
    let noisy = all.filter(|(at, _)| *at >= since && !clock.passed(*at, QUIET));
    noisy.map(|(at, with)| Awake::Bytes { with, at })
}

/// Whether a call waits for its answer, as far as can be seen from outside: the first three cases of `docs/sleep.md`.
fn waits(call: &Call) -> bool {
    match (call.sent, call.received) {
        // Connected, and nothing said yet: the other side speaks first, when it likes.
        (None, _) => false,
        (Some(_), None) => true,
        (Some(sent), Some(received)) if sent > received => true,
        (Some(sent), Some(received)) => call.awaited || only_greeted(call, sent, received),
    }
}

/// Whether what came last may be no answer but the end of a TLS handshake: the tickets of TLS 1.3 come a round trip
/// after the first request on a connection.
fn only_greeted(call: &Call, sent: Time, received: Time) -> bool {
    let at_once = call.round_trip + call.round_trip / 2 + TICK * 2;
    HTTPS.contains(&call.to.port())
        && GREETING.contains(&call.segments_sent)
        && received.since(sent) <= at_once
}

/// Where TLS is spoken for sure. The first quick answers of a database look the same.
const HTTPS: [u16; 2] = [443, 8443];

/// Segments a client has sent after its first request over TLS: its hello, perhaps in two, the end of the handshake, and
/// the request, perhaps with its body behind it.
const GREETING: std::ops::RangeInclusive<u32> = 3..=5;

/// How exactly the kernel tells when bytes passed: a tick of its slowest clock in use.
const TICK: Duration = Duration::from_millis(10);
