//! With whose share of the host's line answers are counted: real classes, on the loopback interface of a network namespace. Needs
//! root and tc(8).

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    process::Command,
    time::Duration,
};

use dormouse_edge::{Counting, EdgeSettings};
use dormouse_model::{ClassId, Classes};
use http_body_util::{BodyExt, Full};
use nix::sched::{CloneFlags, unshare};
use tokio::io::AsyncReadExt;

use crate::lab::{Client, Lab, gateway, instance, ready, target, text};

const TAG: &str = "0badcafe";
/// Bytes of a large answer.
const LARGE: usize = 3_000_000;

fn class(project: &str) -> ClassId {
    Classes::of(TAG).network(gateway(&project.parse().unwrap()))
}

nix::ioctl_read_bad!(outq, nix::libc::TIOCOUTQ, nix::libc::c_int);

fn unconfirmed(connection: BorrowedFd<'_>) -> io::Result<u32> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes one `int`.
    unsafe { outq(connection.as_raw_fd(), &raw mut bytes) }?;
    Ok(u32::try_from(bytes).unwrap())
}

fn tc(args: &str) -> String {
    let out = Command::new("tc").args(args.split(' ')).output().unwrap();
    assert!(out.status.success(), "{args}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Bytes that were counted with a class.
fn counted(class: ClassId) -> u64 {
    let all = tc("-s class show dev lo");
    let (_, of) = all.split_once(&format!("class htb {class} ")).unwrap();
    of.split_once("Sent ").unwrap().1.split(' ').next().unwrap().parse().unwrap()
}

/// On a host of its own, whose loopback is divided, and carries this much.
fn divided(rate: &'static str, test: impl AsyncFnOnce() + Send) {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let inside = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        let classes = Classes::of(TAG);
        let (root, whole, host) = (format!("{:x}:", classes.major()), classes.whole(), classes.host());
        tc(&format!("qdisc add dev lo root handle {root} htb default {:x}", host.minor()));
        tc(&format!("class add dev lo parent {root} classid {whole} htb rate {rate} burst 64k cburst 64k"));
        // What is asked passes here too, and what the instances answer.
        tc(&format!(
            "class add dev lo parent {root} classid {host} htb rate 400mbit burst 256k cburst 256k quantum 65536"
        ));
        for project in ["shop", "hostile", "a"] {
            let class = class(project);
            tc(&format!(
                "class add dev lo parent {whole} classid {class} htb rate 8kbit ceil {rate} burst 32k cburst 64k quantum 65536"
            ));
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(test());
    };
    std::thread::scope(|threads| threads.spawn(inside).join().unwrap());
}

async fn lab(classes: Option<Classes>) -> Lab {
    let large = instance(|_| async {
        let body = Full::new(bytes::Bytes::from(vec![b'x'; LARGE]));
        http::Response::new(BodyExt::boxed(body))
    })
    .await;
    let small = instance(|_| async { text("small") }).await;
    let counting = classes.map(|classes| Counting { classes, unconfirmed });
    let settings = EdgeSettings { counting, ..EdgeSettings::default() };
    Lab::with(
        settings,
        &[
            ("hostile/web", ready(&[target(1, large, false)])),
            ("shop/web", ready(&[target(2, small, false)])),
            ("shop/large", ready(&[target(3, large, false)])),
        ],
    )
    .await
}

#[test]
fn answers_are_counted_with_their_project() {
    divided("1gbit", async || {
        let lab = lab(Some(Classes::of(TAG))).await;
        let mut client = lab.connect().await;
        client.get("hostile.web").await;
        assert_eq!(client.response().await.len() / 1000, LARGE / 1000);
        let (hostile, shop) = (counted(class("hostile")), counted(class("shop")));
        assert!(hostile > LARGE as u64 && shop < 1000, "{hostile} {shop}");
        // A request for another on the same connection, and one for the first again.
        client.get("shop.large").await;
        client.response().await;
        assert!(counted(class("shop")) > LARGE as u64);
        client.get("hostile.web").await;
        client.response().await;
        assert!(counted(class("hostile")) > 2 * LARGE as u64);
        assert!(counted(class("shop")) < 3 * LARGE as u64 / 2);
        // What no project answers is nobody's.
        client.get("nobody").await;
        assert!(client.response().await.contains("404"));
    });
}

/// Bug: what a client had not taken yet was counted with whatever project answered next.
#[test]
fn nobody_pays_for_another() {
    divided("40mbit", async || {
        let lab = lab(Some(Classes::of(TAG))).await;
        let mut client = lab.connect().await;
        // All at once: the answer to the first is still in the socket when the second is asked.
        let asks: String = ["hostile.web", "shop.web"]
            .into_iter()
            .cycle()
            .take(6)
            .map(|name| format!("GET / HTTP/1.1\r\nhost: {name}.localhost\r\n\r\n"))
            .collect();
        client.send(&asks).await;
        for _ in 0..3 {
            assert!(client.response().await.len() > LARGE);
            assert!(client.response().await.ends_with("small"));
        }
        let (hostile, shop) = (counted(class("hostile")), counted(class("shop")));
        assert!(hostile > 3 * LARGE as u64, "{hostile}");
        assert!(shop < LARGE as u64 / 100, "{shop} bytes of others were counted with the shop");
    });
}

#[test]
fn each_has_its_share() {
    divided("20mbit", async || {
        for (classes, least, most) in [(Some(Classes::of(TAG)), 35, 100), (None, 0, 20)] {
            let lab = lab(classes).await;
            let (many, one) = (flood(&lab, "hostile.web", 40), flood(&lab, "shop.large", 1));
            let (many, one) = tokio::join!(many, one);
            let share = 100 * one / (one + many);
            assert!((least..=most).contains(&share), "{share} % with {classes:?}");
        }
    });
}

/// Ask for large answers on so many connections at a time; the bytes that came in the middle of it.
async fn flood(lab: &Lab, name: &str, connections: usize) -> usize {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let mut client: Client = lab.connect().await;
        let ask = format!("GET / HTTP/1.1\r\nhost: {name}.localhost\r\n\r\n");
        all.spawn(async move {
            let (mut taken, began, mut buffer) = (0, tokio::time::Instant::now(), vec![0; 65_536]);
            for _ in 0..50 {
                client.send(&ask).await;
            }
            while began.elapsed() < Duration::from_secs(5) {
                let read = tokio::time::timeout(Duration::from_millis(500), client.stream.read(&mut buffer));
                let read = read.await.map_or(0, Result::unwrap);
                if began.elapsed() > Duration::from_secs(2) {
                    taken += read;
                }
            }
            taken
        });
    }
    all.join_all().await.into_iter().sum()
}
