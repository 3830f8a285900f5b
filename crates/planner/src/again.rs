//! When what has ended is started again.

use std::time::Duration;

use dormouse_model::{Deployment, DeploymentId, Desired, Observed, ServiceKey, ServiceKind, Time};

use crate::{
    backoff, choice,
    clock::Clock,
    idle,
    index::Index,
    job,
    trust::{Trust, trust},
    view::View,
};

/// Time from a service's last end, of this deployment, to the next start; `None` when none follows by itself: the
/// deployment is given up or not wanted any more, or it takes a request.
#[must_use]
pub fn starts_again(
    desired: &Desired,
    observed: &Observed,
    key: &ServiceKey,
    deployment: DeploymentId,
    now: Time,
) -> Option<Duration> {
    let (svc, clock) = (desired.services.get(key)?, Clock::new(now));
    let index = Index::of_project(desired, observed, &key.project);
    let view = View::new(&index, svc, &clock);
    let target = Some(&svc.target).filter(|_| choice::given_up(&view).is_none());
    let kept = |d: &&Deployment| match trust(&view) {
        Some(Trust::Lost { deployment, .. }) => d.id != deployment,
        Some(Trust::Earned { .. }) | None => true,
    };
    let d = target.into_iter().chain(view.older()).filter(kept).find(|d| d.process() == deployment)?;
    // A job that failed is for people to see.
    let over = d.spec.kind == ServiceKind::Job && job::failed(view.ends, d).is_some();
    (!over && idle::needs_instance(&view, d)).then(|| backoff::pause(view.ends, deployment))
}
