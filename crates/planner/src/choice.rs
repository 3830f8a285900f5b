//! Which of a service's instances and deployments are the ones to be kept.

use dormouse_model::{Deployment, End, InstanceRecord, ServiceKind};

use crate::{
    backoff, job,
    trial::proven,
    view::{Hold, View},
    words,
};

/// The one instance of a deployment that is to exist: the oldest ready one, so that the choice never changes.
pub(crate) fn keep<'a>(view: &View<'a>, d: &Deployment) -> Option<&'a InstanceRecord> {
    let mine = view.alive.iter().filter(|i| i.deployment == d.process());
    mine.min_by_key(|i| (!view.ready(i, d), i.started_at, i.id)).copied()
}

/// The deployment that takes the traffic.
pub(crate) fn serving<'a>(view: &View<'a>) -> &'a Deployment {
    let target = &view.svc.target;
    let ready = |d: &Deployment| keep(view, d).is_some_and(|i| view.ready(i, d));
    let proven = keep(view, target).is_some_and(|i| proven(view, i, target));
    match view.older() {
        Some(older) if !proven && (ready(older) || !ready(target)) => older,
        Some(_) | None => target,
    }
}

/// Why the rollout of the target is to be given up, if there is something older to go back to.
pub(crate) fn given_up(view: &View<'_>) -> Option<String> {
    given_up_after(view, view.ends)
}

/// The same, had its instances ended in these ways.
pub(crate) fn given_up_after(view: &View<'_>, ends: &[End]) -> Option<String> {
    view.older()?;
    let target = &view.svc.target;
    match (&view.hold, target.spec.kind) {
        (Some(Hold::Failed(why)), _) => return Some(why.clone()),
        (None | Some(Hold::Waits), ServiceKind::Job) => {
            return job::failed(ends, target).map(|end| words::explain(end, &target.spec));
        }
        (None | Some(Hold::Waits), ServiceKind::Web | ServiceKind::Worker) => {}
    }
    let last = backoff::last(ends, target.process())?;
    let why = words::explain(last, &target.spec);
    match backoff::count(ends, target.process()) {
        _ if backoff::never_ready(last) => Some(why),
        n if n >= backoff::CRASH_LOOP => Some(words::times(&why, n)),
        _too_few => None,
    }
}
