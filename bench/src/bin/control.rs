//! What control keeps in memory for each app, also after many wakes and deploys, and how fast it decides: with a host that is
//! simulated, so that nothing but control is measured. Then what an edge keeps that is shown control's tables.
//! `bench/control [apps] [rounds]`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use dormouse_backend::sim::Sim;
use dormouse_bench::{Samples, heading, mib, resident};
use dormouse_control::{Asked, Control, ControlSettings, DeployStep};
use dormouse_edge::{EdgeSettings, Ending, Sockets, TrafficStats, Wake};
use dormouse_model::{
    Clock, EdgeId, Endpoint, Limits, Phase, RouteTable, ServiceKey, Target, Time, TrafficReport, WakeRefused,
    manifest::Given,
};
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, watch},
};

type Mind = Arc<Control<Sim, Sim>>;

const EDGE: EdgeId = EdgeId(1);

/// What is in the manifest of each app.
const SERVICE: &str = "[services.web]\nstart = \"python main.py\"\npublic = true\nport = 18077\n";

/// Deploys under way at a time: what is not known to speak HTTP is watched for ten seconds.
const AT_ONCE: usize = 100;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let number =
        |nth: usize, default| std::env::args().nth(nth).map_or(default, |a| a.parse().expect("a number"));
    let (apps, rounds) = (number(1, 1000), number(2, 10));
    let state = tempfile::tempdir().expect("a folder");
    let sim = Sim::new(1, Time::from(SystemTime::now()));
    tokio::spawn(answer());
    let control = open(state.path(), sim.clone()).await;
    let keys: Vec<ServiceKey> = (0..apps).map(|i| format!("app{i}/web").parse().expect("a key")).collect();

    let figures = Figures::begin(&format!("Control with {apps} apps of one service"), apps);
    deploy_all(&control, &keys).await;
    figures.print("a deploy of each");
    let (mut thaws, mut wakes) = (Samples::default(), Samples::default());
    for round in 1..=rounds {
        cycle(&control, &sim, &keys, (&mut thaws, &mut wakes)).await;
        if round == 1 || round == rounds {
            figures.print(&format!("{round} sleeps and wakes of each"));
        }
    }
    for round in 1..=rounds {
        deploy_all(&control, &keys).await;
        if round == 1 || round == rounds {
            figures.print(&format!("{round} more deploys of each"));
        }
    }
    let turns = turns(&control, 200).await;
    println!("\n{:<34} {:>8} {:>8}", "milliseconds", "p50", "p99");
    println!("{:<34} {:>8.3} {:>8.3}", "from a wake call to the thaw", thaws.p50(), thaws.quantile(0.99));
    println!("{:<34} {:>8.3} {:>8.3}", "from a wake call to its answer", wakes.p50(), wakes.quantile(0.99));
    println!("{:<34} {:>8.3} {:>8.3}", "a turn of the reconciler", turns.p50(), turns.quantile(0.99));

    let table = control.routes().borrow().clone();
    told(&table);
    edge(&table, apps, u64::try_from(rounds * 100).expect("a count")).await;
}

/// A control with an edge that confirms every table.
async fn open(state: &Path, sim: Sim) -> Mind {
    let settings = ControlSettings {
        state: state.to_owned(),
        pool: [127, 77, 0, 0].into(),
        domain: "localhost".to_owned(),
        scheme: "http".to_owned(),
        public_port: 8080,
        builds_at_once: 4,
        keep: dormouse_control::Keep::default(),
        most: Limits { memory: 8 << 30, ..Limits::default() },
        clock: Clock::system(),
    };
    let control = Control::open(settings, sim, Sim::new(2, Time(0))).await.expect("control opens");
    let running = control.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await });
    control.edge_connected(EDGE);
    let mut routes = control.routes();
    routes.mark_changed();
    let mind = control.clone();
    tokio::spawn(async move {
        while routes.changed().await.is_ok() {
            let generation = routes.borrow_and_update().generation;
            mind.report(EDGE, TrafficReport { generation, instances: [].into() });
        }
    });
    control
}

/// What every instance answers: their addresses are all the loopback device's.
async fn answer() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind_device(Some(b"lo")).expect("nobody else can reach it");
    socket.set_reuse_address(true).expect("an option");
    socket.set_nonblocking(true).expect("an option");
    socket.bind(&std::net::SocketAddr::from(([0, 0, 0, 0], 18077)).into()).expect("a free port");
    socket.listen(1024).expect("a listener");
    let listener = TcpListener::from_std(socket.into()).expect("a listener");
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Who asks may have left.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        });
    }
}

async fn deploy_all(control: &Mind, keys: &[ServiceKey]) {
    for some in keys.chunks(AT_ONCE) {
        let deploys = some.iter().map(|key| {
            let (control, key) = (control.clone(), key.clone());
            tokio::spawn(async move { deploy(&control, &key).await })
        });
        for deploy in deploys.collect::<Vec<_>>() {
            deploy.await.expect("a deploy");
        }
    }
}

async fn deploy(control: &Mind, key: &ServiceKey) {
    let upload = control.upload().await.expect("room");
    fs::write(upload.dir().join("main.py"), "print()").expect("a file");
    let manifest = format!("name = \"{}\"\n{SERVICE}", key.project);
    fs::write(upload.dir().join("dormouse.toml"), manifest).expect("a file");
    let accepted = control.deploy(upload, Asked::default(), Given::default()).await;
    let id = accepted.expect("accepted").id;
    let mut events = control.events(id, 0).expect("events");
    while let Some(some) = events.next().await.expect("events") {
        for event in some {
            assert!(!matches!(event.step, DeployStep::Failed { .. }), "{key}: {:?}", event.step);
        }
    }
}

/// Put every app to sleep, and wake it as the edge would.
async fn cycle(control: &Mind, sim: &Sim, keys: &[ServiceKey], (thaws, wakes): (&mut Samples, &mut Samples)) {
    for key in keys {
        control.sleep_all(key.project.as_str(), None).await.expect("it sleeps");
    }
    for key in keys {
        let Some(Endpoint::Ready { targets }) = control.routes().borrow().endpoints.get(key).cloned() else {
            panic!("{key} has no instance")
        };
        let [Target { instance, .. }] = targets[..] else { panic!("{key} has several") };
        let (waking, key, begun) = (control.clone(), key.clone(), Instant::now());
        let answered = tokio::spawn(async move {
            waking.wake(&key).await.expect("it wakes");
            begun.elapsed()
        });
        while sim.phase(instance) != Some(Phase::Running) {
            tokio::task::yield_now().await;
        }
        thaws.add(begun.elapsed());
        wakes.add(answered.await.expect("an answer"));
    }
}

/// From something heard to the end of the turn that it began.
async fn turns(control: &Mind, count: usize) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let generation = control.routes().borrow().generation;
        let begun = Instant::now();
        control.report(EDGE, TrafficReport { generation, instances: [].into() });
        control.pulse().await.expect("it takes turns");
        samples.add(begun.elapsed());
    }
    samples
}

/// What the wake of one app has control tell the edge, and how long both work on it.
fn told(table: &RouteTable) {
    let mut woken = RouteTable { generation: table.generation + 1, ..table.clone() };
    if let Some(Endpoint::Ready { targets }) = woken.endpoints.values_mut().next() {
        targets.iter_mut().for_each(|target| target.asleep = !target.asleep);
    }
    println!("\n{:<34} {:>8} {:>10}", "one app wakes: the routes", "bytes", "ms (p50)");
    let (mut whole, mut change, mut bytes) = (Samples::default(), Samples::default(), (0, 0));
    for _ in 0..100 {
        let begun = Instant::now();
        let text = serde_json::to_vec(&woken).expect("a table is JSON");
        let read: RouteTable = serde_json::from_slice(&text).expect("what was written");
        whole.add(begun.elapsed());
        bytes.0 = text.len();
        assert_eq!(read.generation, woken.generation);

        let mut there = table.clone();
        let begun = Instant::now();
        let text = serde_json::to_vec(&woken.change_from(table)).expect("a change is JSON");
        // The edge works on a copy, because its threads look at the one it has.
        there = there.clone();
        there.apply(serde_json::from_slice(&text).expect("what was written")).expect("it fits");
        change.add(begun.elapsed());
        bytes.1 = text.len();
        assert_eq!(there.endpoints, woken.endpoints);
    }
    println!("{:<34} {:>8} {:>10.3}", "told as a whole", bytes.0, whole.p50());
    println!("{:<34} {:>8} {:>10.3}", "told by what is different", bytes.1, change.p50());
}

/// Resident memory over what there was before there was any app, once what is free is given back as the server does when idle.
struct Figures {
    apps: usize,
    empty: u64,
}

impl Figures {
    fn begin(what: &str, apps: usize) -> Self {
        heading(what);
        println!("{:<34} {:>13} {:>12}", "after", "resident MiB", "KiB an app");
        let empty = resident(std::process::id());
        println!("{:<34} {:>13.1}", "nothing", mib(empty));
        Self { apps, empty }
    }

    fn print(&self, after: &str) {
        dormouse_runtime::memory::give_back();
        let now = resident(std::process::id());
        #[allow(clippy::cast_precision_loss, reason = "for display")]
        let each = now.saturating_sub(self.empty) as f64 / 1024.0 / self.apps as f64;
        println!("{after:<34} {:>13.1} {each:>12.1}", mib(now));
    }
}

struct Nobody;

impl Wake for Nobody {
    async fn wake(&self, _: &ServiceKey) -> Result<Vec<Target>, WakeRefused> {
        std::future::pending().await
    }
}

/// What an edge keeps that is shown this table many times.
async fn edge(table: &RouteTable, apps: usize, count: u64) {
    let figures = Figures::begin(&format!("An edge that is shown tables of {apps} apps"), apps);
    let book = Arc::new(TrafficStats::new());
    let (tables, shown) = watch::channel(Arc::new(RouteTable::default()));
    let (_pulses, asked) = mpsc::unbounded_channel();
    tokio::spawn(dormouse_edge::run(
        EdgeSettings::default(),
        Sockets::default(),
        shown,
        Arc::new(Nobody),
        book.clone(),
        Ending::default(),
        asked,
    ));
    for generation in 1..=count {
        tables.send_replace(Arc::new(RouteTable { generation, ..table.clone() }));
        book.applied(generation).await;
        if generation == 1 || generation == count {
            figures.print(&format!("{generation} tables"));
        }
    }
}
