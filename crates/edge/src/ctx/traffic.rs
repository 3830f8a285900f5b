//! What the edge has carried, for whoever decides who may sleep.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dormouse_model::{Endpoint, InstanceId, RouteTable, TrafficReport};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::stats::{Changes, InstanceStats};

/// How long an instance has to be silent for its answer to another service to be over. A tunnel of bytes cannot see the
/// end of an answer, and models pause while they think; but services keep connections open for later, so silence
/// must end it. Less than the 4 s that `dormouse sleep` gives a request.
const SILENCE: Duration = Duration::from_secs(3);

/// Counters per instance. Workers write to them without a lock; one reader makes reports of them.
#[derive(Debug)]
pub struct TrafficStats {
    changes: Arc<Changes>,
    applied: watch::Sender<u64>,
    silence: Duration,
    instances: Mutex<Instances>,
}

/// Behind the lock: touched when a table arrives, when an instance is met for the first time, and by reports.
#[derive(Debug, Default)]
struct Instances {
    stats: BTreeMap<InstanceId, Arc<InstanceStats>>,
    /// Instances of the newest table; the others are forgotten once their last connection has ended.
    listed: BTreeSet<InstanceId>,
    /// Those that the last report said to be answering other services: nothing else tells when they fall silent.
    answering: BTreeSet<InstanceId>,
    reported: u64,
}

impl Default for TrafficStats {
    fn default() -> Self {
        Self::with_silence(SILENCE)
    }
}

impl TrafficStats {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those in which an answer to another service is over after this much silence.
    #[must_use]
    pub fn with_silence(silence: Duration) -> Self {
        Self { changes: Arc::default(), applied: watch::Sender::new(0), silence, instances: Mutex::default() }
    }

    /// What changed since the last report; every instance when a newer table has been applied since.
    ///
    /// The report's `generation` is applied by every worker: what any of them sent under an older table is in it.
    #[must_use]
    pub fn report(&self) -> TrafficReport {
        self.collect(false)
    }

    /// Like [`report`](Self::report), with every instance: for a reader that starts anew.
    #[must_use]
    pub fn report_all(&self) -> TrafficReport {
        self.collect(true)
    }

    /// Returns once there is something to report: at once when there is already. Never while nothing flows.
    pub async fn changed(&self) {
        tokio::select! {
            () = self.changes.wait() => {}
            () = self.silence_falls() => {}
        }
    }

    /// Returns when the first of those reported as answering counts as silent, if it says no more until then.
    async fn silence_falls(&self) {
        let left = {
            let known = self.instances();
            let left = |id| known.stats.get(id).and_then(|one| one.answering()).unwrap_or_default();
            known.answering.iter().map(left).min()
        };
        match left {
            Some(left) => sleep(left).await,
            None => pending().await,
        }
    }

    /// To whom an answer is owed by any instance: to visitors, and to other services.
    pub(crate) fn owed(&self) -> (bool, bool) {
        let all: Vec<_> = self.instances().stats.values().map(|one| one.read()).collect();
        (all.iter().any(|t| t.in_flight > t.calls), all.iter().any(|t| t.calls > 0))
    }

    /// Returns once every worker has applied the table of this generation or a newer one.
    pub async fn applied(&self, generation: u64) {
        let mut applied = self.applied.subscribe();
        // Cannot fail: the sender lives as long as `self`.
        let _ = applied.wait_for(|now| *now >= generation).await;
    }

    /// The next report worth sending: at once after a table was applied or an answer ended, otherwise `pace` after the last call
    /// returned at the earliest (`last`, kept by the caller), and not before anything changed.
    pub async fn next_report(&self, last: &mut Option<Instant>, pace: Duration) -> TrafficReport {
        self.changed().await;
        if let Some(due) = last.map(|at| at + pace) {
            let mut applied = self.applied.subscribe();
            let reported = self.instances().reported;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                _ = applied.wait_for(|now| *now > reported) => {}
                // Somebody waits for it who said `sleep`.
                () = self.silence_falls() => {}
            }
        }
        *last = Some(Instant::now());
        self.report()
    }

    fn collect(&self, all: bool) -> TrafficReport {
        self.changes.forget();
        // First the generation, then the counters: what was carried before it was applied is visible then.
        let generation = *self.applied.borrow();
        let mut known = self.instances();
        let all = all || generation > known.reported;
        known.reported = generation;
        let Instances { stats, listed, answering, .. } = &mut *known;
        let mut instances = BTreeMap::new();
        stats.retain(|id, one| {
            let changed = one.take_changed();
            // Before the counters are read: an answer that ends in between is looked at once more.
            let silent = match one.answering() {
                Some(_) => {
                    answering.insert(*id);
                    false
                }
                None => answering.remove(id),
            };
            let traffic = one.read();
            if changed || silent || all {
                instances.insert(*id, traffic);
            }
            // A count above one is a table or a connection that still writes to it.
            listed.contains(id) || traffic.connections > 0 || Arc::strong_count(one) > 1
        });
        answering.retain(|id| stats.contains_key(id));
        TrafficReport { generation, instances }
    }

    /// The counters of an instance, made when it is met for the first time.
    pub(crate) fn of(&self, instance: InstanceId) -> Arc<InstanceStats> {
        let mut known = self.instances();
        let new = || Arc::new(InstanceStats::new(instance, self.silence, self.changes.clone()));
        known.stats.entry(instance).or_insert_with(new).clone()
    }

    /// Remember which instances the newest table names.
    pub(crate) fn list(&self, table: &RouteTable) {
        self.instances().listed = table
            .endpoints
            .values()
            .flat_map(|endpoint| match endpoint {
                Endpoint::Ready { targets } => targets.as_slice(),
                Endpoint::Stopped
                | Endpoint::Starting
                | Endpoint::Building
                | Endpoint::Crashed { .. }
                | Endpoint::Failed { .. } => &[],
            })
            .map(|target| target.instance)
            .collect();
    }

    /// Every worker uses the table of this generation from now on.
    pub(crate) fn set_applied(&self, generation: u64) {
        self.applied.send_replace(generation);
        self.changes.note();
    }

    fn instances(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
