//! Clients that ask for too much, or too slowly.

use std::time::Duration;

use dormouse_edge::EdgeSettings;
use http_body_util::BodyExt;

use crate::lab::{Client, Lab, instance, ready, soon, target, text, until};

/// With a service that answers once it has all of the request.
async fn lab(settings: EdgeSettings) -> Lab {
    let web = instance(|request| async move {
        match request.into_body().collect().await {
            Ok(_) => text("ok"),
            Err(_) => text("cut"),
        }
    });
    Lab::with(settings, &[("web", ready(&[target(1, web.await, false)]))]).await
}

#[tokio::test]
async fn large_heads_are_refused() {
    let lab = lab(EdgeSettings { max_header_bytes: 8192, max_headers: 20, ..EdgeSettings::default() }).await;
    for (headers, status) in [
        (format!("x: {}\r\n", "y".repeat(4000)), "200"),
        (format!("x: {}\r\n", "y".repeat(9000)), "431"),
        ("x: y\r\n".repeat(19), "200"),
        ("x: y\r\n".repeat(20), "431"),
    ] {
        let mut client = lab.connect().await;
        client.send(&format!("GET / HTTP/1.1\r\nhost: web.localhost\r\n{headers}\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_and_a_slow_body_is_not() {
    let lab = lab(EdgeSettings { header_timeout: Duration::from_secs(1), ..EdgeSettings::default() }).await;
    let mut slow = lab.connect().await;
    slow.send("GET / HTTP/1.1\r\nhost: web.").await;
    let mut body = lab.connect().await;
    body.send("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 2\r\n\r\nx").await;
    let mut idle = lab.connect().await;
    let end = slow.read_to_end().await;
    assert!(end.starts_with("HTTP/1.1 408 "), "{end}");
    body.send("y").await;
    assert!(body.response().await.ends_with("ok"));
    idle.get("web").await;
    assert!(idle.response().await.ends_with("ok"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let lab = lab(EdgeSettings { keep_alive: Duration::from_secs(1), ..EdgeSettings::default() }).await;
    let mut used = lab.connect().await;
    used.get("web").await;
    used.response().await;
    let mut unused = lab.connect().await;
    assert_eq!(used.read_to_end().await, "");
    assert_eq!(unused.read_to_end().await, "");
}

const A: &str = "127.0.0.2";
const B: &str = "127.0.0.3";

async fn used(lab: &Lab, from: &str) -> Client {
    let mut client = lab.connect_from(from).await;
    client.get("web").await;
    assert!(client.response().await.ends_with("ok"));
    client
}

async fn turned_away(lab: &Lab, from: &str) -> String {
    let mut client = lab.connect_from(from).await;
    client.get("web").await;
    client.read_to_end().await
}

/// Bug: connections from one address took all there are, and nobody else was answered.
#[tokio::test]
async fn an_address_that_uses_up_its_connections_stands_in_nobodys_way() {
    let lab = lab(EdgeSettings { max_connections: 4, ..EdgeSettings::default() }).await;
    let (first, _second) = (used(&lab, A).await, used(&lab, A).await);
    let answer = turned_away(&lab, A).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    // Whoever asks nothing is told too, and does not stay.
    let silent = lab.connect_from(A).await.read_to_end().await;
    assert!(silent.starts_with("HTTP/1.1 429 "), "{silent}");
    let _other = used(&lab, B).await;
    drop(first);
    soon("room", async {
        loop {
            let mut next = lab.connect_from(A).await;
            next.get("web").await;
            if next.head().await.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_asks_nothing_makes_room_for_others() {
    for (said, end) in [("", ""), ("GET / HTTP/1.1\r\nhost: web.", "HTTP/1.1 408 ")] {
        let lab = lab(EdgeSettings { max_connections: 4, ..EdgeSettings::default() }).await;
        let mut busy = lab.connect_from(A).await;
        busy.send("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 2\r\n\r\nx").await;
        let mut useless = lab.connect_from(A).await;
        useless.send(said).await;
        let mut other = used(&lab, B).await;
        let heard = useless.read_to_end().await;
        assert!(heard.starts_with(end) && heard.is_empty() == end.is_empty(), "{heard}");
        busy.send("y").await;
        assert!(busy.response().await.ends_with("ok"));
        other.get("web").await;
        assert!(other.response().await.ends_with("ok"), "it has no more than is left");
    }
}

#[tokio::test]
async fn a_trusted_proxy_may_have_all_there_is() {
    let trusted_proxies = vec![A.parse().unwrap()];
    let lab = lab(EdgeSettings { max_connections: 3, trusted_proxies, ..EdgeSettings::default() }).await;
    let _all = [used(&lab, A).await, used(&lab, A).await, used(&lab, A).await];
    for from in [A, B] {
        let answer = turned_away(&lab, from).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    }
}

/// Bug: who sent a body by the byte held an instance, and kept it awake, for as long as it liked.
#[tokio::test]
async fn a_body_that_hardly_comes_is_cut() {
    let settings = || EdgeSettings {
        body_window: Duration::from_millis(400),
        body_least: 100,
        ..EdgeSettings::default()
    };
    for (piece, status) in [(1, "408"), (100, "200")] {
        let lab = lab(settings()).await;
        let mut client = lab.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 1000\r\n\r\n").await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // It may have heard enough of us.
            let _ = client.stream.try_write("x".repeat(piece).as_bytes());
        }
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        until("the end", || lab.traffic(1).in_flight == 0).await;
    }
}

#[tokio::test]
async fn who_waits_for_the_instance_is_not_slow() {
    let slow = instance(|request| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        text(&length.to_string())
    });
    let settings = EdgeSettings {
        body_window: Duration::from_millis(200),
        body_least: 1 << 30,
        ..EdgeSettings::default()
    };
    let lab = Lab::with(settings, &[("web", ready(&[target(1, slow.await, false)]))]).await;
    let mut client = lab.connect().await;
    // More than all buffers on the way hold.
    let length = 32 << 20;
    client.send(&format!("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: {length}\r\n\r\n")).await;
    client.send(&"x".repeat(length)).await;
    assert!(client.response().await.ends_with(&format!("\n{length}")));
}

/// Bug: who asked for much and took nothing of it was served for hours.
#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut() {
    let much = instance(|_| async { text(&"x".repeat(256 << 20)) });
    let settings = EdgeSettings { stall_timeout: Duration::from_secs(1), ..EdgeSettings::default() };
    let lab = Lab::with(settings, &[("web", ready(&[target(1, much.await, false)]))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.read_exact(4 << 20).await;
        assert_eq!(lab.traffic(1).in_flight, 1, "slow is not stalled");
    }
    until("the end", || lab.traffic(1).in_flight == 0).await;
}
