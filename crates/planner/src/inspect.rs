//! Which instances are to be looked into, and when.

use std::time::Duration;

use dormouse_model::{Deployment, Desired, InstanceId, InstanceRecord, Observed, Phase, ServiceKind, Time};

use crate::{
    clock::Clock,
    index::Index,
    inside::{forks_workers, is_watched},
    trial,
    view::View,
};

/// Age before which nobody looks: most are ready by then.
const FIRST: Duration = Duration::from_secs(1);
/// Time between two looks at a young instance.
const OFTEN: Duration = Duration::from_secs(1);
/// Time between two looks at one that has been starting for [`YOUNG`].
const RARELY: Duration = Duration::from_secs(5);
const YOUNG: Duration = Duration::from_secs(30);

/// Instances that somebody should look into: they are starting for so long, or their deployment is on trial.
#[must_use]
pub fn inspect_due(desired: &Desired, observed: &Observed, now: Time) -> Vec<InstanceId> {
    due_with(&Index::new(desired, observed), &Clock::new(now))
}

pub(crate) fn due_with(index: &Index<'_>, clock: &Clock) -> Vec<InstanceId> {
    let mut out = Vec::new();
    for svc in index.services() {
        let view = View::new(index, svc, clock);
        for i in &view.alive {
            let wanted = view.deployment_of(i);
            if wanted.is_some_and(|d| due(&view, d, i)) {
                out.push(i.id);
            }
        }
    }
    out
}

fn due(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> bool {
    let clock = view.clock;
    match (i.phase, d.spec.kind, i.probe.ready_at) {
        (Phase::Running, ServiceKind::Web, None) => {}
        (Phase::Running, ServiceKind::Web, Some(_)) if trial::asked_again_at(view, i, d).is_some() => {
            return i.inside.looked_at.is_none_or(|last| clock.passed(last, OFTEN));
        }
        (Phase::Running, ServiceKind::Web, Some(_)) if trial::is_unseen(view, i, d) => return true,
        (Phase::Running, ServiceKind::Web, Some(_)) if is_watched(view.svc, i) => {
            let Some(last) = i.inside.looked_at else { return true };
            let broke_off = i.traffic.broke_off > Some(last);
            return (broke_off && clock.passed(last, OFTEN))
                || (forks_workers(i, &d.spec) && clock.passed(last, RARELY));
        }
        (Phase::Running, _, _) | (Phase::Asleep(_) | Phase::Exited(_), _, _) => return false,
    }
    match i.inside.looked_at {
        None => clock.passed(i.started_at, FIRST),
        Some(last) if last.since(i.started_at) < YOUNG => clock.passed(last, OFTEN),
        Some(last) => clock.passed(last, RARELY),
    }
}
