//! What a plan leads to if all of it goes well at once.

use std::time::Duration;

use dormouse_model::{
    Activity, Cause, Deployment, Desired, Inside, InstanceId, InstanceRecord, Limits, Observed, Phase, Probe,
    Time, Traffic,
};
use dormouse_planner::{Action, end_of, note_end};

/// What is started gets numbers from `first` on.
pub(crate) fn apply(
    actions: &[Action],
    desired: &mut Desired,
    observed: &mut Observed,
    first: u64,
    now: Time,
) {
    for (n, action) in (first..).zip(actions) {
        match action {
            Action::Start { key, deployment } => {
                let id = InstanceId(n);
                let svc = &desired.services[key];
                let started = |d: &&Deployment| d.process() == *deployment;
                let limits = std::iter::once(&svc.target).chain(&svc.live).find(started).unwrap().limits();
                observed.instances.insert(id, fresh(id, key, *deployment, limits, now));
            }
            Action::Promote { key, .. } => {
                let svc = desired.services.get_mut(key).unwrap();
                svc.promote(now);
            }
            Action::Fail { key, .. } => {
                let svc = desired.services.get_mut(key).unwrap();
                svc.target = svc.live.clone().unwrap();
            }
            Action::RollBack { key, to, .. } => desired.services.get_mut(key).unwrap().roll_back(*to, now),
            Action::Settle { key, .. } => desired.services.get_mut(key).unwrap().replaced = None,
            Action::Wake { id, .. } => {
                let i = observed.instances.get_mut(id).unwrap();
                i.phase = Phase::Running;
                i.woken_at = Some(now);
            }
            Action::Drain { id, .. } => {
                observed.instances.get_mut(id).unwrap().draining_since = Some(now);
            }
            Action::SetLimits { id, limits, .. } => {
                observed.instances.get_mut(id).unwrap().limits = *limits;
            }
            Action::Look { id, .. } => {
                // Whatever else is seen leads to more.
                let i = observed.instances.get_mut(id).unwrap();
                let cpu = Duration::ZERO;
                i.earlier = Some(Activity {
                    at: now.before(Duration::from_secs(1)),
                    cpu,
                    calls: vec![],
                    naps: vec![],
                });
                i.activity =
                    Some(Activity { at: now, cpu: Duration::from_secs(1), calls: vec![], naps: vec![] });
            }
            Action::Sleep { id, depth, .. } => {
                let i = observed.instances.get_mut(id).unwrap();
                if i.phase == Phase::Running {
                    (i.asleep_since, i.worked) = (Some(now), None);
                }
                i.phase = Phase::Asleep(*depth);
                i.slept_at = Some(now);
            }
            Action::DarkWake { id, depth, .. } => {
                let i = observed.instances.get_mut(id).unwrap();
                i.phase = Phase::Asleep(*depth);
                i.slept_at = Some(now);
            }
            Action::Stop { key, id, why } => {
                let i = observed.instances.remove(id).unwrap();
                if why.counts() {
                    let end = end_of(&i, &desired.services[key].target.spec, now, Cause::Stopped(*why));
                    note_end(observed.ends.or_default(key), end);
                }
            }
            Action::Remove { id, .. } => {
                observed.instances.remove(id).unwrap();
            }
        }
    }
}

/// An instance that was just started.
pub(crate) fn fresh(
    id: InstanceId,
    key: &dormouse_model::ServiceKey,
    deployment: dormouse_model::DeploymentId,
    limits: Limits,
    now: Time,
) -> InstanceRecord {
    InstanceRecord {
        id,
        key: key.clone(),
        deployment,
        limits,
        addr: [10, 9, 1, 64].into(),
        phase: Phase::Running,
        started_at: now,
        woken_at: None,
        slept_at: None,
        asleep_since: None,
        worked: None,
        draining_since: None,
        exited_at: None,
        probe: Probe::default(),
        traffic: Traffic::default(),
        inside: Inside::default(),
        activity: None,
        earlier: None,
        beats: None,
        silence: None,
        stirred: None,
    }
}
