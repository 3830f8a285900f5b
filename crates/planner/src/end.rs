//! How an instance came to its end.

use dormouse_model::{Cause, End, ExitStatus, InstanceRecord, ServiceKind, ServiceSpec, StopReason, Time};

use crate::{view::WORKER_SETTLE, words};

/// Describes the end of `record` at `at`, for [`note_end`](crate::note_end).
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
                    started_at: None,
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
    let started_at = (how != Cause::LostWorker).then_some(record.started_at);
    let ready_for = ready_at.map(|t| at.since(t));
    End { deployment: record.deployment, at, how, ready_for, started_at, detail }
}
