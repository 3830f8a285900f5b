//! The hands, with a meter on them: what they do passes through, and is counted in memory. Nothing is read or written for it on the
//! way; once a minute everything that exists is looked at, and a page is written.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dormouse_backend::{
    Capabilities, Ended, InstanceSpec, LogChunk, Moment, NetworkSpec, ProbeAnswer, ProbeRequest, Workload,
    WorkloadError, WorkloadEvent, Workloads,
};
use dormouse_model::{
    Activity, Clock, Depth, Inspection, InstanceId, Limits, Phase, ProjectName, ServiceKey, Usage,
};
use tokio::sync::mpsc;
use tracing::warn;

use super::{Ledger, Page};
use crate::{
    error::chain,
    store::{Store, StoreError},
};

/// From one page to the next.
const EVERY: Duration = Duration::from_secs(60);

/// Hands that are counted.
#[derive(Debug, Clone)]
pub(crate) struct Metered<W> {
    hands: W,
    clock: Clock,
    ledger: Arc<Mutex<Ledger>>,
}

impl<W: Workloads> Metered<W> {
    pub(crate) fn new(hands: W, clock: Clock, ledger: Ledger) -> Self {
        Self { hands, clock, ledger: Arc::new(Mutex::new(ledger)) }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It sleeps, unless it was woken again meanwhile.
    fn asleep(&self, id: InstanceId, depth: Depth, woken: u64) {
        let mut ledger = self.ledger();
        if ledger.wakes(id) == woken {
            ledger.turned(id, Phase::Asleep(depth), self.clock.now());
        }
    }

    /// Count for ever.
    pub(crate) async fn run(&self, store: &Store) {
        loop {
            self.settle(store).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Count everything up to now, and write it down.
    pub(crate) async fn settle(&self, store: &Store) {
        match self.hands.list().await {
            Ok(all) => self.look(&all).await,
            Err(error) => warn!(error = %chain(&error), "what is used is counted later"),
        }
        let page = self.ledger().page();
        if page == Page::default() {
            return;
        }
        let kept = page.clone();
        if let Err(error) = store.note(move |tx| tx.used_up(&page)).await {
            self.ledger().give_back(kept);
            // A control that ends has written it before.
            if !matches!(error, StoreError::Closed) {
                warn!(%error, "what was used is written down later");
            }
        }
    }

    /// Count what there is up to now.
    pub(crate) async fn look(&self, all: &[Workload]) {
        for workload in all {
            let usage = self.hands.usage(workload.id).await.ok();
            self.seen(workload, usage.as_ref());
            // Of many, others have their turn in between.
            tokio::task::yield_now().await;
        }
        self.ledger().only(|id| all.iter().any(|w| w.id == id));
    }

    fn seen(&self, workload: &Workload, usage: Option<&Usage>) {
        let now = self.clock.now();
        let at = workload.exited_at.map_or(now, |at| at.min(now));
        let Workload { id, key, started_at, phase, .. } = workload;
        let mut ledger = self.ledger();
        match phase {
            // It was awake to its end.
            Phase::Exited(_) => {
                ledger.seen(*id, (key, *started_at), (Phase::Running, at), usage);
                ledger.turned(*id, *phase, at);
            }
            Phase::Running | Phase::Asleep(_) => {
                ledger.seen(*id, (key, *started_at), (*phase, at), usage);
            }
        }
    }
}

impl<W: Workloads> Workloads for Metered<W> {
    fn capabilities(&self) -> Capabilities {
        self.hands.capabilities()
    }

    async fn list(&self) -> Result<Vec<Workload>, WorkloadError> {
        self.hands.list().await
    }

    async fn ensure_networks(
        &self,
        specs: &[NetworkSpec],
    ) -> Result<BTreeMap<ProjectName, WorkloadError>, WorkloadError> {
        self.hands.ensure_networks(specs).await
    }

    async fn networks(&self) -> Result<Vec<NetworkSpec>, WorkloadError> {
        self.hands.networks().await
    }

    async fn ensure_network(&self, spec: &NetworkSpec) -> Result<(), WorkloadError> {
        self.hands.ensure_network(spec).await
    }

    async fn remove_network(&self, project: &ProjectName) -> Result<(), WorkloadError> {
        self.hands.remove_network(project).await
    }

    async fn start(&self, spec: &InstanceSpec) -> Result<Ipv4Addr, WorkloadError> {
        let at = self.clock.now();
        let addr = self.hands.start(spec).await?;
        self.ledger().started(spec.id, &spec.key, at);
        Ok(addr)
    }

    async fn stop(&self, id: InstanceId, grace: Duration) -> Result<Ended, WorkloadError> {
        self.hands.stop(id, grace).await
    }

    async fn sleep(&self, id: InstanceId, depth: Depth) -> Result<Depth, WorkloadError> {
        let woken = self.ledger().wakes(id);
        let depth = self.hands.sleep(id, depth).await?;
        self.asleep(id, depth, woken);
        Ok(depth)
    }

    async fn wake(&self, id: InstanceId) -> Result<(), WorkloadError> {
        self.hands.wake(id).await?;
        self.ledger().turned(id, Phase::Running, self.clock.now());
        Ok(())
    }

    async fn set_limits(&self, id: InstanceId, limits: Limits) -> Result<(), WorkloadError> {
        self.hands.set_limits(id, limits).await
    }

    async fn dark_wake(&self, id: InstanceId, depth: Depth) -> Result<Moment, WorkloadError> {
        let woken = self.ledger().wakes(id);
        let moment = self.hands.dark_wake(id, depth).await?;
        self.asleep(id, moment.depth, woken);
        Ok(moment)
    }

    async fn remove(&self, id: InstanceId) -> Result<(), WorkloadError> {
        // What it has used to its end is not to be seen any more after this.
        if let Some(workload) = self.hands.list().await?.into_iter().find(|w| w.id == id) {
            let usage = self.hands.usage(id).await.ok();
            self.seen(&workload, usage.as_ref());
        }
        self.hands.remove(id).await?;
        self.ledger().removed(id);
        Ok(())
    }

    async fn usage(&self, id: InstanceId) -> Result<Usage, WorkloadError> {
        self.hands.usage(id).await
    }

    async fn probe(&self, id: InstanceId, request: &ProbeRequest) -> Result<ProbeAnswer, WorkloadError> {
        self.hands.probe(id, request).await
    }

    async fn inspect(&self, id: InstanceId) -> Result<Inspection, WorkloadError> {
        self.hands.inspect(id).await
    }

    async fn activity(&self, id: InstanceId) -> Result<Activity, WorkloadError> {
        self.hands.activity(id).await
    }

    async fn read_log(&self, key: &ServiceKey, id: InstanceId, from: u64) -> Result<LogChunk, WorkloadError> {
        self.hands.read_log(key, id, from).await
    }

    async fn remove_logs(&self, key: &ServiceKey, ids: &[InstanceId]) -> Result<(), WorkloadError> {
        self.hands.remove_logs(key, ids).await
    }

    fn events(&self) -> mpsc::UnboundedReceiver<WorkloadEvent> {
        self.hands.events()
    }
}
