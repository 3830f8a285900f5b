//! Clients that ask for too much, or too slowly.

use std::time::Duration;

use dormouse_edge::EdgeSettings;

use crate::lab::{Lab, named, ready, target, until};

async fn lab(settings: EdgeSettings) -> Lab {
    Lab::with(settings, &[("web", ready(&[target(1, named("ok").await, false)]))]).await
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

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    // Each of the two workers keeps room for the connection it is waiting for.
    let lab = lab(EdgeSettings { max_connections: 3, ..EdgeSettings::default() }).await;
    let mut first = Vec::new();
    for _ in 0..3 {
        let mut client = lab.connect().await;
        client.get("web").await;
        client.response().await;
        first.push(client);
    }
    let mut waiting = lab.connect().await;
    waiting.get("web").await;
    let answer = tokio::spawn(async move { waiting.response().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!answer.is_finished());
    first.pop();
    until("an answer", || answer.is_finished()).await;
    assert!(answer.await.unwrap().ends_with("ok"));
}
