//! How long to wait before starting again what keeps ending.

use std::time::Duration;

use dormouse_model::{Cause, DeploymentId, End, InstanceRecord, ServiceKind, ServiceSpec, StopReason, Time};

use crate::{clock::Clock, standing::WORKER_SETTLE};

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

/// Whether enough time has passed since the last end to start again.
pub(crate) fn over(ends: &[End], deployment: DeploymentId, clock: &Clock) -> bool {
    let Some(last) = last(ends, deployment) else { return true };
    let doublings = u32::try_from(count(ends, deployment) - 1).unwrap_or(u32::MAX).min(16);
    clock.passed(last.at, FIRST.saturating_mul(1 << doublings).min(CAP))
}

/// Describes the end of `record` at `at`, for [`note_end`].
#[must_use]
pub fn end_of(record: &InstanceRecord, spec: &ServiceSpec, at: Time, how: Cause) -> End {
    let ready_at = match spec.kind {
        ServiceKind::Web => record.probe.ready_at,
        ServiceKind::Worker => Some(record.started_at.after(WORKER_SETTLE)).filter(|t| *t <= at),
    };
    let detail =
        (how == Cause::Stopped(StopReason::NeverReady)).then(|| crate::words::not_ready(record, spec));
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
