//! What leaves the host is divided between projects; in network namespaces of its own.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use dormouse_model::Classes;
use dormouse_runtime::{Bandwidth, EgressPolicies, Network, Networks};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CloneFlags, unshare},
    sys::socket::{setsockopt, sockopt},
};

use crate::{
    many::{fresh, project, within},
    repairs::{TAG, next, run},
};

/// Where everybody sends to.
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const LINE: &str = "20mbit";

pub(crate) fn bandwidth_is_divided() {
    let test = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check());
    };
    thread::spawn(test).join().unwrap();
}

/// A host whose line ends at another, and what is there.
fn world() -> Arc<OwnedFd> {
    let far = Arc::new(fresh());
    // `ip` finds it by this descriptor, so that has to be open there too.
    fcntl(&*far, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    run("ip", "link set lo up");
    run("ip", "link add wan type veth peer name far");
    run("ip", "addr add 192.0.2.1/24 dev wan");
    run("ip", "link set wan up");
    run("ip", &format!("link set far netns /proc/self/fd/{}", far.as_raw_fd()));
    run("ip", "route add default via 192.0.2.2");
    within(&far, || {
        run("ip", "link set lo up");
        run("ip", &format!("addr add {FAR}/24 dev far"));
        run("ip", "link set far up");
    });
    far
}

/// Take what is sent to this port, and count it.
fn sink(far: &OwnedFd, port: u16) -> Arc<AtomicU64> {
    let listener = within(far, || TcpListener::bind((FAR, port)).unwrap());
    let taken = Arc::<AtomicU64>::default();
    let count = taken.clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, count) = (connection.unwrap(), count.clone());
            thread::spawn(move || {
                let mut buffer = vec![0; 65_536];
                while let Ok(read @ 1..) = connection.read(&mut buffer) {
                    count.fetch_add(read as u64, Ordering::Relaxed);
                }
            });
        }
    });
    taken
}

/// Send on so many connections at a time, each with this priority, until told to stop.
fn flood(from: &Arc<OwnedFd>, port: u16, connections: usize, priority: Option<u32>, stop: &Arc<AtomicBool>) {
    for _ in 0..connections {
        let (from, stop) = (from.clone(), stop.clone());
        thread::spawn(move || {
            let to = SocketAddr::from((FAR, port));
            let connect = || TcpStream::connect_timeout(&to, Duration::from_secs(30)).unwrap();
            let mut connection = within(&from, connect);
            if let Some(priority) = priority {
                setsockopt(&connection, sockopt::Priority, &priority.cast_signed()).unwrap();
            }
            connection.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            while !stop.load(Ordering::Relaxed) {
                let _ = connection.write(&[0; 65_536]);
            }
        });
    }
}

/// How much of what arrives is the honest project's, in percent, in a while in which both send.
fn share(honest: &AtomicU64, hostile: &AtomicU64) -> u64 {
    let both = || [honest, hostile].map(|count| count.load(Ordering::Relaxed));
    let before = both();
    thread::sleep(Duration::from_secs(2));
    let after = both();
    let [honest, hostile] = [0, 1].map(|n| after[n] - before[n]);
    100 * honest / (honest + hostile).max(1)
}

/// The same, once it is at least this; connections take a moment to find out how fast they may be.
#[track_caller]
fn at_least(least: u64, honest: &AtomicU64, hostile: &AtomicU64) -> u64 {
    let mut found = Vec::new();
    for _ in 0..15 {
        match share(honest, hostile) {
            enough if enough >= least => return enough,
            little => found.push(little),
        }
    }
    panic!("never {least} % of the line, but {found:?} %");
}

/// Bug: who sent on forty connections had forty times as much of the host's line as who sent on one.
async fn check() {
    let far = world();
    let untouched = run("tc", "qdisc show dev wan");
    let dir = tempfile::tempdir().unwrap();
    let open = async |bandwidth| {
        Network::open(dir.path(), TAG, EgressPolicies::default(), bandwidth, None).await.map(Arc::new)
    };
    let (honest, hostile, built) = (sink(&far, 1001), sink(&far, 1002), sink(&far, 1003));
    let network = open(None).await.unwrap();
    let mut places = Vec::new();
    for n in [1, 2] {
        let spec = project(network.pool(), n);
        network.ensure(&spec).await.unwrap();
        let place = Arc::new(fresh());
        network.attach(&spec.project, &place, spec.blocks().next().unwrap().at(9)).await.unwrap();
        places.push(place);
    }
    let build = Arc::new(fresh());
    let _link = network.attach_build(&build).await.unwrap();
    let [here, there] = &places[..] else { unreachable!() };
    assert_eq!(run("tc", "qdisc show dev wan"), untouched, "nobody asked for it");

    // The line, with nobody to divide it.
    run("tc", &format!("qdisc add dev wan root tbf rate {LINE} burst 64k latency 100ms"));
    let stop = Arc::<AtomicBool>::default();
    flood(here, 1001, 1, None, &stop);
    flood(there, 1002, 40, None, &stop);
    thread::sleep(Duration::from_secs(2));
    let without = share(&honest, &hostile);
    assert!(without < 20, "{without} %");
    stop.store(true, Ordering::Relaxed);
    // That is somebody else's, and stays.
    let bandwidth = Some(Bandwidth::new(LINE.parse().unwrap()));
    drop(network);
    let refused = open(bandwidth.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("that is not this server's is there (tbf "), "{refused}");
    assert!(run("tc", "qdisc show dev wan").starts_with("qdisc tbf"));
    run("tc", "qdisc del dev wan root");

    let network = open(bandwidth).await.unwrap();
    let stop = Arc::<AtomicBool>::default();
    flood(here, 1001, 1, None, &stop);
    flood(there, 1002, 40, None, &stop);
    let with = at_least(35, &honest, &hostile);
    println!("one connection beside forty: {without} % of the line, and {with} % where it is divided");
    // Who chooses the other's class himself, by its number, has his own all the same.
    let class = Classes::of(TAG).network(project(network.pool(), 1).gateway);
    flood(there, 1002, 20, Some(class.bits()), &stop);
    let with = at_least(35, &honest, &hostile);
    println!("beside one who takes its class: {with} %");
    // Builds go behind.
    flood(&build, 1003, 20, None, &stop);
    let with = at_least(75, &honest, &built);
    println!("beside builds: {with} % of both");

    // What others do to it is undone, and told.
    let mut repairs = network.notifier().listen(|| []);
    network.watch().unwrap();
    run("tc", "qdisc del dev wan root");
    assert_eq!(next(&mut repairs).await, "Bandwidth of p1 p2");
    run("tc", &format!("class del dev wan classid {class}"));
    assert_eq!(next(&mut repairs).await, "Bandwidth of p1 p2");
    let with = at_least(35, &honest, &hostile);
    println!("after it was repaired: {with} %");
    // The line is another one now.
    run("ip", "link add other type veth peer name others");
    run("ip", "link set other up");
    run("ip", "addr add 198.51.100.1/24 dev other");
    run("ip", "link set others up");
    run("ip", "route replace default via 198.51.100.2");
    let followed = || run("tc", "qdisc show dev other").contains("qdisc htb 4153:");
    tokio::time::timeout(Duration::from_secs(20), async {
        while !followed() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the way out is followed");
    assert_eq!(run("tc", "qdisc show dev wan"), untouched);

    stop.store(true, Ordering::Relaxed);
    network.tear_down().await.unwrap();
    assert!(!run("tc", "qdisc show").contains("htb"));
}
