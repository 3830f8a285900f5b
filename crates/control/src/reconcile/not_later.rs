//! What is said to have happened later than now has happened now at the latest.
//!
//! Our time goes on evenly from boot to boot of the machine only as far as its wall clock does: after a boot with a clock that is
//! behind, everything that was written down lies ahead. Waits that began then would not end for as long as the clock is
//! wrong, and nothing that was used then would ever be idle.

use dormouse_backend::Workload;
use dormouse_model::Time;

use crate::store::Snapshot;

/// Of what the store says, and of what the backend does.
pub(super) fn not_later(now: Time, snapshot: &mut Snapshot, all: &mut [Workload]) {
    let times = |at: &mut Time| *at = now.min(*at);
    for row in &mut snapshot.services {
        row.replaced.iter_mut().for_each(|(_, at)| times(at));
        [&mut row.demand.wake_at, &mut row.demand.sleep_at, &mut row.used_at]
            .into_iter()
            .flatten()
            .for_each(times);
    }
    for row in &mut snapshot.instances {
        [&mut row.ready_at, &mut row.draining_since].into_iter().flatten().for_each(times);
    }
    snapshot.deployments.iter_mut().for_each(|d| times(&mut d.created_at));
    snapshot.ends.iter_mut().flat_map(|(_, ends)| ends).for_each(|end| times(&mut end.at));
    let watchdogs = snapshot.watchdogs.iter_mut().chain(&mut snapshot.pingers);
    watchdogs.for_each(|(_, watchdog)| times(&mut watchdog.at));
    for workload in all {
        times(&mut workload.started_at);
        workload.exited_at.iter_mut().for_each(times);
    }
}

#[cfg(test)]
mod tests {
    use dormouse_model::{Cause, DeploymentId, End, ExitStatus};

    use super::*;

    /// Bug: after a boot with a clock that was behind, nothing that had ended was started again before the clock caught up.
    #[test]
    fn what_lies_ahead_has_just_happened() {
        let end = |at| End {
            deployment: DeploymentId(1),
            at: Time(at),
            how: Cause::Exited(ExitStatus::Code(1)),
            ready_for: None,
            started_at: None,
            detail: None,
        };
        let ends = vec![("shop/web".parse().unwrap(), vec![end(40), end(900)])];
        let mut snapshot = Snapshot { ends, ..Snapshot::default() };
        not_later(Time(100), &mut snapshot, &mut []);
        assert_eq!(snapshot.ends[0].1, [end(40), end(100)]);
    }
}
