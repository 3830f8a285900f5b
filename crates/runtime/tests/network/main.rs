//! The private networks, with real bridges and a real firewall, and the conformance suite on top. Needs root and a static
//! busybox.
#![allow(missing_docs, clippy::print_stdout)]

mod bandwidth;
mod egress;
#[path = "../support/events.rs"]
mod events;
mod lost;
mod many;
mod repairs;
#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{
    Damage, InstanceSpec, NetworkSpec, Vip, WorkloadEvent, Workloads, address, conformance,
};
use dormouse_images::{ImageConfig, Store};
use dormouse_model::{AddressBlock, DeploymentId, Depth, ExitStatus, ImageId, InstanceId, Limits, Phase};
use dormouse_runtime::{
    EgressPolicies, Host, HostSettings, Network, Networks, Profile, Resolver, RunSpec, Sandboxes, Share, tag,
};
use events::{Events, next};
use expect_test::expect;
use tokio::sync::mpsc;

type Machine = Host<Arc<Network>>;

struct Bench {
    dir: tempfile::TempDir,
    image: ImageId,
    network: Arc<Network>,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("images")).unwrap();
        let layer = store.begin_layer().unwrap();
        support::fill(layer.path());
        let layer = layer.commit(None).unwrap();
        let image = store.put_image(&[layer], ImageConfig::default()).unwrap();
        let network = Arc::new(open(dir.path()).await);
        Self { dir, image, network }
    }

    fn host(&self) -> Machine {
        let settings = HostSettings {
            state: self.dir.path().to_owned(),
            images: Store::open(&self.dir.path().join("images")).unwrap(),
            can_page: false,
            mounts: vec![],
            env: BTreeMap::from([("PATH".into(), "/bin".into())]),
            native_aio: false,
        };
        Host::open(settings, self.network.clone()).unwrap()
    }

    fn at(&self, subnet: u8, host: u8) -> Ipv4Addr {
        let [a, b, ..] = self.network.pool().octets();
        Ipv4Addr::new(a, b, subnet, host)
    }

    fn project(&self, name: &str, subnet: u8) -> NetworkSpec {
        let vip = Vip { service: "web".parse().unwrap(), addr: self.at(subnet, 2), port: 8000 };
        NetworkSpec {
            project: name.parse().unwrap(),
            gateway: self.at(subnet, 1),
            prefix: 24,
            more: vec![],
            vips: vec![vip],
        }
    }

    fn spec(&self, id: u64, project: &str, script: &str) -> InstanceSpec {
        InstanceSpec {
            id: InstanceId(id),
            key: format!("{project}/web").parse().unwrap(),
            deployment: DeploymentId(1),
            image: self.image.clone(),
            argv: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            env: BTreeMap::new(),
            limits: Limits { memory: 64 << 20, cpu_milli: 1000, pids: 64, ..Limits::default() },
        }
    }
}

async fn open(state: &Path) -> Network {
    Network::open(state, &tag(state).unwrap(), EgressPolicies::default(), None, None).await.unwrap()
}

/// Takes the networks down also when a check failed.
fn with(test: impl AsyncFnOnce(&Bench)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());
    let network = bench.network.clone();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(test(&bench))));
    runtime.block_on(network.tear_down()).unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A socket of the host.
fn outside() -> UdpSocket {
    UdpSocket::bind("0.0.0.0:0").unwrap()
}

async fn conforms(b: &Bench) {
    let template = b.spec(1, "suite", "");
    // A datagram for nobody: not a byte is read, and still it arrives.
    let arrive = Box::new(|_, addr| assert_eq!(outside().send_to(b"x", (addr, 9)).unwrap(), 1));
    let (workloads, network) = (b.host(), b.project("suite", 9));
    b.network.watch().unwrap();
    let bridge = format!("dm-{}-9", tag(b.dir.path()).unwrap());
    let damage = Box::new(move |_: &NetworkSpec| {
        assert!(Command::new("ip").args(["link", "del", &bridge]).status().unwrap().success());
        Damage::Bridge
    });
    let harness = conformance::Harness { workloads, network, template, arrive, damage };
    conformance::suite(harness).await;
}

/// Bug: the answer to a call did not wake a caller that had been frozen while it waited.
async fn answers_wake(b: &Bench) {
    let (host, project) = (b.host(), b.project("calls", 10));
    host.ensure_network(&project).await.unwrap();
    let mut events = host.events();
    let start = async |n, script: &str| host.start(&b.spec(n, "calls", script)).await.unwrap();
    let stirred = async |events: &mut Events, within| {
        let of = |event| if let WorkloadEvent::Stirred(id) = event { Some(id) } else { None };
        tokio::time::timeout(Duration::from_millis(within), next(events, of)).await.ok()
    };

    let first = start(1, "(sleep 4; echo answer; sleep 100) | nc -l -p 9000").await;
    start(2, &format!("(echo question; sleep 100) | nc {first} 9000")).await;
    let mut call = None;
    for _ in 0..100 {
        call = host.activity(InstanceId(2)).await.unwrap().calls.pop();
        if call.as_ref().is_some_and(|c| c.sent.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let call = call.expect("a call");
    assert_eq!((call.to, call.received), ((first, 9000).into(), None));
    assert!(call.sent.is_some(), "{call:?}");
    host.sleep(InstanceId(2), Depth::Frozen).await.unwrap();
    assert_eq!(host.activity(InstanceId(2)).await.unwrap().calls, []);
    assert_eq!(stirred(&mut events, 10_000).await, Some(InstanceId(2)), "the answer");
    host.wake(InstanceId(2)).await.unwrap();
    let call = host.activity(InstanceId(2)).await.unwrap().calls.pop().expect("it is still open");
    assert!(call.received > call.sent, "{call:?}");

    // To be connected to is nothing, nor what the edge and the prober say: only bytes of others are.
    let third = start(3, "sleep 100 | nc -l -p 9001").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.sleep(InstanceId(3), Depth::Frozen).await.unwrap();
    let mut edge = TcpStream::connect((third, 9001)).unwrap();
    edge.write_all(b"a ping").unwrap();
    start(4, &format!("(sleep 2; echo data; sleep 100) | nc {third} 9001")).await;
    assert_eq!(stirred(&mut events, 1000).await, None);
    assert_eq!(stirred(&mut events, 5000).await, Some(InstanceId(3)));
    // The next server hears of it too: the bytes are still unread.
    drop(host);
    let host = b.host();
    assert_eq!(stirred(&mut host.events(), 5000).await, Some(InstanceId(3)));
    for id in 1..=4 {
        host.stop(InstanceId(id), Duration::ZERO).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
    }
    host.remove_network(&project.project).await.unwrap();
}

/// Runs a script in an instance of `project`, and returns what it said.
async fn ask(b: &Bench, host: &Machine, id: u64, project: &str, script: &str) -> String {
    let mut events = host.events();
    host.start(&b.spec(id, project, script)).await.unwrap();
    next(&mut events, |event| (event == WorkloadEvent::Ended(InstanceId(id))).then_some(())).await;
    let chunk = host.read_log(&format!("{project}/web").parse().unwrap(), InstanceId(id), 0).await.unwrap();
    host.remove(InstanceId(id)).await.unwrap();
    chunk.lines.into_iter().map(|l| l.text + "\n").collect()
}

/// Take connections, and close them at once, until the tests end; returns the port.
fn listen(addr: Ipv4Addr, port: u16) -> u16 {
    let listener = TcpListener::bind((addr, port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// Who reaches whom. What is open for one is what is not for another: each door is tried from both sides.
async fn doors(b: &Bench) {
    let host = b.host();
    for (name, subnet) in [("one", 1), ("two", 2)] {
        host.ensure_network(&b.project(name, subnet)).await.unwrap();
    }
    // What the edge does: listen on the platform's addresses.
    for (addr, port) in [(b.at(1, 2), 8000), (b.at(2, 2), 8000), (b.at(1, 2), 8001), (b.at(1, 1), 53)] {
        listen(addr, port);
    }
    let port = listen(Ipv4Addr::UNSPECIFIED, 0);
    let neighbour =
        host.start(&b.spec(50, "one", "while :; do nc -l -p 7000 </dev/null; done")).await.unwrap();
    // It listens as soon as the host reaches it.
    while std::net::TcpStream::connect((neighbour, 7000)).is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let doors = [
        ("a neighbour", neighbour, 7000),
        ("its service", b.at(1, 2), 8000),
        ("another port there", b.at(1, 2), 8001),
        ("the name server", b.at(1, 1), 53),
        ("another service", b.at(2, 2), 8000),
        ("the host at the gateway", b.at(1, 1), port),
        ("the host at the other gateway", b.at(2, 1), port),
        ("metadata", Ipv4Addr::new(169, 254, 169, 254), 80),
    ];
    let script: String = doors
        .iter()
        .map(|(what, addr, port)| {
            format!("timeout 3 nc -w 2 {addr} {port} </dev/null >/dev/null 2>&1 && echo '{what}: open' || echo '{what}: shut'\n")
        })
        .collect();
    expect![[r#"
        a neighbour: open
        its service: open
        another port there: shut
        the name server: open
        another service: shut
        the host at the gateway: shut
        the host at the other gateway: shut
        metadata: shut
    "#]]
    .assert_eq(&ask(b, &host, 51, "one", &script).await);
    expect![[r#"
        a neighbour: shut
        its service: shut
        another port there: shut
        the name server: shut
        another service: open
        the host at the gateway: shut
        the host at the other gateway: shut
        metadata: shut
    "#]]
    .assert_eq(&ask(b, &host, 52, "two", &script).await);
    host.stop(InstanceId(50), Duration::ZERO).await.unwrap();
    host.remove(InstanceId(50)).await.unwrap();
}

/// An address that is given out again right after its holder ended is reached at once.
async fn an_address_is_used_again(b: &Bench) {
    let host = b.host();
    host.ensure_network(&b.project("one", 1)).await.unwrap();
    // Whose numbers differ by as many as there are has the same one.
    let numbers =
        (0..5).map(|n| 1 + n * address::instances(AddressBlock::around(b.at(1, 0), 24)).count() as u64);
    let mut addrs = BTreeSet::new();
    for id in numbers {
        let addr =
            host.start(&b.spec(id, "one", "while :; do nc -l -p 7000 </dev/null; done")).await.unwrap();
        addrs.insert(addr);
        let started = std::time::Instant::now();
        while std::net::TcpStream::connect((addr, 7000)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "instance {id} is not reached");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        host.stop(InstanceId(id), Duration::ZERO).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert_eq!(addrs.len(), 1, "{addrs:?}");
}

/// Two builds at once see neither each other nor the host.
async fn builds_are_alone(b: &Bench) {
    let sandboxes = Arc::new(Sandboxes::open(b.dir.path()).unwrap().on_network(b.network.clone()));
    let root = b.dir.path().join("root");
    support::fill(&root);
    let port = listen(Ipv4Addr::UNSPECIFIED, 0);
    let run = |name: &str, script: String| {
        let spec = RunSpec {
            name: name.into(),
            lowers: vec![root.clone()],
            upper: b.dir.path().join(name).join("upper"),
            argv: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            env: BTreeMap::from([("PATH".into(), "/bin".into())]),
            cwd: "/".into(),
            mounts: vec![],
            limits: Limits { memory: 64 << 20, cpu_milli: 1000, pids: 64, ..Limits::default() },
            time_limit: Duration::from_secs(30),
            silence_limit: None,
            room: None,
            network: true,
            resolver: Resolver::Gateway,
            profile: Profile::Build,
            share: Share::Build,
        };
        let sandboxes = sandboxes.clone();
        async move {
            let (to, mut from) = mpsc::channel(100_000);
            let end = Box::pin(sandboxes.run(spec, to)).await.unwrap();
            let mut said = String::new();
            while let Some((_, line)) = from.recv().await {
                said += &line;
            }
            (end.status, said)
        }
    };
    let listens = tokio::spawn(run("listens", "while :; do nc -l -p 7000 </dev/null; done".into()));
    let addr = b.at(255, 2);
    while std::net::TcpStream::connect((addr, 7000)).is_err() {
        assert!(!listens.is_finished(), "the listener ended: {:?}", listens.await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gateway = b.at(255, 1);
    let knock = |addr, port| format!("timeout 3 nc -w 2 {addr} {port} </dev/null >/dev/null 2>&1");
    let tries =
        format!("{} && echo neighbour; {} && echo host; echo done", knock(addr, 7000), knock(gateway, port));
    let (status, said) = run("tries", tries).await;
    assert_eq!((status, said.as_str()), (ExitStatus::Code(0), "done"));
    listens.abort();
}

/// What a dead server had is found again, and made again where it is gone.
async fn is_taken_up_again(b: &Bench) {
    let spec = b.project("one", 1);
    b.network.ensure(&spec).await.unwrap();
    let show = || {
        let out = Command::new("ip").args(["-o", "-4", "addr"]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let bridge = format!("dm-{}-", tag(b.dir.path()).unwrap());
        let fields = text.lines().filter(|l| l.contains(&bridge));
        fields.filter_map(|l| l.split_whitespace().nth(3).map(str::to_owned)).collect::<Vec<_>>()
    };
    let before = show();
    assert_eq!(before.len(), 3, "{before:?}");
    let bridge = format!("dm-{}-1", tag(b.dir.path()).unwrap());
    for gone in [false, true] {
        if gone {
            Command::new("ip").args(["link", "del", &bridge]).status().unwrap();
        }
        let again = open(b.dir.path()).await;
        assert_eq!(again.pool(), b.network.pool());
        assert_eq!(again.gateway(&spec.project), Some(spec.gateway));
        let mut after = show();
        after.sort();
        let mut before = before.clone();
        before.sort();
        assert_eq!(after, before);
    }
    let host = b.host();
    host.start(&b.spec(1, "one", "exit 7")).await.unwrap();
    let mut phase = Phase::Running;
    while phase == Phase::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
        phase = host.list().await.unwrap()[0].phase;
    }
    assert_eq!(phase, Phase::Exited(ExitStatus::Code(7)));
    host.remove(InstanceId(1)).await.unwrap();
}

fn main() -> ExitCode {
    support::main(&[
        ("conforms", || with(conforms)),
        ("answers_wake", || with(answers_wake)),
        ("doors", || with(doors)),
        ("an_address_is_used_again", || with(an_address_is_used_again)),
        ("builds_are_alone", || with(builds_are_alone)),
        ("a_database_is_enough", lost::a_database_is_enough),
        ("is_taken_up_again", || with(is_taken_up_again)),
        ("many_projects", many::many_projects),
        ("what_a_project_reaches", egress::what_a_project_reaches),
        ("bandwidth_is_divided", bandwidth::bandwidth_is_divided),
        ("what_others_damage_is_repaired", repairs::what_others_damage_is_repaired),
    ])
}
