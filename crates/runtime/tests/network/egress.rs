//! What a project reaches beyond its own network, as the operator says; in network namespaces of its own.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use dormouse_runtime::{EgressPolicies, EgressPolicy, Network, Networks};
use expect_test::expect;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CloneFlags, unshare},
};

use crate::many::{fresh, project, serve, within};

const TAG: &str = "0badcafe";

/// The world, behind one cable: a host of a LAN, one behind a carrier's translator, a public one, and a cloud's metadata.
const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 10);
const CARRIER: Ipv4Addr = Ipv4Addr::new(100, 64, 7, 10);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

const PLACES: [(&str, Ipv4Addr, u16); 8] = [
    ("lan:80", LAN, 80),
    ("lan:5432", LAN, 5432),
    ("lan:25", LAN, 25),
    ("carrier:80", CARRIER, 80),
    ("public:80", PUBLIC, 80),
    ("public:25", PUBLIC, 25),
    ("metadata:80", METADATA, 80),
    ("metadata:81", METADATA, 81),
];

pub(crate) fn what_a_project_reaches() {
    let test = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check());
    };
    thread::spawn(test).join().unwrap();
}

fn run(program: &str, args: &str) {
    let out = Command::new(program).args(args.split(' ')).output().unwrap();
    assert!(out.status.success(), "{program} {args}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Everything that is not here.
fn world() -> Arc<OwnedFd> {
    let world = Arc::new(fresh());
    // `ip` finds it by this descriptor, so that has to be open there too.
    fcntl(&*world, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    run("ip", "link set lo up");
    run("ip", "link add wan type veth peer name far");
    run("ip", "addr add 192.0.2.1/24 dev wan");
    run("ip", "link set wan up");
    run("ip", &format!("link set far netns /proc/self/fd/{}", world.as_raw_fd()));
    run("ip", "route add default via 192.0.2.2");
    // Refusals are not told more often than once a second otherwise.
    fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0").unwrap();
    within(&world, || {
        run("ip", "link set lo up");
        run("ip", "addr add 192.0.2.2/24 dev far");
        run("ip", "link set far up");
        run("ip", "route add default via 192.0.2.1");
        for addr in [LAN, CARRIER, PUBLIC, METADATA] {
            run("ip", &format!("addr add {addr}/32 dev lo"));
        }
    });
    for (_, addr, port) in PLACES {
        serve(&world, addr, port);
    }
    world
}

/// What a connection comes to. One that nobody answers is an error: what is refused is told so at once.
fn knock(from: &OwnedFd, addr: Ipv4Addr, port: u16) -> Option<io::ErrorKind> {
    let to = SocketAddr::from((addr, port));
    within(from, || match TcpStream::connect_timeout(&to, Duration::from_secs(20)) {
        Ok(_) => None,
        Err(e) if e.kind() == io::ErrorKind::TimedOut => panic!("{to} is neither open nor refused"),
        Err(e) => Some(e.kind()),
    })
}

fn reached(from: &OwnedFd) -> String {
    let open = PLACES.iter().filter(|(_, addr, port)| match knock(from, *addr, *port) {
        None => true,
        Some(io::ErrorKind::HostUnreachable) => false,
        Some(other) => panic!("{addr}:{port}: {other}"),
    });
    let open: Vec<_> = open.map(|(what, ..)| *what).collect();
    if open.is_empty() { "nothing".to_owned() } else { open.join(" ") }
}

/// Bug: every project reached the operator's LAN and sent mail, and nobody could say otherwise.
async fn check() {
    let _world = world();
    let dir = tempfile::tempdir().unwrap();
    let allow = |list: &[&str]| list.iter().map(|d| d.parse().unwrap()).collect::<Vec<_>>();
    let all = EgressPolicy::default();
    let open = async |policies: &EgressPolicies| {
        Arc::new(Network::open(dir.path(), TAG, policies.clone(), None, None).await.unwrap())
    };
    let mut policies = EgressPolicies::default();
    for (n, policy) in [
        (2, EgressPolicy { lan: false, ..all.clone() }),
        (
            3,
            EgressPolicy {
                lan: false,
                allow: allow(&["192.168.0.0/16:5000-5999", "192.168.7.10:5432"]),
                ..all.clone()
            },
        ),
        (4, EgressPolicy { internet: false, ..all.clone() }),
        (5, EgressPolicy { internet: false, lan: false, ..all.clone() }),
        (6, EgressPolicy { internet: false, lan: false, allow: allow(&["0.0.0.0/0:80"]), ..all.clone() }),
        (
            7,
            EgressPolicy {
                internet: false,
                lan: false,
                allow: allow(&["169.254.169.254:80"]),
                ..all.clone()
            },
        ),
        (8, EgressPolicy { smtp: true, ..all.clone() }),
        (9, EgressPolicy { allow: allow(&["203.0.113.10:25", "10.0.0.0/8"]), ..all.clone() }),
    ] {
        policies.projects.insert(format!("p{n}").parse().unwrap(), policy);
    }
    let network = open(&policies).await;
    let mut places = Vec::new();
    for n in 1..=9 {
        let spec = project(network.pool(), n);
        network.ensure(&spec).await.unwrap();
        let addr = spec.blocks().next().unwrap().at(9);
        let place = Arc::new(fresh());
        network.attach(&spec.project, &place, addr).await.unwrap();
        serve(&place, addr, 7000);
        places.push((n, place, addr));
    }
    let build = fresh();
    let _link = network.attach_build(&build).await.unwrap();
    let table = || {
        let rows = places.iter().map(|(n, place, _)| format!("p{n}: {}\n", reached(place)));
        rows.chain([format!("a build: {}\n", reached(&build))]).collect::<String>()
    };
    let reach = table();
    expect![[r#"
        p1: lan:80 lan:5432 carrier:80 public:80
        p2: public:80
        p3: lan:5432 public:80
        p4: lan:80 lan:5432 carrier:80
        p5: nothing
        p6: lan:80 carrier:80 public:80
        p7: metadata:80
        p8: lan:80 lan:5432 lan:25 carrier:80 public:80 public:25
        p9: lan:80 lan:5432 carrier:80 public:80 public:25
        a build: lan:80 lan:5432 carrier:80 public:80
    "#]]
    .assert_eq(&reach);
    // No list opens another project, or the host.
    let here: Arc<OwnedFd> = Arc::new(File::open("/proc/thread-self/ns/net").unwrap().into());
    serve(&here, Ipv4Addr::UNSPECIFIED, 9000);
    let (_, last, _) = places.last().unwrap();
    for (addr, port) in
        [(places[0].2, 7000), (project(network.pool(), 9).gateway, 9000), (Ipv4Addr::new(192, 0, 2, 1), 9000)]
    {
        assert_eq!(knock(last, addr, port), Some(io::ErrorKind::HostUnreachable), "{addr}");
    }
    // What others damage is made again.
    let mut events = network.notifier().listen(|| []);
    network.watch().unwrap();
    for set in ["internet", "lan", "mail", "open"] {
        run("nft", &format!("flush set inet dormouse_{TAG} {set}"));
        let told = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        assert!(told.unwrap().is_some(), "{set}");
        assert_eq!(table(), reach, "after {set}");
    }
    // A server that begins with other settings: what runs is held to them.
    drop(network);
    let default = EgressPolicy { lan: false, smtp: true, ..all };
    let builds = EgressPolicy { internet: false, allow: allow(&["192.168.7.10"]), ..EgressPolicy::default() };
    let again = open(&EgressPolicies { default, builds, ..EgressPolicies::default() }).await;
    expect![[r#"
        p1: public:80 public:25
        p2: public:80 public:25
        p3: public:80 public:25
        p4: public:80 public:25
        p5: public:80 public:25
        p6: public:80 public:25
        p7: public:80 public:25
        p8: public:80 public:25
        p9: public:80 public:25
        a build: lan:80 lan:5432 lan:25 carrier:80
    "#]]
    .assert_eq(&table());
    again.tear_down().await.unwrap();
}
