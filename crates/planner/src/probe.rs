//! Whom to ask whether it works, and when.

use std::time::Duration;

use dormouse_model::{Deployment, Desired, InstanceId, InstanceRecord, Observed, Phase, ServiceKind, Time};

use crate::{clock::Clock, view::View};

/// Instances whose next probe is due, except for those a probe of which is still under way: the caller knows these.
/// Never one that sleeps, drains or has no port.
#[must_use]
pub fn probe_due(desired: &Desired, observed: &Observed, now: Time) -> Vec<InstanceId> {
    due_with(desired, observed, &Clock::new(now))
}

pub(crate) fn due_with(desired: &Desired, observed: &Observed, clock: &Clock) -> Vec<InstanceId> {
    let mut out = Vec::new();
    for svc in desired.services.values() {
        let view = View::new(svc, observed, None, clock);
        for i in &view.alive {
            let wanted =
                std::iter::once(&svc.target).chain(view.older()).find(|d| d.process() == i.deployment);
            if wanted.is_some_and(|d| due(d, i, clock)) {
                out.push(i.id);
            }
        }
    }
    out
}

fn due(d: &Deployment, i: &InstanceRecord, clock: &Clock) -> bool {
    match (i.phase, d.spec.kind) {
        (Phase::Running, ServiceKind::Web) => {}
        (Phase::Running, ServiceKind::Worker) | (Phase::Asleep(_) | Phase::Exited(_), _) => return false,
    }
    let Some(last) = i.probe.last_at else { return true };
    match i.probe.ready_at {
        // Right after a wake the instance has better things to do.
        Some(_) => clock.passed(last.max(i.woken_at.unwrap_or(last)), d.spec.health.interval),
        None => clock.passed(last, pace(last.since(i.started_at))),
    }
}

/// Time between probes of an instance that starts, by its age: quick while somebody is likely to be watching.
fn pace(age: Duration) -> Duration {
    match age.as_secs() {
        0..5 => Duration::from_millis(100),
        5..20 => Duration::from_millis(250),
        _older => Duration::from_secs(1),
    }
}
