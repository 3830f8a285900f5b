//! What other programs do to the firewall, the bridges and the pool's route is undone; in a network namespace of its own.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    os::fd::OwnedFd,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use caps::{CapSet, Capability};
use dormouse_backend::{Repair, WorkloadEvent};
use dormouse_runtime::{EgressPolicies, Network, Networks};
use expect_test::expect;
use nix::sched::{CloneFlags, unshare};
use tokio::time::timeout;

use crate::{
    events::{self, Events},
    many::{fresh, knock, project, serve},
};

pub(crate) const TAG: &str = "0badcafe";
/// The host's own address.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

pub(crate) fn what_others_damage_is_repaired() {
    let test = || {
        elsewhere();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(damages());
        runtime.block_on(nothing_starts_unguarded());
    };
    thread::spawn(test).join().unwrap();
}

/// Have this thread live on a host of its own, with a way out.
pub(crate) fn elsewhere() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    for args in [
        "link set lo up",
        "link add wan type veth peer name elsewhere",
        "addr add 192.0.2.1/24 dev wan",
        "link set wan up",
        "link set elsewhere up",
        "route add default via 192.0.2.2",
    ] {
        run("ip", args);
    }
}

pub(crate) fn run(program: &str, args: &str) -> String {
    let out = Command::new(program).args(args.split(' ')).output().unwrap();
    assert!(out.status.success(), "{program} {args}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Where the host would send what is for this address.
fn way(to: Ipv4Addr) -> String {
    let out = Command::new("ip").args(["route", "get", &to.to_string()]).output().unwrap();
    let (found, refused) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    let device = found.split_once(" dev ").and_then(|(_, rest)| rest.split_whitespace().next());
    device.map_or(refused.trim().to_owned(), str::to_owned)
}

/// A place for an instance of a project, where port 7000 is served.
pub(crate) async fn instance(network: &Network, name: &str, addr: Ipv4Addr) -> Arc<OwnedFd> {
    let place = Arc::new(fresh());
    network.attach(&name.parse().unwrap(), &place, addr).await.unwrap();
    serve(&place, addr, 7000);
    place
}

pub(crate) async fn next(events: &mut Events) -> String {
    let repaired = |event| if let WorkloadEvent::Repaired(repair) = event { Some(repair) } else { None };
    let told = timeout(Duration::from_secs(20), events::next(events, repaired)).await;
    let Repair { damage, projects, .. } = told.expect("a repair");
    let projects: Vec<_> = projects.iter().map(|p| p.as_str()).collect();
    format!("{damage:?} of {}", projects.join(" "))
}

/// Bug: `nft flush ruleset` by another program opened the host and all others' networks for good, and a bridge that was gone
/// had requests sent out of the host's own interface.
async fn damages() {
    let dir = tempfile::tempdir().unwrap();
    let open = async || {
        Arc::new(Network::open(dir.path(), TAG, EgressPolicies::default(), None, None).await.unwrap())
    };
    let network = open().await;
    let pool = network.pool();
    let block = |n| project(pool, n).blocks().next().unwrap();
    let nowhere = Ipv4Addr::from_bits(pool.to_bits() + 0x2007);
    assert_eq!(way(nowhere), "RTNETLINK answers: No route to host");
    for n in [70, 71] {
        network.ensure(&project(pool, n)).await.unwrap();
    }
    let (first, second, other) = (block(70).at(9), block(70).at(10), block(71).at(9));
    let one = instance(&network, "p70", first).await;
    let two = instance(&network, "p70", second).await;
    let stranger = instance(&network, "p71", other).await;
    let here: Arc<OwnedFd> = Arc::new(File::open("/proc/thread-self/ns/net").unwrap().into());
    serve(&here, Ipv4Addr::UNSPECIFIED, 9000);
    serve(&here, block(70).at(2), 8000);
    let reach = || {
        [
            ("a neighbour", &one, (second, 7000)),
            ("by a neighbour", &two, (first, 7000)),
            ("its service", &one, (block(70).at(2), 8000)),
            ("the host", &one, (block(70).at(1), 9000)),
            ("the host elsewhere", &one, (HOST, 9000)),
            ("another project", &one, (other, 7000)),
            ("by another project", &stranger, (first, 7000)),
            ("by the host", &here, (first, 7000)),
        ]
        .iter()
        .filter(|(_, from, (addr, port))| knock(from, *addr, *port))
        .map(|(what, ..)| *what)
        .collect::<Vec<_>>()
        .join(", ")
    };
    let whole = reach();
    assert_eq!(whole, "a neighbour, by a neighbour, its service, by the host");

    let mut events = network.notifier().listen(|| []);
    network.watch().unwrap();
    let bridge = format!("dm-{TAG}-08g");
    let mut told = String::new();
    for (program, damage) in [
        ("nft", "flush ruleset".to_owned()),
        ("nft", format!("flush table inet dormouse_{TAG}")),
        ("nft", format!("flush set inet dormouse_{TAG} inside")),
        ("ip", format!("link del {bridge}")),
        ("ip", format!("link set {bridge} down")),
        ("ip", format!("addr del {}/32 dev {bridge}", block(70).at(2))),
        ("ip", format!("route del unreachable {pool}/16 metric 4294967295")),
    ] {
        run(program, &damage);
        let shown = damage.replace(&format!("10.{}.", pool.octets()[1]), "10.N.");
        told += &format!("{shown}: {}\n", next(&mut events).await);
        assert_eq!(reach(), whole, "after {damage}");
        assert_eq!(way(nowhere), "RTNETLINK answers: No route to host", "after {damage}");
    }
    // What comes and goes because we want it is nobody's damage.
    network.ensure(&project(pool, 72)).await.unwrap();
    network.remove(&"p72".parse().unwrap()).await.unwrap();
    run("nft", "flush ruleset");
    told += &format!("and once more: {}\n", next(&mut events).await);
    expect![[r#"
        flush ruleset: Firewall of p70 p71
        flush table inet dormouse_0badcafe: Firewall of p70 p71
        flush set inet dormouse_0badcafe inside: Firewall of p70 p71
        link del dm-0badcafe-08g: Bridge of p70
        link set dm-0badcafe-08g down: Bridge of p70
        addr del 10.N.8.194/32 dev dm-0badcafe-08g: Bridge of p70
        route del unreachable 10.N.0.0/16 metric 4294967295: Route of p70 p71
        and once more: Firewall of p70 p71
    "#]]
    .assert_eq(&told);

    // The server begins again, having forgotten everything: it goes on where its bridges are.
    drop(network);
    for name in ["networks.json", "networks.json.1"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let again = open().await;
    assert_eq!(again.pool(), pool);
    again.watch().unwrap();
    again.tear_down().await.unwrap();
    assert_eq!(way(nowhere), "wan");
    assert_eq!(run("nft", "list ruleset"), "");
}

/// Whoever is about to be connected finds out by himself that the firewall is gone, and nothing is connected without one.
async fn nothing_starts_unguarded() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::open(dir.path(), TAG, EgressPolicies::default(), None, None).await.unwrap();
    network.ensure(&project(network.pool(), 70)).await.unwrap();
    let addr = project(network.pool(), 70).blocks().next().unwrap().at(9);
    let mut events = network.notifier().listen(|| []);
    run("nft", "flush ruleset");
    let place = instance(&network, "p70", addr).await;
    assert_eq!(next(&mut events).await, "Firewall of p70");
    assert!(!knock(&place, HOST, 9000));

    run("nft", "flush ruleset");
    caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
    let refused = network.attach(&"p70".parse().unwrap(), &fresh(), addr).await.unwrap_err();
    caps::raise(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
    assert!(refused.to_string().starts_with("nothing starts without the firewall"), "{refused}");
    network.tear_down().await.unwrap();
}
