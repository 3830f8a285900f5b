//! How long to wait before starting again what keeps ending.

use std::time::Duration;

use dormouse_model::{
    Cause, Deployment, DeploymentId, Desired, End, ExitStatus, InstanceRecord, Observed, ServiceKey,
    ServiceKind, ServiceSpec, StopReason, Time,
};

use crate::{
    clock::Clock,
    idle,
    index::Index,
    job,
    standing::WORKER_SETTLE,
    trust::{Trust, trust},
    view::View,
    words,
};

/// Wait after the first end.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait.
const CAP: Duration = Duration::from_secs(60);
/// Being ready for this long makes earlier ends forgotten.
const HEALTHY: Duration = Duration::from_secs(300);
/// This many ends without health between them are a crash loop, and a rollout's end.
pub(crate) const CRASH_LOOP: usize = 3;
/// Ends kept for each service: the back-off reaches its cap after eight, and more say nothing.
const KEPT: usize = 16;

/// Ends of `deployment` since it was last healthy, newest first.
fn streak(ends: &[End], deployment: DeploymentId) -> impl Iterator<Item = &End> {
    let mut healthy = false;
    ends.iter().rev().filter(move |e| e.deployment == deployment).take_while(move |e| {
        let go_on = !healthy;
        healthy = e.ready_for.is_some_and(|d| d >= HEALTHY);
        go_on
    })
}

/// The last end of `deployment`.
pub(crate) fn last(ends: &[End], deployment: DeploymentId) -> Option<&End> {
    streak(ends, deployment).next()
}

/// Whether it was stopped because it was not ready in time.
pub(crate) fn never_ready(end: &End) -> bool {
    end.how == Cause::Stopped(StopReason::NeverReady)
}

/// How often `deployment` ended since it was last healthy.
pub(crate) fn count(ends: &[End], deployment: DeploymentId) -> usize {
    streak(ends, deployment).count()
}

/// Whether `deployment` keeps ending.
#[must_use]
pub fn keeps_ending(ends: &[End], deployment: DeploymentId) -> bool {
    count(ends, deployment) >= CRASH_LOOP
}

/// Whether enough time has passed since the last end to start again.
pub(crate) fn over(ends: &[End], deployment: DeploymentId, clock: &Clock) -> bool {
    last(ends, deployment).is_none_or(|last| clock.passed(last.at, pause(ends, deployment)))
}

/// Time from the last end to the next start.
fn pause(ends: &[End], deployment: DeploymentId) -> Duration {
    let doublings = u32::try_from(count(ends, deployment).saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST.saturating_mul(1 << doublings).min(CAP)
}

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
    let target = Some(&svc.target).filter(|_| view.given_up().is_none());
    let kept = |d: &&Deployment| match trust(&view) {
        Some(Trust::Lost { deployment, .. }) => d.id != deployment,
        Some(Trust::Earned { .. }) | None => true,
    };
    let d = target.into_iter().chain(view.older()).filter(kept).find(|d| d.process() == deployment)?;
    // A job that failed is for people to see.
    let over = d.spec.kind == ServiceKind::Job && job::failed(view.ends, d).is_some();
    (!over && idle::needs_instance(&view, d)).then(|| pause(view.ends, deployment))
}

/// Describes the end of `record` at `at`, for [`note_end`].
#[must_use]
pub fn end_of(record: &InstanceRecord, spec: &ServiceSpec, at: Time, how: Cause) -> End {
    let ready_at = match spec.kind {
        ServiceKind::Web => record.probe.ready_at,
        ServiceKind::Worker => Some(record.started_at.after(WORKER_SETTLE)).filter(|t| *t <= at),
        ServiceKind::Job => None,
    };
    let detail = match how {
        Cause::Stopped(StopReason::NeverReady) => Some(words::not_ready(record, spec)),
        Cause::Stopped(why @ (StopReason::Unhealthy | StopReason::Hung)) => {
            Some(words::unwell(record, spec, at, why))
        }
        Cause::Exited(ExitStatus::Code(1..) | ExitStatus::Signal(_)) => words::killed(record, spec, Some(at))
            .map(|killed| {
                let ended = End {
                    deployment: record.deployment,
                    at,
                    how: how.clone(),
                    ready_for: None,
                    detail: None,
                };
                let ended = words::explain(&ended, spec);
                format!("{ended}, after {killed}\n  hint: {}", words::say_memory(spec))
            }),
        Cause::Stopped(
            StopReason::Replaced | StopReason::Surplus | StopReason::Removed | StopReason::Idle,
        )
        | Cause::Exited(ExitStatus::Code(_) | ExitStatus::OutOfMemory | ExitStatus::Lost)
        | Cause::LostWorker
        | Cause::NotStarted { .. } => None,
    };
    End { deployment: record.deployment, at, how, ready_for: ready_at.map(|t| at.since(t)), detail }
}

/// Adds an end to a service's list, unless it is there already, and forgets what no longer counts.
pub fn note_end(ends: &mut Vec<End>, end: End) {
    if !ends.iter().any(|e| e.deployment == end.deployment && e.at == end.at) {
        ends.push(end);
        ends.sort_by_key(|e| e.at);
        let surplus = ends.len().saturating_sub(KEPT);
        ends.drain(..surplus);
    }
}
