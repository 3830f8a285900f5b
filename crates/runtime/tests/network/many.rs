//! More projects than one message of rules held, with real bridges and a real firewall, in a network namespace of its own.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use dormouse_backend::{NetworkSpec, Vip};
use dormouse_model::AddressBlock;
use dormouse_runtime::{EgressPolicies, Network, Networks};
use expect_test::expect;
use nix::sched::{CloneFlags, setns, unshare};

/// From where to what a connection is taken.
const REACHED: &str = "\
from p70: p70's second, p70's service
from p70: p70's first, p70's service
from p71: p71's service
";

/// Bug: the 66th project's rules no longer fitted one message, and nothing could be changed from then on. A thousand with
/// `DORMOUSE_LONG=1`: the kernel takes 40 ms for each bridge that goes.
pub(crate) fn many_projects() {
    let long = std::env::var_os("DORMOUSE_LONG").is_some();
    let last = if long { 1000 } else { 100 };
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(last));
    })
    .join()
    .unwrap();
}

async fn check(last: u32) {
    let dir = tempfile::tempdir().unwrap();
    let open = || async {
        Network::open(dir.path(), "0badcafe", EgressPolicies::default(), None, None).await.unwrap()
    };
    let network = open().await;
    let project = |n| project(network.pool(), n);
    let began = Instant::now();
    for n in 1..=last {
        network.ensure(&project(n)).await.unwrap();
    }
    let made = began.elapsed();
    let began = Instant::now();
    network.ensure(&project(last + 1)).await.unwrap();
    println!("{last} networks in {made:?}, one more in {:?}", began.elapsed());

    // Two instances of one project, one of them in a block that it got later, and one of another project.
    let mut grown = project(70);
    let second = AddressBlock::around([10, network.pool().octets()[1], 250, 64].into(), 26);
    grown.more.push(second);
    network.ensure(&grown).await.unwrap();
    let block = |n| project(n).blocks().next().unwrap();
    let (one, two, other) = (block(70).at(9), second.at(9), block(71).at(9));
    let places = [("p70", one), ("p70", two), ("p71", other)];
    let mut netns = Vec::new();
    for (name, addr) in places {
        let place = Arc::new(fresh());
        network.attach(&name.parse().unwrap(), &place, addr).await.unwrap();
        serve(&place, addr, 7000);
        netns.push(place);
    }
    let here = Arc::new(File::open("/proc/thread-self/ns/net").unwrap().into());
    for n in [70, 71] {
        let vip = project(n).vips[0].addr;
        serve(&here, vip, 8000);
    }
    let doors = [
        ("p70's first", one, 7000),
        ("p70's second", two, 7000),
        ("p71's", other, 7000),
        ("p70's service", project(70).vips[0].addr, 8000),
        ("p71's service", project(71).vips[0].addr, 8000),
    ];
    let reach = || {
        let mut table = String::new();
        for ((name, addr), from) in places.iter().zip(&netns) {
            let others = doors.iter().filter(|(_, door, _)| door != addr);
            let open: Vec<_> = others.filter(|d| knock(from, d.1, d.2)).map(|(what, _, _)| *what).collect();
            table += &format!("from {name}: {}\n", open.join(", "));
        }
        table
    };
    assert_eq!(reach(), REACHED);
    // Not with the address of another project's either.
    within(&netns[0], || {
        let (theirs, way) = (block(71).at(10), project(70).gateway);
        for args in [
            format!("addr add {theirs}/32 dev eth0"),
            format!("route add {other}/32 via {way} dev eth0 src {theirs}"),
        ] {
            assert!(Command::new("ip").args(args.split(' ')).status().unwrap().success(), "{args}");
        }
        let tried = TcpStream::connect_timeout(&(other, 7000).into(), Duration::from_millis(300));
        assert_eq!(tried.unwrap_err().kind(), io::ErrorKind::TimedOut);
        Command::new("ip").args(["addr", "del", &format!("{theirs}/32"), "dev", "eth0"]).status().unwrap();
    });

    // Half go, and some come back; nobody else notices.
    for n in (1..=last).filter(|n| n % 2 == 0 && *n != 70) {
        network.remove(&format!("p{n}").parse().unwrap()).await.unwrap();
    }
    for n in [2, 4, last] {
        network.ensure(&project(n)).await.unwrap();
    }
    assert_eq!(reach(), REACHED);
    // A server that comes back finds them, and makes again what is gone.
    Command::new("ip").args(["link", "del", "dm-0badcafe-01d"]).status().unwrap();
    Command::new("nft").args(["delete", "table", "inet", "dormouse_0badcafe"]).status().ok();
    let bridges = || {
        let out = Command::new("ip").args(["-o", "link"]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().matches(": dm-0badcafe-").count()
    };
    let before = bridges();
    let began = Instant::now();
    let again = open().await;
    println!("taken up again in {:?}", began.elapsed());
    assert_eq!(bridges(), before + 1);
    assert_eq!(reach(), REACHED);
    // What its server does not know any more goes, unless something runs there.
    let began = Instant::now();
    let used = ["p71".parse().unwrap()].into();
    assert!(again.ensure_all(std::slice::from_ref(&grown), &used).await.unwrap().is_empty());
    println!("all but two removed in {:?}", began.elapsed());
    assert_eq!(bridges(), 3);
    assert_eq!(reach(), REACHED);
    if let Ok(out) = Command::new("nft").args(["list", "table", "inet", "dormouse_0badcafe"]).output() {
        let pool = again.pool().octets()[1].to_string();
        let text = String::from_utf8(out.stdout).unwrap().replace(&format!("10.{pool}."), "10.N.");
        let text = sorted(&text);
        expect![[r#"
            table inet dormouse_0badcafe {
            set own {
            type ifname . ipv4_addr
            flags interval
              "dm-0badcafe-08g" . 10.N.250.64/26
              "dm-0badcafe-08g" . 10.N.8.192/27
              "dm-0badcafe-08h" . 10.N.8.224/27
              "dm-0badcafe-255" . 10.N.255.0/24
            }
            set inside {
            type ifname . ifname
              "dm-0badcafe-08g" . "dm-0badcafe-08g"
              "dm-0badcafe-08h" . "dm-0badcafe-08h"
            }
            set doors {
            type ifname . ipv4_addr . inet_proto . inet_service
              "dm-0badcafe-08g" . 10.N.8.193 . tcp . 53
              "dm-0badcafe-08g" . 10.N.8.193 . udp . 53
              "dm-0badcafe-08g" . 10.N.8.194 . tcp . 8000
              "dm-0badcafe-08h" . 10.N.8.225 . tcp . 53
              "dm-0badcafe-08h" . 10.N.8.225 . udp . 53
              "dm-0badcafe-08h" . 10.N.8.226 . tcp . 8000
              "dm-0badcafe-255" . 10.N.255.1 . tcp . 53
              "dm-0badcafe-255" . 10.N.255.1 . udp . 53
            }
            set open {
            type ifname . ipv4_addr . inet_proto . inet_service
            flags interval
            }
            set lan {
            type ifname . nf_proto
              "dm-0badcafe-08g" . ipv4
              "dm-0badcafe-08h" . ipv4
              "dm-0badcafe-255" . ipv4
            }
            set internet {
            type ifname . nf_proto
              "dm-0badcafe-08g" . ipv4
              "dm-0badcafe-08h" . ipv4
              "dm-0badcafe-255" . ipv4
            }
            set mail {
            type ifname . nf_proto
            }
            map classes {
            type ifname . nf_proto : classid
            }
            set connections {
            type ifname
            size 65535
            flags dynamic
            }
            chain prerouting {
            type filter hook prerouting priority raw; policy accept;
            iifname . ip daddr . meta l4proto . th dport @doors notrack
            }
            chain output {
            type filter hook output priority raw; policy accept;
            oifname . ip saddr . meta l4proto . th sport @doors notrack
            }
            chain input {
            type filter hook input priority filter; policy accept;
            iifname "dm-0badcafe-*" ct state established,related accept
            iifname . ip saddr @own iifname . ip daddr . meta l4proto . th dport @doors accept
            iifname "dm-0badcafe-*" reject with icmpx admin-prohibited
            }
            chain forward {
            type filter hook forward priority filter; policy accept;
            iifname "dm-0badcafe-*" ct state established,related accept
            oifname "dm-0badcafe-*" ct state established,related accept
            iifname "dm-0badcafe-*" add @connections { iifname ct count over 8192 } reject with icmpx admin-prohibited
            iifname . ip saddr @own iifname . oifname @inside accept
            iifname "dm-0badcafe-*" ip daddr 10.N.0.0/16 reject with icmpx admin-prohibited
            oifname "dm-0badcafe-*" reject with icmpx admin-prohibited
            iifname . ip saddr @own iifname . ip daddr . meta l4proto . th dport @open accept
            iifname "dm-0badcafe-*" ip daddr 169.254.0.0/16 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 100.100.100.200 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 168.63.129.16 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 192.0.0.192 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" tcp dport 25 iifname . meta nfproto != @mail reject with icmpx admin-prohibited
            iifname . ip saddr @own ip daddr 10.0.0.0/8 iifname . meta nfproto @lan accept
            iifname "dm-0badcafe-*" ip daddr 10.0.0.0/8 reject with icmpx admin-prohibited
            iifname . ip saddr @own ip daddr 172.16.0.0/12 iifname . meta nfproto @lan accept
            iifname "dm-0badcafe-*" ip daddr 172.16.0.0/12 reject with icmpx admin-prohibited
            iifname . ip saddr @own ip daddr 192.168.0.0/16 iifname . meta nfproto @lan accept
            iifname "dm-0badcafe-*" ip daddr 192.168.0.0/16 reject with icmpx admin-prohibited
            iifname . ip saddr @own ip daddr 100.64.0.0/10 iifname . meta nfproto @lan accept
            iifname "dm-0badcafe-*" ip daddr 100.64.0.0/10 reject with icmpx admin-prohibited
            iifname . ip saddr @own iifname . meta nfproto @internet accept
            iifname . ip saddr @own reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" drop
            }
            chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            ip saddr 10.N.0.0/16 ip daddr != 10.N.0.0/16 masquerade
            }
            }
        "#]]
        .assert_eq(&text);
    }
    again.tear_down().await.unwrap();
    assert_eq!(bridges(), 0);
}

/// What `nft` lists, a member a line, which come in any order. Counts of connections come and go.
fn sorted(text: &str) -> String {
    let (mut out, mut members) = (String::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.contains("\" ct count over")) {
        let member = line.trim_start_matches("elements = { ");
        if member.starts_with('"') {
            members.push(member.trim_end_matches([',', '}', ' ']).to_owned());
        } else {
            members.sort();
            out.extend(members.drain(..).map(|member| format!("  {member}\n")));
            out += &format!("{line}\n");
        }
    }
    out
}

/// The `n`th project, with 32 addresses.
pub(crate) fn project(pool: Ipv4Addr, n: u32) -> NetworkSpec {
    let block = AddressBlock::around(Ipv4Addr::from_bits(pool.to_bits() + n * 32), 27);
    NetworkSpec {
        project: format!("p{n}").parse().unwrap(),
        gateway: block.at(1),
        prefix: block.prefix(),
        more: vec![],
        vips: vec![Vip { service: "web".parse().unwrap(), addr: block.at(2), port: 8000 }],
    }
}

/// A network namespace as a sandbox has one.
pub(crate) fn fresh() -> OwnedFd {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        File::open("/proc/thread-self/ns/net").unwrap().into()
    };
    thread::spawn(make).join().unwrap()
}

/// Do something in a network namespace.
pub(crate) fn within<T: Send>(netns: &OwnedFd, doing: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
        doing()
    };
    thread::scope(|threads| threads.spawn(inside).join().unwrap())
}

/// Take connections, and close them at once, until the tests end.
pub(crate) fn serve(netns: &OwnedFd, addr: Ipv4Addr, port: u16) {
    let listener = within(netns, || TcpListener::bind((addr, port)).unwrap());
    thread::spawn(move || listener.incoming().for_each(drop));
}

/// Whether a connection is taken.
pub(crate) fn knock(from: &OwnedFd, addr: Ipv4Addr, port: u16) -> bool {
    let to = SocketAddr::from((addr, port));
    within(from, || match TcpStream::connect_timeout(&to, Duration::from_secs(2)) {
        Ok(_) => true,
        Err(e) if e.kind() == io::ErrorKind::TimedOut => panic!("{to} is neither open nor refused"),
        Err(_) => false,
    })
}
