//! The mind as others see it.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{
    Clock, EdgeId, InstanceId, Phase, RouteTable, ServiceKey, Target, Time, TrafficReport, WakeRefused,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tracing::warn;

use crate::{
    Ballast, ControlSettings, OpError,
    build_queue::BuildQueue,
    deploys::Logs,
    error::chain,
    events::Waker,
    id::Used,
    keep,
    reconcile::{Msg, OfEdge, Reconciler, WakeReply},
    state::State,
    store::{self, Store},
    usage::Metered,
    vault::Vault,
};

/// The mind: what people and the edge ask of it. Cheap calls; all state is owned by the reconciler ([`Control::run`]).
pub struct Control<W, B> {
    pub(crate) settings: Arc<ControlSettings>,
    pub(crate) workloads: Arc<Metered<W>>,
    pub(crate) builds: Arc<B>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) logs: Logs,
    /// Operations that write and then change the state, one at a time.
    pub(crate) one_at_a_time: tokio::sync::Mutex<()>,
    pub(crate) build_queue: BuildQueue,
    inbox: mpsc::UnboundedSender<Msg>,
    pulses: mpsc::UnboundedSender<oneshot::Sender<()>>,
    tables: watch::Sender<Arc<RouteTable>>,
    turns: watch::Sender<()>,
    reconciler: Mutex<Option<Reconciler<Metered<W>>>>,
    /// How long each instance may take to end, for those who clear up after the run.
    graces: Mutex<BTreeMap<InstanceId, Duration>>,
    started_at: Time,
}

/// Time for instances of which nothing is known.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// Longest time for any instance when the server ends, whatever its own grace: the parent kills a control that takes
/// longer than 90 s, and then nothing is cleared away.
const LONGEST_LAST_GRACE: Duration = Duration::from_secs(60);

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Open the store, take over every instance that is there, and publish the first table. Nothing is started or
    /// stopped before [`Control::run`].
    ///
    /// # Errors
    /// When the store cannot be opened, or the backend cannot say what exists.
    pub async fn open(settings: ControlSettings, workloads: W, builds: B) -> Result<Arc<Self>, OpError> {
        let settings = Arc::new(settings);
        let file = |what: &str, source| OpError::File { what: what.to_owned(), source };
        Ballast::of(&settings.state).lend();
        std::fs::create_dir_all(settings.state.join("sources"))
            .map_err(|e| file("make the folder for sources", e))?;
        let vault = Vault::open(&settings.key()).map_err(|e| file("open secret.key", e))?;
        let used = Used::find(&settings.state, &workloads.list().await?);
        let (store, snapshot) = Store::open(&settings.database(), settings.pool, vault, used)?;
        let ledger = store.ledger(settings.clock.now()).await?;
        let workloads = Metered::new(workloads, settings.clock.clone(), ledger);
        // Before anything of it sleeps, wakes or ends.
        workloads.look(&workloads.list().await?).await;
        let unfinished: Vec<_> = snapshot.unfinished.iter().map(|d| d.id).collect();
        crate::ops::sweep_sources(&settings, &unfinished);
        let (inbox, outbox) = mpsc::unbounded_channel();
        let (pulses, asked) = mpsc::unbounded_channel();
        let (workloads, logs) = (Arc::new(workloads), Logs::default());
        let resumed: BTreeMap<_, _> =
            snapshot.unfinished.iter().filter(|d| !d.rolling).map(|d| (d.id, d.builds.clone())).collect();
        let builds = Arc::new(builds);
        let advise = builds.clone();
        let reconciler = Reconciler::adopt(
            settings.clone(),
            store.clone(),
            snapshot,
            workloads.clone(),
            Arc::new(move |said| advise.advice(said)),
            &logs,
            (inbox.clone(), outbox, asked),
        )
        .await?;
        let clock = reconciler.state.clock.clone();
        let this = Arc::new(Self {
            build_queue: BuildQueue::new(settings.builds_at_once),
            settings,
            workloads,
            builds,
            store,
            started_at: clock.now(),
            clock,
            logs,
            one_at_a_time: tokio::sync::Mutex::default(),
            inbox,
            pulses,
            tables: reconciler.tables(),
            turns: reconciler.turns(),
            reconciler: Mutex::new(Some(reconciler)),
            graces: Mutex::default(),
        });
        this.resume(resumed);
        Ok(this)
    }

    /// Reconcile until `shutdown`. Returns at once when it has been called before. Instances go on running.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let reconciler = self.reconciler.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut reconciler) = reconciler else { return };
        tokio::select! {
            () = reconciler.run(shutdown) => {}
            () = keep::run(&self.settings, &self.store) => {}
            () = self.workloads.run(&self.store) => {}
        }
        self.workloads.settle(&self.store).await;
        reconciler.state.events.flush().await;
        // Builds end with us, and begin again with the next run.
        for coming in reconciler.state.projects.values().filter_map(|p| p.coming.as_ref()) {
            coming.driver.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let graces = reconciler.state.observed.instances.values().filter_map(|i| {
            let deployment = reconciler.state.deployment(&i.key, i.deployment)?;
            Some((i.id, deployment.spec.stop_grace))
        });
        *self.graces.lock().unwrap_or_else(PoisonError::into_inner) = graces.collect();
    }

    /// Services that have a process, and run on when this control ends. Everything that was to be written down is, once
    /// this returns. Only after [`Control::run`] has returned.
    ///
    /// # Errors
    /// When the backend cannot say what exists, or the store cannot be written.
    pub async fn left_running(&self) -> Result<BTreeSet<ServiceKey>, OpError> {
        self.store.flush().await?;
        let all = self.workloads.list().await?;
        Ok(all.into_iter().filter(|w| !matches!(w.phase, Phase::Exited(_))).map(|w| w.key).collect())
    }

    /// Stop everything that runs, each instance within its own grace or a minute, and remove the networks; what is
    /// deployed stays known and starts with the next run. Only after [`Control::run`] has returned.
    pub async fn stop_all(&self) {
        let graces = std::mem::take(&mut *self.graces.lock().unwrap_or_else(PoisonError::into_inner));
        let all = match self.workloads.list().await {
            Ok(all) => all,
            Err(error) => return warn!(error = %chain(&error), "cannot see what is to be stopped"),
        };
        let stops = all.iter().map(|w| async {
            let grace = graces.get(&w.id).copied().unwrap_or(LAST_GRACE).min(LONGEST_LAST_GRACE);
            let result = match self.workloads.stop(w.id, grace).await {
                Ok(_ended) => self.workloads.remove(w.id).await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                warn!(id = %w.id, error = %chain(&error), "cannot stop");
            }
        });
        futures_util::future::join_all(stops).await;
        self.workloads.settle(&self.store).await;
        if let Err(error) = self.workloads.ensure_networks(&[]).await {
            warn!(error = %chain(&error), "cannot remove the networks");
        }
    }

    /// This control, and the server it belongs to, serves: nothing of what it changed on disk is taken back any more.
    /// To be called before anything is acknowledged to anybody.
    pub fn settle(&self) {
        store::settle(&self.settings.database());
    }

    /// What the edge is to serve by, from the first complete table on.
    #[must_use]
    pub fn routes(&self) -> watch::Receiver<Arc<RouteTable>> {
        self.tables.subscribe()
    }

    /// Wake a service for a held request, and at the same moment what it needs. Answers as soon as an instance is
    /// thawed, or ready when it had to be started; the table that shows it has then been published.
    ///
    /// # Errors
    /// When it is not known, keeps crashing, or does not become ready in time.
    pub async fn wake(&self, service: &ServiceKey) -> Result<Vec<Target>, WakeRefused> {
        self.wake_for(Waker::Request, service).await
    }

    /// The same for somebody else.
    pub(crate) async fn wake_for(&self, by: Waker, service: &ServiceKey) -> Result<Vec<Target>, WakeRefused> {
        let (reply, answer): (WakeReply, _) = oneshot::channel();
        let msg = Msg::Wake { key: service.clone(), by, asked: Instant::now(), reply };
        self.inbox.send(msg).map_err(|_| WakeRefused::TimedOut)?;
        answer.await.unwrap_or(Err(WakeRefused::TimedOut))
    }

    /// An edge that an earlier control has shown its tables is still there: nothing falls asleep before it has
    /// connected and confirmed, or is gone. To be said before [`Control::run`].
    pub fn edge_expected(&self, edge: EdgeId) {
        self.of_edge(edge, OfEdge::Expected);
    }

    /// An edge has connected, perhaps again. To be said before it is shown a table; its next report is to be about
    /// everything it carries.
    pub fn edge_connected(&self, edge: EdgeId) {
        self.of_edge(edge, OfEdge::Connected);
    }

    /// An edge tells what it carried and which table it has applied.
    pub fn report(&self, edge: EdgeId, report: TrafficReport) {
        self.of_edge(edge, OfEdge::Report(report));
    }

    /// An edge is dead. That its line broke is not enough: it may carry on, and come back.
    pub fn edge_gone(&self, edge: EdgeId) {
        self.of_edge(edge, OfEdge::Gone);
    }

    fn of_edge(&self, edge: EdgeId, news: OfEdge) {
        // After the end nobody needs it.
        drop(self.inbox.send(Msg::Edge(edge, news)));
    }

    /// When this control was opened.
    #[must_use]
    pub fn started_at(&self) -> Time {
        self.clock.shown(self.started_at)
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &ControlSettings {
        &self.settings
    }

    /// Whether sleeping services give their memory back.
    #[must_use]
    pub fn can_page(&self) -> bool {
        self.workloads.capabilities().depths.paged
    }

    /// What exists may have changed without a word, such as the swap that memory was pushed to: look.
    pub fn look_again(&self) {
        // After the end nobody needs it.
        drop(self.inbox.send(Msg::Look));
    }

    /// Returns when the reconciler is between two turns, and therefore not for as long as it hangs.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn pulse(&self) -> Result<(), OpError> {
        let (reply, answer) = oneshot::channel();
        self.pulses.send(reply).map_err(|_| OpError::Closing)?;
        answer.await.map_err(|_| OpError::Closing)
    }

    /// How many things of each kind are held in memory: what grows without anything being added shows here.
    ///
    /// # Errors
    /// When the reconciler has ended.
    pub async fn inventory(&self) -> Result<BTreeMap<&'static str, usize>, OpError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Msg::Inventory(reply)).map_err(|_| OpError::Closing)?;
        answer.await.map_err(|_| OpError::Closing)
    }

    /// Have the reconciler do something with its state, between two turns.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        doing: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, OpError> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may have left.
        let call = Box::new(move |state: &mut State| drop(reply.send(doing(state))));
        self.inbox.send(Msg::Call(call)).map_err(|_| OpError::Closing)?;
        answer.await.map_err(|_| OpError::Closing)
    }

    /// Wait until the state has something to say; `None` when that takes longer than `limit`.
    pub(crate) async fn until<T: Send + 'static>(
        &self,
        limit: Duration,
        look: impl Fn(&State) -> Option<T> + Send + Sync + 'static,
    ) -> Result<Option<T>, OpError> {
        let deadline = Instant::now() + limit;
        let mut turns = self.turns.subscribe();
        let look = Arc::new(look);
        loop {
            turns.mark_unchanged();
            let once = look.clone();
            if let Some(found) = self.call(move |state| once(state)).await? {
                return Ok(Some(found));
            }
            match tokio::time::timeout_at(deadline, turns.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(OpError::Closing),
                Err(_) => return Ok(None),
            }
        }
    }
}
