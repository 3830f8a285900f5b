//! What keeps an instance awake: every rule, in one place. `docs/sleep.md` is the same list for people, and
//! `tests/tables/awake.rs` has a row for each.
//!
//! Sleeping and waking ask the same question, and without a new event its answer turns from yes to no at most once: an
//! instance cannot flap.

use std::{collections::BTreeMap, time::Duration};

use dormouse_model::{Deployment, Desired, InstanceId, InstanceRecord, Observed, ServiceKind, Streams, Time};

use crate::{
    awake::{Awake, Judged, QUIET},
    clock::Clock,
    idle::sent_to_sleep,
    index::Index,
    look_in, others,
    own::{self, Counts},
    stir,
    traffic::{hopes_until, unfinished},
    view::{View, asleep},
    watchdog,
};

/// The first look at what an instance does by itself comes this much before its idle time ends, or halfway through it:
/// two of them tell how busy it is, and none are taken while it is used.
const LEAD: Duration = Duration::from_secs(2);

/// What keeps an instance awake for a time.
struct Lasts {
    why: Awake,
    since: Time,
    span: Duration,
}

impl Lasts {
    fn until(&self) -> Time {
        self.since.after(self.span)
    }
}

/// What keeps the instances of wanted deployments awake, or is to wake them; those that nobody uses are left out.
#[must_use]
pub fn keeps_awake(desired: &Desired, observed: &Observed, now: Time) -> BTreeMap<InstanceId, Awake> {
    let (clock, index) = (Clock::new(now), Index::new(desired, observed));
    let mut out = BTreeMap::new();
    for svc in desired.services.values() {
        let view = View::new(&index, svc, &clock);
        for i in &view.alive {
            let wanted = view.deployment_of(i);
            out.extend(wanted.and_then(|d| judge(&view, d, i).awake).map(|why| (i.id, why)));
        }
    }
    out
}

/// Whether an instance is to be awake, and why.
pub(crate) fn judge(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Judged {
    let (traffic, policy, clock) = (&i.traffic, &d.spec.sleep, view.clock);
    if d.spec.kind == ServiceKind::Job {
        return Judged::of(Some(Awake::Always));
    }
    if !view.can_sleep(d) {
        return Judged::of(Some(Awake::Host));
    }
    if traffic.visits() > 0 {
        return Judged::of(Some(Awake::Requests(traffic.visits())));
    }
    let asked_for = view.asked_for(i.deployment);
    let told = sent_to_sleep(view, d, asked_for);
    // Who asks a queue for work waits for ever. What a visitor waits for may be behind such a call.
    let calls = traffic.calls.max(if unfinished(i, policy, clock) { traffic.answers } else { 0 });
    if calls > 0 && (!told || others::serve(view, policy.patience)) {
        return Judged::of(Some(Awake::Calls(calls)));
    }
    let said = traffic.last_event.filter(|_| policy.streams == Streams::Count);
    let silent_since = traffic.last_client_byte.max(said);
    if traffic.messages > 0 && silent_since.is_some_and(|at| !clock.passed(at, policy.patience)) {
        return Judged::of(Some(Awake::Messages(traffic.messages)));
    }
    if let Some(why) = watchdog::allows_no_sleep(view, d, i) {
        return Judged::of(Some(why));
    }

    // Also when somebody has asked for it since: that wake may have failed, and its time be over.
    if let (Some(stir), Some(_)) = (i.stirred, asleep(i))
        && stir::is_due(stir, i, told, clock)
        && !(told && stir::is_left_over(stir, view))
    {
        return Judged::of(Some(Awake::Stirred(stir.at)));
    }
    if asleep(i).is_some()
        && let Some(work) = look_in::found(view, d, i)
    {
        return Judged::of(Some(work));
    }
    let stir = i.stirred.filter(|stir| Some(stir.at) > asked_for);
    // Whoever says `sleep` means it; but what bytes have woken since may finish what they began.
    let stir = stir.filter(|stir| !told || view.svc.demand.sleep_at <= Some(stir::since(*stir, i)));
    let after = match (d.spec.kind, policy.after) {
        _ if told => None,
        (ServiceKind::Web, Some(after)) => Some(after),
        (ServiceKind::Web, None) | (ServiceKind::Worker | ServiceKind::Job, _) => {
            return Judged::of(Some(Awake::Always));
        }
    };

    // Between services only bytes are seen, so an answer that pauses looks like one that has ended. Nobody is woken for
    // it: what sleeps has nothing to say.
    let said_last = traffic.last_client_byte.max(traffic.last_instance_byte);
    if after.is_some()
        && asleep(i).is_none()
        && traffic.private > 0
        && others::work(view)
        && said_last.is_some_and(|at| !clock.passed(at, policy.patience))
    {
        return Judged::of(Some(Awake::Caller));
    }

    let began = i.probe.ready_at.unwrap_or(i.started_at);
    // A wake for mere bytes is no use: otherwise a peer that chatters would hold it awake for ever.
    let woken = i.woken_at.filter(|at| stir.is_none_or(|stir| stir.at > *at));
    let used = asked_for.max(woken).unwrap_or(began).max(began);
    let hoped = asked_for.max(said).zip(hopes_until(i, policy)).zip(look_in::silence(i));
    let lasting = [
        after.map(|after| Lasts { why: Awake::Used(used), since: used, span: after }),
        said.zip(after).map(|(at, after)| Lasts {
            why: Awake::Stream(at),
            since: at,
            span: after.max(QUIET),
        }),
        hoped.filter(|_| after.is_some() && asleep(i).is_none()).map(|((since, until), silence)| Lasts {
            why: Awake::Awaited(silence),
            since,
            span: (silence + silence / 2).min(until.since(since)),
        }),
        stir.filter(|_| asleep(i).is_none()).map(|stir| Lasts {
            why: Awake::Stirred(stir.at),
            since: stir::since(stir, i),
            span: QUIET,
        }),
    ];
    let lasting = || lasting.iter().flatten();
    let Some(longest) = lasting().max_by_key(|l| l.until()) else { return Judged::of(None) };
    let awake = lasting().find(|l| !clock.reached(l.until())).map(|l| l.why);
    if asleep(i).is_some() || !clock.reached(longest.until().before(LEAD.min(longest.span / 2))) {
        return Judged::of(awake);
    }
    let counts = Counts {
        calls: after.filter(|_| !clock.passed(used.max(said.unwrap_or(used)), policy.patience)),
        patience: policy.patience,
        answered: others::answer(view),
        bytes_since: stir.filter(|stir| !told && stir::may_be_noisy(*stir)).map(|stir| stir::since(stir, i)),
    };
    let own = own::judge(i, counts, clock);
    Judged { awake: awake.or(own.awake), ..own }
}

/// Whether a service is to sleep because somebody said so, and not for want of use.
#[must_use]
pub fn told_to_sleep(desired: &Desired, observed: &Observed, i: &InstanceRecord, now: Time) -> bool {
    let (clock, index) = (Clock::new(now), Index::of_project(desired, observed, &i.key.project));
    let Some(svc) = desired.services.get(&i.key) else { return false };
    let view = View::new(&index, svc, &clock);
    let asked_for = view.asked_for(i.deployment);
    let d = view.deployment_of(i);
    d.is_some_and(|d| sent_to_sleep(&view, d, asked_for))
}
