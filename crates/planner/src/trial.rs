//! A version that is to replace one that serves has to show that it works.

use std::time::Duration;

use dormouse_model::{Answer, Deployment, InstanceRecord, Phase, Question, Refusal, ServiceKind, Time};

use crate::{
    backoff,
    inside::{self, STEADY_AGAIN},
    view::{View, asleep},
};

/// What answers well has to go on doing so for this long: many that cannot work end in the seconds after their first answer,
/// and many answer only some requests.
const STEADY: Duration = Duration::from_secs(5);
/// What nobody can ask whether it works has to run for this long before its deployment is taken to.
const PROOF: Duration = Duration::from_secs(10);
/// What says that a version does not know its host, or how it is asked, says so for good: for this long it may be chance.
const CERTAIN: Duration = Duration::from_secs(10);
/// However late its first good answer came, one on trial has this long after it, or as long as it may take to start.
const LEAST: Duration = Duration::from_secs(30);

/// Whether an instance shows that its deployment works. With nothing to be replaced an answer does, or an open port, little
/// as it is; a port is open before the workers behind it have begun, and nothing listens in a worker.
pub(crate) fn proven(view: &View<'_>, i: &InstanceRecord, d: &Deployment) -> bool {
    let ready = view.ready(i, d);
    if !ready || asleep(i).is_some() {
        return ready;
    }
    match (d.spec.kind, d.spec.question(i.probe.speaks_http)) {
        (ServiceKind::Web, _) if !replaces(view, d) => true,
        (ServiceKind::Web, Question::Http(_)) => second_answer(view, i).is_none() && !unseen(view, i),
        // What it speaks is not known yet, or not any more after a restart of control: the next answer tells.
        (ServiceKind::Web, Question::Protocol(_)) => false,
        (ServiceKind::Web, Question::Connection) | (ServiceKind::Worker | ServiceKind::Job, _) => {
            view.clock.passed(i.started_at, PROOF)
        }
    }
}

/// When an instance that has answered well has to do so again, for its deployment to be taken to work; `None` when it has,
/// and when nobody waits for it to.
pub(crate) fn asked_again_at(view: &View<'_>, i: &InstanceRecord, d: &Deployment) -> Option<Time> {
    second_answer(view, i).filter(|_| has_to_answer(view, i, d))
}

/// Whether an instance that has answered for long enough has still to be looked into, for its deployment to be taken to work.
pub(crate) fn is_unseen(view: &View<'_>, i: &InstanceRecord, d: &Deployment) -> bool {
    has_to_answer(view, i, d) && unseen(view, i)
}

/// Whether its deployment replaces one that serves, and shows by answers that it works.
fn has_to_answer(view: &View<'_>, i: &InstanceRecord, d: &Deployment) -> bool {
    match (i.phase, d.spec.kind, d.spec.question(i.probe.speaks_http)) {
        (Phase::Running, ServiceKind::Web, Question::Http(_)) => replaces(view, d),
        (Phase::Running, ServiceKind::Web, Question::Connection | Question::Protocol(_))
        | (Phase::Running, ServiceKind::Worker | ServiceKind::Job, _)
        | (Phase::Asleep(_) | Phase::Exited(_), _, _) => false,
    }
}

/// Whether one that answers, but not all it has to, has had its time; a bad answer says so, not the clock alone.
pub(crate) fn in_vain(i: &InstanceRecord, d: &Deployment) -> bool {
    let (probe, limit) = (&i.probe, d.spec.health.start_timeout);
    let (Some(ready), Some(last)) = (probe.ready_at, probe.last_at) else { return false };
    // Whoever serves already, because the older one does not, may have left its probes for a request.
    let bad = (probe.failures > 0 || probe.refusal().is_some()) && i.traffic.last_client_byte.is_none();
    let late = last >= i.started_at.after(limit).max(ready.after(limit.min(LEAST)));
    bad && (late || probe.refusal().is_some_and(|r| will_not_change(r) && r.at >= r.since.after(CERTAIN)))
}

/// What is not there may still be made, unpacked or loaded.
pub(crate) fn will_not_change(refusal: &Refusal) -> bool {
    matches!(refusal.answer, Answer::Status(400 | 421))
}

/// Whether a deployment is to replace a process that serves; one that goes on with it has proven itself.
fn replaces(view: &View<'_>, d: &Deployment) -> bool {
    let older = view.older().filter(|older| older.process() != d.process());
    older.is_some() && d.id == view.svc.target.id
}

fn second_answer(view: &View<'_>, i: &InstanceRecord) -> Option<Time> {
    let steady = steady(view, i)?;
    i.probe.last_ok.is_none_or(|ok| ok < steady).then_some(steady)
}

/// Whether nobody has looked into it since it was steady: a worker may have ended in the last of these seconds.
fn unseen(view: &View<'_>, i: &InstanceRecord) -> bool {
    steady(view, i).is_some_and(|steady| i.inside.looked_at < Some(steady))
}

/// When it has shown no fault for long enough.
fn steady(view: &View<'_>, i: &InstanceRecord) -> Option<Time> {
    let ready = i.probe.ready_at?;
    // What keeps ending is no measure any more.
    let works = view.older().is_some_and(|older| !backoff::keeps_ending(view.ends, older.process()));
    let refused = i.probe.refuses.as_ref().filter(|_| works).map(|r| r.at);
    let broken = [i.probe.failed_at, refused, i.probe.found_at].into_iter().flatten();
    let steady = broken.fold(ready, Time::max).after(STEADY);
    let lost = i.inside.lost_at.filter(|_| inside::forks_workers(i, &view.svc.target.spec));
    Some(lost.map_or(steady, |lost| steady.max(lost.after(STEADY_AGAIN))))
}
