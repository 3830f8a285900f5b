//! How things are said to people.

use dormouse_model::{Cause, Depth, ExitStatus, ServiceKind, ServiceSpec, StopReason};

/// A depth, one word.
pub(crate) fn depth(depth: Depth) -> &'static str {
    match depth {
        Depth::Frozen => "frozen",
        Depth::Paged => "paged",
        Depth::Stopped => "stopped",
    }
}

/// Why an instance is stopped, a few words.
#[must_use]
pub fn stop(why: StopReason) -> &'static str {
    match why {
        StopReason::Replaced => "another deployment serves",
        StopReason::Surplus => "another instance serves",
        StopReason::Removed => "its service is gone",
        StopReason::Idle => "idle",
        StopReason::NeverReady => "not ready in time",
        StopReason::Unhealthy => "fails its health checks",
        StopReason::Hung => "hung",
    }
}

/// How an instance came to its end, one line: `exited with code 1`, `out of memory (limit 512 MiB)`.
#[must_use]
pub fn cause(how: &Cause, spec: &ServiceSpec) -> String {
    match how {
        Cause::Exited(ExitStatus::Code(code)) => format!("exited with code {code}"),
        Cause::Exited(ExitStatus::Signal(signal)) => format!("killed by signal {signal}"),
        Cause::Exited(ExitStatus::OutOfMemory) => {
            format!("out of memory (limit {})", memory(spec.limits.memory))
        }
        Cause::Exited(ExitStatus::Lost) => "ended while nobody was watching".to_owned(),
        Cause::Stopped(StopReason::NeverReady) => never_ready(spec),
        Cause::Stopped(
            why @ (StopReason::Replaced
            | StopReason::Surplus
            | StopReason::Removed
            | StopReason::Idle
            | StopReason::Unhealthy
            | StopReason::Hung),
        ) => stop(*why).to_owned(),
        Cause::NotStarted { why } => format!("could not be started: {why}"),
    }
}

/// Says what was waited for: a port that is not the one the app listens on is the usual mistake.
fn never_ready(spec: &ServiceSpec) -> String {
    let within = spec.health.start_timeout.as_secs();
    match (spec.kind, &spec.health.path) {
        (ServiceKind::Web, Some(path)) => {
            format!("not ready within {within} s: no good answer to {path} on port {}", spec.port)
        }
        (ServiceKind::Web, None) if spec.health.speaks_http => {
            format!("not ready within {within} s: nothing answers HTTP on port {}", spec.port)
        }
        (ServiceKind::Web, None) => {
            format!("not ready within {within} s: nothing listens on port {}", spec.port)
        }
        (ServiceKind::Worker, _) => format!("not ready within {within} s"),
    }
}

/// Bytes in the largest binary unit that needs no fraction.
pub(crate) fn memory(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} B")
}
