//! Everything a test needs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
    future::Future,
    net::SocketAddrV4,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use dormouse_backend::{
    Workloads,
    sim::{Answer, Sim},
};
use dormouse_control::{
    Control, ControlSettings, DeployAccepted, DeployId, DeployStep, EventReader, OpError,
};
use dormouse_model::{
    Clock, DeploymentId, EdgeId, Endpoint, HealthSpec, InstanceId, Limits, Phase, ProjectSpec, RouteTable,
    Serves, ServiceKey, ServiceKind, ServiceSpec, SleepPolicy, Time, Traffic, TrafficReport, Visibility,
    clock::{self, Reading},
    server::{How, Server},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
    sync::oneshot,
    task::JoinHandle,
};

use crate::builds::Builder;

pub(crate) type Mind = Arc<Control<Sim, Builder>>;

/// Longest wait for anything; a test that needs it has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// The edge there is, unless a test brings another.
pub(crate) const EDGE: EdgeId = EdgeId(1);

/// A server without hands.
pub(crate) struct World {
    dir: tempfile::TempDir,
    net: u8,
    pub(crate) sim: Sim,
    pub(crate) builder: Builder,
    pub(crate) edge: Arc<Mutex<Edge>>,
    /// What the instances of a deployment answer, when it is not that all is well.
    pub(crate) answers: Arc<Mutex<HashMap<DeploymentId, &'static str>>>,
    pub(crate) control: Mind,
    /// What the wall clock shows.
    pub(crate) wall: Wall,
    process: Option<Runtime>,
    stop: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What the edge carries, and how obedient it is.
#[derive(Default)]
pub(crate) struct Edge {
    pub(crate) traffic: BTreeMap<InstanceId, Traffic>,
    /// Whether it confirms tables.
    pub(crate) silent: bool,
    /// Every table it was shown, in short.
    pub(crate) shown: Vec<String>,
}

pub(crate) fn service(name: &str) -> ServiceSpec {
    ServiceSpec {
        name: name.parse().unwrap(),
        kind: ServiceKind::Web,
        source: ".".to_owned(),
        start: Some(vec!["gunicorn".to_owned()]),
        package: None,
        requirements: None,
        install: Vec::new(),
        workdir: None,
        origins: dormouse_model::Origins::default(),
        port: 18000,
        health: HealthSpec {
            server: Some(Serves { by: Server::Gunicorn, how: How::Command }),
            start_timeout: Duration::from_secs(10),
            ..HealthSpec::default()
        },
        replicas: 1,
        needs: [].into(),
        after: [].into(),
        limits: Limits::default(),
        env: [].into(),
        stored: [].into(),
        visibility: Visibility::Public,
        sleep: SleepPolicy { after: None, ..SleepPolicy::default() },
        stop_grace: Duration::from_secs(2),
        packages: [].into(),
        left_out: [].into(),
        include: [].into(),
        aliases: [].into(),
    }
}

pub(crate) fn project(name: &str, services: Vec<ServiceSpec>) -> ProjectSpec {
    let services = services.into_iter().map(|s| (s.name.clone(), s.into())).collect();
    ProjectSpec { name: name.parse().unwrap(), services }
}

pub(crate) fn key(key: &str) -> ServiceKey {
    key.parse().unwrap()
}

impl World {
    /// `net` sets tests apart that run at the same time: instances listen in 127.`net`.0.0/16.
    #[track_caller]
    pub(crate) fn new(net: u8) -> impl Future<Output = Self> {
        static TAKEN: Mutex<BTreeSet<u8>> = Mutex::new(BTreeSet::new());
        let first = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(net);
        assert!(first, "another test has net {net}");
        Self::open(net)
    }

    async fn open(net: u8) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), net).await
    }

    /// The same with this state folder.
    pub(crate) async fn open_in(dir: tempfile::TempDir, net: u8) -> Self {
        let sim = Sim::new(1, Time::from(SystemTime::now()));
        sim.listen_outside();
        let builder = Builder::default();
        let edge = Arc::new(Mutex::new(Edge::default()));
        let wall = Wall::default();
        let (process, control, stop) = boot(dir.path(), net, &sim, &builder, &edge, &wall).await;
        let answers = Arc::<Mutex<HashMap<_, _>>>::default();
        tokio::spawn(answer(sim.clone(), answers.clone()));
        Self {
            dir,
            net,
            sim,
            builder,
            edge,
            wall,
            answers,
            control,
            process: Some(process),
            stop: Some(stop),
        }
    }

    /// Kill control at once, and start it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill().await;
        let (process, control, stop) =
            boot(self.dir.path(), self.net, &self.sim, &self.builder, &self.edge, &self.wall).await;
        (self.process, self.control, self.stop) = (Some(process), control, Some(stop));
    }

    /// End control as a person would.
    pub(crate) async fn end(&mut self) {
        let (stop, running) = self.stop.take().unwrap();
        stop.send(()).unwrap();
        running.await.unwrap();
        self.ask(|c| async move { c.stop_all().await }).await;
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            // Returns when none of its tasks runs any more.
            tokio::task::spawn_blocking(move || process.shutdown_timeout(LIMIT)).await.unwrap();
        }
    }

    /// Ask control something, within its process.
    pub(crate) async fn ask<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        call: impl FnOnce(Mind) -> F,
    ) -> T {
        let task = self.process.as_ref().unwrap().spawn(call(self.control.clone()));
        tokio::time::timeout(LIMIT, task).await.expect("no answer in time").unwrap()
    }

    pub(crate) async fn deploy(&self, spec: &ProjectSpec) -> DeployId {
        self.try_deploy(spec).await.unwrap().id
    }

    /// Why a deploy is refused.
    pub(crate) async fn refused(&self, spec: &ProjectSpec) -> String {
        self.try_deploy(spec).await.unwrap_err().to_string()
    }

    /// What is said of a deploy as it is accepted.
    pub(crate) async fn warnings(&self, spec: &ProjectSpec) -> Vec<String> {
        self.try_deploy(spec).await.unwrap().warnings
    }

    async fn try_deploy(&self, spec: &ProjectSpec) -> Result<DeployAccepted, OpError> {
        let spec = spec.clone();
        self.ask(|c| async move {
            let upload = c.upload().await?;
            std::fs::write(upload.dir().join("main.py"), "print()").unwrap();
            c.deploy_spec(upload, spec).await
        })
        .await
    }

    /// Wait for the deploy's end; its events, one a line, without the build's output.
    pub(crate) async fn events(&self, id: DeployId) -> String {
        Self::read(self.control.events(id, 0).unwrap()).await
    }

    /// The same of a reader.
    pub(crate) async fn read(mut reader: EventReader) -> String {
        let mut out = String::new();
        while let Some(events) = tokio::time::timeout(LIMIT, reader.next()).await.expect("no end").unwrap() {
            for event in events {
                let who = event.service.map_or("*".to_owned(), |s| s.to_string());
                if matches!(event.step, DeployStep::Output { .. }) {
                    continue;
                }
                let what = serde_json::to_string(&event.step).unwrap();
                writeln!(out, "{who} {}", what.replace("8080/", "PORT/")).unwrap();
            }
        }
        out
    }

    pub(crate) fn table(&self) -> Arc<RouteTable> {
        self.control.routes().borrow().clone()
    }

    /// Wait until the table shows what is wanted.
    pub(crate) async fn table_where(&self, wanted: impl Fn(&RouteTable) -> bool) -> Arc<RouteTable> {
        let mut routes = self.control.routes();
        let found = tokio::time::timeout(LIMIT, routes.wait_for(|table| wanted(table))).await;
        found.map(|t| t.unwrap().clone()).unwrap_or_else(|_| panic!("never shown:\n{}", show(&self.table())))
    }

    /// Wait until a service stands like this, in the words of [`endpoint`].
    pub(crate) async fn stands(&self, service: &str, wanted: &str) {
        let key = key(service);
        self.table_where(|t| t.endpoints.get(&key).is_some_and(|e| endpoint(e) == wanted)).await;
    }

    pub(crate) async fn ps(&self) -> String {
        let mut out = String::new();
        for s in self.ask(|c| async move { c.ps().await }).await.unwrap() {
            let deployment = s.deploy.map_or("-".to_owned(), |d| d.to_string());
            let instance = s.instance.map_or("-".to_owned(), |i| i.to_string());
            let reason = s.reason.map(|r| format!(" ({r})")).unwrap_or_default();
            writeln!(out, "{} {:?} {deployment} {instance}{reason}", s.key, s.standing).unwrap();
        }
        out
    }

    /// Wait until `ps` says this.
    pub(crate) async fn ps_where(&self, wanted: &str) {
        let begun = std::time::Instant::now();
        loop {
            let ps = self.ps().await;
            if ps.contains(wanted) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "`ps` never said {wanted:?}:\n{ps}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The instances there are, by the backend's own account.
    pub(crate) async fn instances(&self) -> Vec<(InstanceId, u32, Phase)> {
        self.sim.list().await.unwrap().into_iter().map(|w| (w.id, w.pid, w.phase)).collect()
    }

    pub(crate) fn carry(&self, id: u64, traffic: Traffic) {
        self.edge.lock().unwrap().traffic.insert(InstanceId(id), traffic);
        let generation = self.table().generation;
        let instances = self.edge.lock().unwrap().traffic.clone();
        self.control.report(EDGE, TrafficReport { generation, instances });
    }

    pub(crate) fn state(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// What an instance's process was given, but for what the platform itself gives; one variable a line.
    pub(crate) fn env(&self, id: u64) -> String {
        let spec = self.sim.spec(InstanceId(id)).expect("such an instance");
        let ours = |name: &str| name == "PORT" || name.starts_with("DORMOUSE_");
        spec.env.iter().filter(|(n, _)| !ours(n)).map(|(n, v)| format!("{n}={v}\n")).collect()
    }

    /// Whether a file of the state folder holds this text.
    pub(crate) fn on_disk(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.dir.path()).unwrap().flatten().filter(|f| f.path().is_file());
        files
            .map(|f| std::fs::read(f.path()).unwrap())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    pub(crate) fn source(&self, id: DeployId) -> std::path::PathBuf {
        self.dir.path().join("sources").join(id.0.to_string())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.shutdown_background();
        }
    }
}

/// A wall clock that can be set, beside the time since boot, which cannot.
#[derive(Default, Clone)]
pub(crate) struct Wall {
    /// By how many milliseconds it is wrong.
    wrong: Arc<AtomicI64>,
}

impl Wall {
    pub(crate) fn jump(&self, by: i64) {
        self.wrong.fetch_add(by, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let wrong = self.wrong.clone();
        Clock::reading(clock::boot(), move || {
            let Reading { up, wall } = Reading::now();
            Reading { up, wall: Time(wall.0.saturating_add_signed(wrong.load(Ordering::Relaxed))) }
        })
    }
}

async fn boot(
    dir: &std::path::Path,
    net: u8,
    sim: &Sim,
    builder: &Builder,
    edge: &Arc<Mutex<Edge>>,
    wall: &Wall,
) -> (Runtime, Mind, (oneshot::Sender<()>, JoinHandle<()>)) {
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let settings = ControlSettings {
        state: dir.to_owned(),
        pool: [127, net, 0, 0].into(),
        domain: "localhost".to_owned(),
        scheme: "http".to_owned(),
        public_port: 8080,
        builds_at_once: 3,
        keep: dormouse_control::Keep::default(),
        most: Limits { memory: 8 << 30, ..Limits::default() },
        clock: wall.clock(),
    };
    let (sim, builder, edge) = (sim.clone(), builder.clone(), edge.clone());
    let (control, stop) = process
        .spawn(async move {
            let control = Control::open(settings, sim, builder).await.unwrap();
            let running = control.clone();
            let (stop, stopped) = oneshot::channel();
            let run = tokio::spawn(async move { running.run(async { drop(stopped.await) }).await });
            control.edge_connected(EDGE);
            let mut routes = control.routes();
            routes.mark_changed();
            let mind = Arc::downgrade(&control);
            tokio::spawn(async move {
                while routes.changed().await.is_ok() {
                    let table = routes.borrow_and_update().clone();
                    let Some(control) = mind.upgrade() else { return };
                    let mut edge = edge.lock().unwrap();
                    edge.shown.push(show(&table));
                    if !edge.silent {
                        let instances = edge.traffic.clone();
                        control.report(EDGE, TrafficReport { generation: table.generation, instances });
                    }
                }
            });
            (control, (stop, run))
        })
        .await
        .unwrap();
    (process, control, stop)
}

/// An endpoint in a word or two.
pub(crate) fn endpoint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Ready { targets } => {
            let target = |t: &dormouse_model::Target| {
                format!("{}{}", t.instance, if t.asleep { " asleep" } else { "" })
            };
            targets.iter().map(target).collect::<Vec<_>>().join("+")
        }
        Endpoint::Stopped => "stopped".to_owned(),
        Endpoint::Starting => "starting".to_owned(),
        Endpoint::Building => "building".to_owned(),
        Endpoint::Crashed { reason, .. } => format!("crashed: {reason}"),
        Endpoint::Failed { reason } => format!("failed: {reason}"),
    }
}

pub(crate) fn show(table: &RouteTable) -> String {
    table.endpoints.iter().map(|(key, e)| format!("{key}: {}\n", endpoint(e))).collect()
}

/// Listen for every instance that is healthy by the simulator's account, and answer requests.
async fn answer(sim: Sim, answers: Arc<Mutex<HashMap<DeploymentId, &'static str>>>) {
    let mut listeners: HashMap<InstanceId, tokio::task::JoinHandle<()>> = HashMap::new();
    loop {
        sim.advance_to(Time::from(SystemTime::now()));
        let all = sim.list().await.unwrap();
        listeners.retain(|id, task| {
            let keep = all.iter().any(|w| w.id == *id && !matches!(w.phase, Phase::Exited(_)));
            if !keep {
                task.abort();
            }
            keep
        });
        for w in all {
            if sim.answer(w.id) == Answer::Healthy && !listeners.contains_key(&w.id) {
                let listener = TcpListener::bind(SocketAddrV4::new(w.addr, 18000)).await.unwrap();
                let answers = answers.clone();
                let task = tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let says = answers.lock().unwrap().get(&w.deployment).copied().unwrap_or(WELL);
                        tokio::spawn(say(stream, says));
                    }
                });
                listeners.insert(w.id, task);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const WELL: &str = "HTTP/1.1 200 OK\r\n\r\n";
/// An instance that takes connections, and does nothing with them.
pub(crate) const SILENT: &str = "";

/// What follows this answers the front page, and all else is well.
pub(crate) const FRONT: &str = "/: ";

async fn say(mut stream: tokio::net::TcpStream, answer: &'static str) {
    let mut request = Vec::new();
    // An HTTP server reads all of the head; other protocols answer the first line. Who asks may have left.
    let http = answer.starts_with("HTTP/") || answer.starts_with(FRONT);
    while !request.ends_with(b"\r\n\r\n") && (request.is_empty() || http) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            break;
        }
    }
    let known = ["GET / ", "GET /well "].iter().any(|line| request.starts_with(line.as_bytes()));
    let answer = if answer == WELL && !known { "HTTP/1.1 404 Not Found\r\n\r\n" } else { answer };
    let answer = match answer.strip_prefix(FRONT) {
        Some(front) if request.starts_with(b"GET / ") => front,
        Some(_) => WELL,
        None => answer,
    };
    if answer == SILENT {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
}
