//! What keeps an instance awake: every rule, in one place. `docs/sleep.md` is the same list for people, and
//! `tests/tables/awake.rs` has a row for each.
//!
//! Sleeping and waking ask the same question, and without a new event its answer turns from yes to no at most once: an
//! instance cannot flap.

use std::{collections::BTreeMap, time::Duration};

use dormouse_model::{Deployment, Desired, InstanceId, InstanceRecord, Observed, ServiceKind, Streams, Time};

use crate::{clock::Clock, idle, view::View};

/// A reply is over when this much time has passed without another message: most apps say more than one.
const QUIET: Duration = Duration::from_secs(3);

/// What keeps an instance awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awake {
    /// Its service does not sleep by itself.
    Always,
    /// So many requests are not answered, or not to their end.
    Requests(u32),
    /// Messages on so many WebSockets are not answered.
    Messages(u32),
    /// It was used at this time: a client said something, or somebody wanted it awake.
    Used(Time),
    /// At this time it sent the last message or event to somebody who listens.
    Stream(Time),
}

/// What keeps the instances of wanted deployments awake, or is to wake them; those that nobody uses are left out.
#[must_use]
pub fn keeps_awake(desired: &Desired, observed: &Observed, now: Time) -> BTreeMap<InstanceId, Awake> {
    let (clock, wakes) = (Clock::new(now), idle::wakes(desired));
    let mut out = BTreeMap::new();
    for (key, svc) in &desired.services {
        let view = View::new(svc, observed, wakes.get(key).copied(), &clock);
        for i in &view.alive {
            let wanted =
                std::iter::once(&svc.target).chain(view.older()).find(|d| d.process() == i.deployment);
            out.extend(wanted.and_then(|d| awake(&view, d, i)).map(|why| (i.id, why)));
        }
    }
    out
}

/// What keeps an instance awake, or is to wake it; nothing when nobody uses it.
pub(crate) fn awake(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<Awake> {
    let (traffic, policy, clock) = (&i.traffic, &d.spec.sleep, view.clock);
    if traffic.in_flight > 0 {
        return Some(Awake::Requests(traffic.in_flight));
    }
    let said = traffic.last_event.filter(|_| policy.streams == Streams::Count);
    let silent_since = traffic.last_client_byte.max(said);
    if traffic.messages > 0 && silent_since.is_some_and(|at| !clock.passed(at, policy.patience)) {
        return Some(Awake::Messages(traffic.messages));
    }
    let asked_for = traffic.last_client_byte.max(view.wake);
    if sent_to_sleep(view, d, asked_for) {
        return None;
    }
    let (ServiceKind::Web, Some(after)) = (d.spec.kind, policy.after) else {
        return Some(Awake::Always);
    };
    let began = i.probe.ready_at.unwrap_or(i.started_at);
    let used = asked_for.max(i.woken_at).unwrap_or(began).max(began);
    if !clock.passed(used, after) {
        return Some(Awake::Used(used));
    }
    said.filter(|at| !clock.passed(*at, after.max(QUIET))).map(Awake::Stream)
}

/// Whether somebody said `sleep`, and nothing has asked for the service since.
pub(crate) fn sent_to_sleep(view: &View<'_>, d: &Deployment, asked_for: Option<Time>) -> bool {
    view.svc.demand.sleep_at.is_some_and(|at| at > asked_for.unwrap_or(d.created_at).max(d.created_at))
}
