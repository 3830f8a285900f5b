//! Services that run once at each deploy, and those that wait for them.
//!
//! A job is done when it has ended well, and is live from then on, without a process. It is never run again by itself: what
//! it has done by half is for people to see. What waits for it is held as long as it is on its way to being live for the
//! first time; a job of another deploy is no reason to wait. What waits for a service that does not end is held until
//! that is ready, by the same rules.

use std::collections::BTreeMap;

use dormouse_model::{
    Cause, Deployment, DesiredService, End, ExitStatus, InstanceRecord, Phase, ServiceKey, ServiceKind,
};

use crate::{backoff, clock::Clock, index::Index, view::Hold, words};

/// Whether a job ended well.
pub(crate) fn done(ends: &[End], d: &Deployment) -> bool {
    ends.iter().any(|e| e.deployment == d.process() && is_success(e))
}

/// How a job failed, if it did. One that could not be started has done nothing, and is tried again.
pub(crate) fn failed<'e>(ends: &'e [End], d: &Deployment) -> Option<&'e End> {
    let last = backoff::last(ends, d.process()).filter(|e| !is_success(e))?;
    match last.how {
        Cause::NotStarted { .. } => Some(last).filter(|_| backoff::keeps_ending(ends, d.process())),
        Cause::Exited(_) | Cause::Stopped(_) | Cause::LostWorker => Some(last),
    }
}

fn is_success(end: &End) -> bool {
    end.how == Cause::Exited(ExitStatus::Code(0))
}

/// What is held, and why.
pub(crate) fn holds<'a>(index: &Index<'a>, clock: &Clock) -> BTreeMap<&'a ServiceKey, Hold> {
    let (desired, mut holds) = (index.desired, BTreeMap::new());
    let waits = |svc: &&DesiredService| !svc.after.is_empty() && !svc.is_live();
    let waiting: Vec<_> = index.services().iter().copied().filter(waits).collect();
    // As often as one failure makes another.
    loop {
        let mut more = false;
        for svc in &waiting {
            let others = svc.after.iter().filter_map(|other| desired.services.get(other));
            let found = others.filter_map(|other| match other.target.spec.kind {
                ServiceKind::Job => until_done(svc, other, index, &holds, clock),
                ServiceKind::Web | ServiceKind::Worker => until_ready(svc, other, index, &holds),
            });
            let worst = found.max_by_key(|hold| matches!(hold, Hold::Failed(_)));
            if let Some(hold) = worst
                && holds.get(&svc.key) != Some(&hold)
            {
                holds.insert(&svc.key, hold);
                more = true;
            }
        }
        if !more {
            return holds;
        }
    }
}

/// Whether an instance of a job has had its time.
pub(crate) fn is_late(i: &InstanceRecord, d: &Deployment, clock: &Clock) -> bool {
    i.phase == Phase::Running
        && i.draining_since.is_none()
        && clock.passed(i.started_at, d.spec.health.start_timeout)
}

/// Whether a service holds another until it is ready.
fn until_ready(
    svc: &DesiredService,
    other: &DesiredService,
    index: &Index<'_>,
    holds: &BTreeMap<&ServiceKey, Hold>,
) -> Option<Hold> {
    let ends = index.observed.ends_of(&other.key);
    let because = |end: &End| {
        let why = words::cause(end, &other.target.spec);
        Hold::Failed(format!("not started, because `{}` did not become ready: {why}", other.key.service))
    };
    // What came with this one was given up, and an older one is wanted again. Of what is being stopped it is not known yet
    // how it ends.
    let asked = svc.target.created_at;
    let given_up = |e: &&End| e.deployment > other.target.id && e.at >= asked;
    if let Some(end) = ends.iter().rev().find(given_up) {
        return Some(because(end));
    }
    let newer = |i: &InstanceRecord| i.deployment > other.target.id && i.started_at >= asked;
    if index.of(&other.key).iter().copied().any(newer) {
        return Some(Hold::Waits);
    }
    if other.is_live() {
        return None;
    }
    if let Some(Hold::Failed(why)) = holds.get(&other.key) {
        return Some(Hold::Failed(why.clone()));
    }
    // With something older behind it, it is given up soon. Otherwise it is tried again for ever, and what waits for it starts
    // once that has helped.
    let process = other.target.process();
    let hopeless = |e: &&End| backoff::never_ready(e) || backoff::keeps_ending(ends, process);
    let failed = backoff::last(ends, process).filter(|_| other.live.is_none()).filter(hopeless);
    Some(failed.map_or(Hold::Waits, because))
}

/// Whether a job holds a service until it is done.
fn until_done(
    svc: &DesiredService,
    job: &DesiredService,
    index: &Index<'_>,
    holds: &BTreeMap<&ServiceKey, Hold>,
    clock: &Clock,
) -> Option<Hold> {
    let ends = index.observed.ends_of(&job.key);
    let how = |end: &End| words::cause(end, &job.target.spec);
    let because = |why: String| {
        Hold::Failed(format!("not started, because the job `{}` failed: {why}", job.key.service))
    };
    // What came with it, or later, is done, whatever a still later one comes to.
    let wanted = &svc.target;
    let with_it = |live: &Deployment| live.deploy >= wanted.deploy && live.created_at >= wanted.created_at;
    if job.live.as_ref().is_some_and(with_it) {
        return None;
    }
    // It was given up, and an older one is wanted again.
    if job.target.deploy < svc.target.deploy {
        let why = ends.iter().rev().find(|e| !is_success(e)).map_or_else(|| "see its log".to_owned(), how);
        return Some(because(why));
    }
    if job.is_live() || done(ends, &job.target) {
        return None;
    }
    if let Some(end) = failed(ends, &job.target) {
        return Some(because(how(end)));
    }
    let mut mine = index.of(&job.key).iter().filter(|i| i.deployment == job.target.process());
    if let Some(late) = mine.find(|i| is_late(i, &job.target, clock)) {
        return Some(because(words::first_line(&words::not_ready(late, &job.target.spec))));
    }
    match holds.get(&job.key) {
        Some(Hold::Failed(why)) => Some(Hold::Failed(why.clone())),
        Some(Hold::Waits) | None => Some(Hold::Waits),
    }
}
