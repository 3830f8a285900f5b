//! Which of a service's instances and deployments are the ones to be kept.

use dormouse_model::{Deployment, End, InstanceRecord, ServiceKind};

use crate::{
    backoff, job,
    trial::proven,
    view::{Hold, View},
    words,
};

/// Those instances of a deployment that are to exist, if `most` are: the oldest ready ones, so that the choice never changes.
pub(crate) fn keep<'a>(view: &View<'a>, d: &Deployment, most: usize) -> Vec<&'a InstanceRecord> {
    let mut mine: Vec<_> = view.alive.iter().copied().filter(|i| i.deployment == d.process()).collect();
    mine.sort_by_key(|i| (!view.ready(i, d), i.started_at, i.id));
    mine.truncate(most);
    mine
}

/// How many instances are to exist while one deployment takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Of the target.
    pub(crate) target: usize,
    /// Of what it replaces.
    pub(crate) older: usize,
}

/// One by one: a first one of the target shows that it works, beside all there are; then each more that does takes the place of
/// one. The last of the older ones stays until all of the target's have shown it.
pub(crate) fn shares(view: &View<'_>, older: &Deployment) -> Shares {
    let (wanted, there) = (view.svc.target.replicas(), older.replicas());
    match shown(view).len() {
        0 => Shares { target: 1, older: there },
        n => {
            let older = there.min(wanted.saturating_sub(n).max(1));
            Shares { target: wanted + 1 - older, older }
        }
    }
}

/// Those of the target that have shown that it works.
pub(crate) fn shown<'a>(view: &View<'a>) -> Vec<&'a InstanceRecord> {
    let target = &view.svc.target;
    let mut mine = keep(view, target, target.replicas());
    mine.retain(|i| has_shown(view, i, target));
    mine
}

/// Whether an instance has shown that its deployment works. One of several takes requests from then on, and being busy with them
/// may miss a probe: that alone takes it back no more than it does from what is live.
pub(crate) fn has_shown(view: &View<'_>, i: &InstanceRecord, d: &Deployment) -> bool {
    let serves_beside = || {
        let older = view.older().is_some_and(|older| any_ready(view, older));
        d.replicas() > 1 && older && i.traffic.last_client_byte.is_some() && view.ready(i, d)
    };
    proven(view, i, d) || serves_beside()
}

fn any_ready(view: &View<'_>, d: &Deployment) -> bool {
    view.alive.iter().any(|i| i.deployment == d.process() && view.ready(i, d))
}

/// Who takes the traffic of a service.
pub(crate) struct Serving<'a> {
    /// What is said to serve, or would.
    pub(crate) deployment: &'a Deployment,
    /// Those that take it, each with its deployment, by their numbers.
    pub(crate) instances: Vec<(&'a InstanceRecord, &'a Deployment)>,
}

/// The deployment that takes the traffic; one that is replaced by several instances shares it with those that have shown that
/// they work.
pub(crate) fn serving<'a>(view: &View<'a>) -> Serving<'a> {
    let target = &view.svc.target;
    let ready = |d: &'a Deployment, most| {
        let mine = keep(view, d, most).into_iter();
        mine.filter(|i| view.ready(i, d)).map(move |i| (i, d)).collect::<Vec<_>>()
    };
    let new = ready(target, target.replicas());
    let Some(older) = view.older() else { return Serving { deployment: target, instances: by_number(new) } };
    let shown = shown(view);
    let old = ready(older, shares(view, older).older);
    if shown.len() >= target.replicas() || old.is_empty() && !new.is_empty() {
        return Serving { deployment: target, instances: by_number(new) };
    }
    let mut instances = old;
    // Who takes requests does not share them with who takes none.
    if !instances.is_empty() && older.spec.kind == target.spec.kind {
        instances.extend(shown.into_iter().map(|i| (i, target)));
    }
    Serving { deployment: older, instances: by_number(instances) }
}

fn by_number<'a>(
    mut all: Vec<(&'a InstanceRecord, &'a Deployment)>,
) -> Vec<(&'a InstanceRecord, &'a Deployment)> {
    all.sort_by_key(|(i, _)| i.id);
    all
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
