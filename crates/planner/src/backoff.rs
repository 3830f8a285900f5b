//! How long to wait before starting again what keeps ending.

use std::time::Duration;

use dormouse_model::{Cause, DeploymentId, End, StopReason};

use crate::clock::Clock;

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

/// How often `deployment` ended since it was last healthy. Of several instances those that had been there already when one ended
/// count with it: what hits each of them once, or one after the other, is no sign that those started after it end as well.
pub(crate) fn count(ends: &[End], deployment: DeploymentId) -> usize {
    let mut all: Vec<_> = streak(ends, deployment).collect();
    all.reverse();
    let (mut rounds, mut began) = (0, None);
    for end in all {
        if began.is_none_or(|began| end.started_at.is_none_or(|started| started >= began)) {
            rounds += 1;
            began = Some(end.at);
        }
    }
    rounds
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
pub(crate) fn pause(ends: &[End], deployment: DeploymentId) -> Duration {
    let doublings = u32::try_from(count(ends, deployment).saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST.saturating_mul(1 << doublings).min(CAP)
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
