//! The edge's end of the line: follows tables, reports traffic, and asks for wakes. Survives control's death.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dormouse_edge::{TrafficStats, Wake};
use dormouse_model::{
    DoesNotFit, EdgeId, Endpoint, RouteChange, RouteTable, ServiceKey, Target, WakeRefused,
};
use dormouse_runtime::{Process, write_whole};
use futures_util::StreamExt;
use tokio::{
    net::UnixStream,
    sync::{Notify, oneshot, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    identity::draw,
    message::{ToControl, ToEdge, VERSION, line, next, send},
};

/// Traffic is told at most this often while bytes flow; a new table is confirmed at once.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Between two attempts to reach control. Held requests wait this long at most once it is back.
const RETRY: Duration = Duration::from_millis(20);

type Answer = Result<Vec<Target>, WakeRefused>;

/// A wake that somebody waits for.
struct Call {
    service: ServiceKey,
    answer: oneshot::Sender<Answer>,
}

/// Calls that control has not answered. They are said again on every new connection, so a wake asked for while
/// control is away is answered when it is back.
#[derive(Default)]
struct Calls {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Call>>,
    fresh: Mutex<Vec<u64>>,
    changed: Notify,
}

impl Calls {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Call>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks control for wakes over the line.
#[derive(Clone, Default)]
pub(crate) struct Remote(Arc<Calls>);

impl Wake for Remote {
    async fn wake(&self, service: &ServiceKey) -> Answer {
        let (answer, answered) = oneshot::channel();
        let call = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.open().insert(call, Call { service: service.clone(), answer });
        let _forget = Forget { calls: &self.0, call };
        self.0.fresh().push(call);
        self.0.changed.notify_one();
        answered.await.unwrap_or(Err(WakeRefused::TimedOut))
    }
}

/// Takes a call back when nobody waits for its answer any more.
struct Forget<'a> {
    calls: &'a Calls,
    call: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.calls.open().remove(&self.call);
    }
}

/// The line itself, seen from the edge.
pub(crate) struct EdgeLink {
    socket: PathBuf,
    saved: PathBuf,
    tables: watch::Sender<Arc<RouteTable>>,
    remote: Remote,
    traffic: Arc<TrafficStats>,
    /// This very process, and which edge it is.
    me: (Process, EdgeId),
}

impl EdgeLink {
    /// Start from the table saved by an earlier edge, if there is one.
    ///
    /// # Errors
    /// When the kernel does not tell who we are.
    pub(crate) fn new(socket: PathBuf, saved: PathBuf, traffic: Arc<TrafficStats>) -> std::io::Result<Self> {
        let me = (Process::this()?, draw());
        let (tables, _) = watch::channel(Arc::new(load(&saved).unwrap_or_default()));
        Ok(Self { socket, saved, tables, remote: Remote::default(), traffic, me })
    }

    pub(crate) fn tables(&self) -> watch::Receiver<Arc<RouteTable>> {
        self.tables.subscribe()
    }

    pub(crate) fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Keep a line to control until everything is carried.
    pub(crate) async fn run(self, finished: CancellationToken) {
        tokio::select! {
            () = self.connect(&finished) => {}
            () = keep_saved(&self.saved, self.tables.subscribe()) => {}
        }
    }

    async fn connect(&self, finished: &CancellationToken) {
        while !finished.is_cancelled() {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    info!("connected to control");
                    if let Err(error) = self.talk(stream, finished).await {
                        warn!(%error, "lost control; serving on from the last table");
                    }
                }
                Err(error) => debug!(%error, "control is away"),
            }
            sleep(RETRY).await;
        }
    }

    async fn talk(&self, stream: UnixStream, finished: &CancellationToken) -> std::io::Result<()> {
        let (mut tx, mut rx) = line(stream).split();
        let (process, edge) = self.me.clone();
        send(&mut tx, &ToControl::Hello { version: VERSION, process, edge: Some(edge) }).await?;
        send(&mut tx, &ToControl::Traffic(self.traffic.report_all())).await?;
        self.remote.0.fresh().clear();
        let open: Vec<_> = self.remote.0.open().iter().map(|(c, w)| (*c, w.service.clone())).collect();
        for (call, service) in open {
            send(&mut tx, &ToControl::Wake { call, service }).await?;
        }

        let resync = Notify::new();
        let speak = async {
            let mut last = None;
            loop {
                tokio::select! {
                    () = resync.notified() => send(&mut tx, &ToControl::Resync).await?,
                    () = self.remote.0.changed.notified() => {
                        let fresh = std::mem::take(&mut *self.remote.0.fresh());
                        for call in fresh {
                            let service = self.remote.0.open().get(&call).map(|c| c.service.clone());
                            if let Some(service) = service {
                                send(&mut tx, &ToControl::Wake { call, service }).await?;
                            }
                        }
                    }
                    report = self.traffic.next_report(&mut last, REPORT_EVERY) => {
                        send(&mut tx, &ToControl::Traffic(report)).await?;
                    }
                    () = finished.cancelled() => {
                        return send(&mut tx, &ToControl::Traffic(self.traffic.report())).await;
                    }
                }
            }
        };
        let listen = async {
            while let Some(message) = next::<ToEdge>(&mut rx).await? {
                match message {
                    ToEdge::Hello { version } => debug!(version, "control greets"),
                    ToEdge::Table(table) => {
                        self.tables.send_replace(table);
                    }
                    ToEdge::Change(change) => {
                        if let Err(error) = self.change(change) {
                            warn!(%error, "asking for all routes");
                            resync.notify_one();
                        }
                    }
                    ToEdge::Woken { call, result } => {
                        if let Some(call) = self.remote.0.open().remove(&call) {
                            // Nobody waiting any more is fine: the visitor left.
                            drop(call.answer.send(result));
                        }
                    }
                }
            }
            Ok(())
        };
        tokio::select! { r = speak => r, r = listen => r }
    }

    fn change(&self, change: RouteChange) -> Result<(), DoesNotFit> {
        let mut table = RouteTable::clone(&self.tables.borrow());
        table.apply(change)?;
        self.tables.send_replace(Arc::new(table));
        Ok(())
    }
}

/// An old table may show an instance awake that has been put to sleep since, and a byte sent to it would wait for
/// ever; so after a restart everything counts as asleep until control says otherwise. It may also lack what was deployed
/// since, when it could not be written or was not yet; without a generation the edge refuses nothing for its sake.
fn load(path: &Path) -> Option<RouteTable> {
    let text = std::fs::read(path).ok()?;
    let mut table: RouteTable = serde_json::from_slice(&text)
        .inspect_err(|error| warn!(%error, "cannot read the saved routes"))
        .ok()?;
    table.generation = 0;
    for endpoint in table.endpoints.values_mut() {
        if let Endpoint::Ready { targets } = endpoint {
            targets.iter_mut().for_each(|t| t.asleep = true);
        }
    }
    Some(table)
}

/// Save the newest table, beside what the edge does: a disk that is busy with a build must not hold up a route. Who sleeps is not
/// believed when it is read, so nothing is written when somebody is woken.
async fn keep_saved(path: &Path, mut tables: watch::Receiver<Arc<RouteTable>>) {
    let mut saved: Option<Arc<RouteTable>> = None;
    while tables.changed().await.is_ok() {
        let table = tables.borrow_and_update().clone();
        if saved.as_ref().is_some_and(|saved| saved.is_same_but_for_sleep(&table)) {
            continue;
        }
        let (path, writes) = (path.to_owned(), table.clone());
        // What could not be written is tried again with the next table.
        let written = tokio::task::spawn_blocking(move || save(&path, &writes)).await;
        saved = written.is_ok_and(|written| written).then_some(table);
    }
}

/// Whether it could be written.
fn save(path: &Path, table: &RouteTable) -> bool {
    let written =
        serde_json::to_vec(table).map_err(std::io::Error::other).and_then(|text| write_whole(path, &text));
    if let Err(error) = &written {
        warn!(%error, "cannot save the routes; an edge restarted before control would know none");
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use dormouse_model::InstanceId;

    use super::*;

    #[test]
    fn a_saved_table_wakes_whom_it_names_and_stands_for_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.json");
        assert_eq!(load(&path), None);
        let key: ServiceKey = "shop/web".parse().unwrap();
        let target = Target { instance: InstanceId(1), addr: "10.0.0.1:80".parse().unwrap(), asleep: false };
        let endpoint = |asleep| Endpoint::Ready { targets: vec![Target { asleep, ..target }] };
        let table = |generation, asleep| RouteTable {
            generation,
            endpoints: [(key.clone(), endpoint(asleep))].into(),
            ..RouteTable::default()
        };
        assert!(save(&path, &table(7, false)));
        assert_eq!(load(&path), Some(table(0, true)));
    }

    #[tokio::test]
    async fn a_change_that_does_not_fit_is_answered_with_a_call_for_all_routes() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, saved) = (folder.path().join("edge.sock"), folder.path().join("routes.json"));
        let link = EdgeLink::new(socket, saved, Arc::default()).unwrap();
        let mut tables = link.tables();
        let (edge, control) = UnixStream::pair().unwrap();
        let talking = tokio::spawn(async move { link.talk(edge, &CancellationToken::new()).await });
        let (mut tx, mut rx) = line(control).split();
        let table = |generation| RouteTable { generation, ..RouteTable::default() };
        let change = |from, to| ToEdge::Change(RouteChange { from, to, ..RouteChange::default() });
        for message in [ToEdge::Table(table(1).into()), change(1, 2), change(5, 6)] {
            send(&mut tx, &message).await.unwrap();
        }
        let asks = async { while !matches!(next(&mut rx).await.unwrap().unwrap(), ToControl::Resync) {} };
        tokio::time::timeout(Duration::from_secs(20), asks).await.expect("it asks");
        assert_eq!(tables.borrow_and_update().generation, 2, "what fits is used, and what does not is not");
        send(&mut tx, &ToEdge::Table(table(6).into())).await.unwrap();
        let shown = tables.wait_for(|table| table.generation == 6);
        tokio::time::timeout(Duration::from_secs(20), shown).await.expect("it is shown").unwrap();
        talking.abort();
    }

    /// Bug: each wake wrote the whole table to the disk.
    #[tokio::test]
    async fn a_wake_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.json");
        let table = |instance, asleep| {
            let target =
                Target { instance: InstanceId(instance), addr: "10.0.0.1:80".parse().unwrap(), asleep };
            let endpoints = [("shop/web".parse().unwrap(), Endpoint::Ready { targets: vec![target] })].into();
            Arc::new(RouteTable { endpoints, ..RouteTable::default() })
        };
        let (tables, seen) = watch::channel(Arc::new(RouteTable::default()));
        let of = path.clone();
        let keeping = tokio::spawn(async move { keep_saved(&of, seen).await });
        let mut story = String::new();
        for (what, shown) in [
            ("deployed", table(1, true)),
            ("woken", table(1, false)),
            ("asleep", table(1, true)),
            ("replaced", table(2, false)),
        ] {
            // Nobody has read it while it is gone.
            std::fs::remove_file(&path).ok();
            tables.send_replace(shown);
            let wrote = async {
                while !path.exists() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let wrote = tokio::time::timeout(Duration::from_millis(300), wrote).await.is_ok();
            story += &format!("{what}: {}\n", if wrote { "written" } else { "nothing" });
        }
        expect_test::expect![[r#"
            deployed: written
            woken: nothing
            asleep: nothing
            replaced: written
        "#]]
        .assert_eq(&story);
        keeping.abort();
    }
}
