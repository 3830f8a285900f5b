//! Requests for services that have to be woken first.

use std::{sync::atomic::Ordering, time::Duration};

use dormouse_edge::EdgeSettings;
use dormouse_model::{Endpoint, WakeRefused};

use crate::lab::{Client, Lab, named, ready, soon, target, until};

#[tokio::test]
async fn a_thousand_held_requests_make_one_call() {
    let addr = named("awake").await;
    for endpoint in [Endpoint::Stopped, Endpoint::Starting, ready(&[target(1, addr, true)])] {
        let lab = Lab::new(&[("web", endpoint.clone())]).await;
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let mut client = lab.connect().await;
            client.get("web").await;
            clients.push(client);
        }
        until("the call", || lab.wakes.calls() == 1).await;
        // Every worker has dealt with all of them once it answers what came later. Which worker takes a connection is
        // the kernel's choice, so there are enough of them for each to get some.
        let mut later = Vec::new();
        for _ in 0..32 {
            later.push(lab.connect().await);
        }
        for _ in 0..20 {
            for client in &mut later {
                client.get("none").await;
                assert!(client.response().await.starts_with("HTTP/1.1 404 "));
            }
        }
        lab.wakes.answer(Ok(vec![target(1, addr, false)]));
        for client in &mut clients {
            assert!(client.response().await.ends_with("awake"));
        }
        assert_eq!(lab.wakes.calls(), 1, "{endpoint:?}");
    }
}

#[tokio::test]
async fn an_awake_instance_is_used_without_a_call() {
    let targets = [target(1, named("asleep").await, true), target(2, named("awake").await, false)];
    let lab = Lab::new(&[("web", ready(&targets))]).await;
    assert!(lab.get("web").await.ends_with("awake"));
    assert_eq!(lab.wakes.calls(), 0);
}

#[tokio::test]
async fn the_call_ends_with_the_last_who_waits() {
    let lab = Lab::new(&[("web", Endpoint::Stopped)]).await;
    let (mut one, mut two) = (lab.connect().await, lab.connect().await);
    one.get("web").await;
    two.get("web").await;
    until("the call", || lab.wakes.running.load(Ordering::SeqCst) == 1).await;
    // Until then they may only have ended their side.
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop((one, two));
    until("the end of the call", || lab.wakes.running.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_table_that_shows_it_ready_ends_the_hold() {
    let lab = Lab::new(&[("web", Endpoint::Starting)]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    until("the call", || lab.wakes.calls() == 1).await;
    lab.table(&[("web", ready(&[target(1, named("ready").await, false)]))]).await;
    assert!(client.response().await.ends_with("ready"));
}

#[tokio::test]
async fn refusals_become_pages() {
    let crashed =
        WakeRefused::Crashed { reason: "exited with 3".into(), log_tail: vec!["last words".into()] };
    for (refusal, status, words) in [
        (WakeRefused::Unknown, "404", "web is not deployed."),
        (crashed, "503", "web is not up: it keeps ending.\n\nIf it is yours"),
        (WakeRefused::TimedOut, "504", "web was not ready in time."),
    ] {
        let lab = Lab::new(&[("web", Endpoint::Stopped)]).await;
        lab.wakes.answer(Err(refusal));
        let response = lab.get("web").await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert!(response.contains(words), "{response}");
    }
}

#[tokio::test]
async fn a_hold_has_an_end() {
    let settings = EdgeSettings { hold_timeout: Duration::from_millis(50), ..EdgeSettings::default() };
    let lab = Lab::with(settings, &[("web", Endpoint::Stopped)]).await;
    let response = lab.get("web").await;
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
}

#[tokio::test]
async fn falling_asleep_closes_kept_connections() {
    let (listener, addr) = crate::lab::listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
    let mut instance = Client::of(stream);
    instance.read_until("\r\n\r\n").await;
    instance.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    client.response().await;
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    assert_eq!(instance.read_to_end().await, "");
}
