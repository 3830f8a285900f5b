//! When an instance that runs does not work.

use dormouse_model::{Deployment, InstanceRecord, Phase, ServiceKind, StopReason};

use crate::{inside, job, trial, view::View};

/// Failures in a row that end a trial where none would end the life of what serves.
const MISSES: u32 = 3;

/// Why a running instance has to be stopped, if it has to.
pub(crate) fn verdict(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<StopReason> {
    match (i.phase, d.spec.kind) {
        (Phase::Running, ServiceKind::Web) => match i.probe.ready_at {
            None => never_ready(view, d, i),
            Some(_) => unproven(view, d, i).or_else(|| unhealthy(view, d, i)),
        },
        (Phase::Running, ServiceKind::Job) => {
            job::is_late(i, d, view.clock).then_some(StopReason::NeverReady)
        }
        (Phase::Running, ServiceKind::Worker) | (Phase::Asleep(_) | Phase::Exited(_), _) => None,
    }
}

fn never_ready(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<StopReason> {
    // What carries traffic has been ready, even when that was forgotten.
    if i.traffic.in_flight > 0 {
        return None;
    }
    let since = i.woken_at.unwrap_or(i.started_at).max(i.started_at);
    // Its time is up when a probe says so, not the clock alone: it may have become ready while nobody asked.
    let over = since.after(d.spec.health.start_timeout);
    let late = i.probe.last_at.is_some_and(|at| at >= over);
    (late || inside::hopeless(d, i, view.clock)).then_some(StopReason::NeverReady)
}

/// One on trial whose workers keep ending, or that does not answer as it has to for a few seconds on end.
fn unproven(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<StopReason> {
    let on_trial = trial::asked_again_at(view, i, d).is_some() && i.traffic.in_flight == 0;
    (on_trial && (inside::workers_die(i, &d.spec) || trial::in_vain(i, d))).then_some(StopReason::NeverReady)
}

fn unhealthy(view: &View<'_>, d: &Deployment, i: &InstanceRecord) -> Option<StopReason> {
    let health = &d.spec.health;
    let most = match health.failures {
        0 if trial::asked_again_at(view, i, d).is_some() => MISSES,
        0 => return None,
        most => most,
    };
    if i.probe.failures < most {
        return None;
    }
    // An instance that was just woken has its pages still in swap, and the count may be from before its sleep.
    if i.woken_at.is_some_and(|at| !view.clock.passed(at, health.interval * health.failures)) {
        return None;
    }
    if i.probe.is_refused() {
        return Some(StopReason::Unhealthy);
    }
    // Many Python servers answer their probe only after the request they are busy with, and go on with it when its
    // client has left: failures tell nothing if anything was asked of it since it last answered.
    let busy = i.traffic.in_flight > 0;
    // The last good probe may have begun before a byte that arrived while it was under way.
    let asked = i.traffic.last_client_byte.map(|at| at.after(health.timeout));
    if !busy && asked.max(i.traffic.last_instance_byte) <= i.probe.last_ok {
        return Some(StopReason::Unhealthy);
    }
    // Times from before a restart of control may be forgotten, so the failures themselves have to span the time too.
    if (health.interval + health.timeout) * i.probe.failures < health.hang_timeout {
        return None;
    }
    let progress = [i.traffic.last_instance_byte, i.probe.last_ok, i.probe.ready_at, i.woken_at];
    let progress = progress.into_iter().flatten().max().unwrap_or(i.started_at);
    let why = if busy { StopReason::Hung } else { StopReason::Unhealthy };
    view.clock.passed(progress, health.hang_timeout).then_some(why)
}
