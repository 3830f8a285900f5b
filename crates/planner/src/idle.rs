//! What services that nobody uses are left without.

use dormouse_model::{Deployment, Depth, ServiceKind, Time};

use crate::view::View;

/// Whether a service that lacks an instance is to have it.
pub(crate) fn needs_instance(view: &View<'_>, d: &Deployment) -> bool {
    // A deployment proves itself once, whoever uses it.
    if view.svc.live.as_ref().is_none_or(|live| live.id != d.id) {
        return true;
    }
    if d.spec.kind == ServiceKind::Job {
        return false;
    }
    match d.spec.sleep.depth {
        Depth::Frozen | Depth::Paged => true,
        Depth::Stopped => {
            // While one of several is there, it tells of use too.
            let asked_for = view.asked_for(d.process());
            let active = asked_for.unwrap_or(d.created_at).max(d.created_at);
            !sent_to_sleep(view, d, asked_for) && !unused_since(view, d, active)
        }
    }
}

/// Whether the idle time has passed. A worker has no traffic to be judged by.
fn unused_since(view: &View<'_>, d: &Deployment, active: Time) -> bool {
    match d.spec.kind {
        ServiceKind::Web => d.spec.sleep.after.is_some_and(|after| view.clock.passed(active, after)),
        ServiceKind::Worker | ServiceKind::Job => false,
    }
}

/// Whether somebody said `sleep`, and nothing has asked for the service since.
pub(crate) fn sent_to_sleep(view: &View<'_>, d: &Deployment, asked_for: Option<Time>) -> bool {
    view.svc.demand.sleep_at.is_some_and(|at| at > asked_for.unwrap_or(d.created_at).max(d.created_at))
}
