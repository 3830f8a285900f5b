//! What services that nobody uses are left without.

use std::collections::BTreeMap;

use dormouse_model::{Deployment, Depth, DesiredService, ServiceKey, ServiceKind, Time};

use crate::{awake::sent_to_sleep, view::View};

/// The last time something asked for a service, or for one that needs it, to be awake.
pub(crate) fn wakes<'a>(services: &[&'a DesiredService]) -> BTreeMap<&'a ServiceKey, Time> {
    let mut wakes = BTreeMap::new();
    for svc in services {
        let Some(at) = svc.demand.wake_at else { continue };
        for key in std::iter::once(&svc.key).chain(&svc.needs) {
            let latest = wakes.entry(key).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    wakes
}

/// Whether a service without an instance is to have one.
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
            let active = view.wake.unwrap_or(d.created_at).max(d.created_at);
            !sent_to_sleep(view, d, view.wake) && !unused_since(view, d, active)
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
