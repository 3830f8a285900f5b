//! How an edge ends: at once, or beside its successor.

use std::{
    net::TcpListener as StdListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dormouse_edge::{EdgeSettings, TrafficStats};
use futures_util::SinkExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    lab::{Client, Lab, instance, named, nobody, ready, soon, target, text, until},
    websocket,
};

/// An edge on a listener that others have too, with one instance that says its name.
async fn edge(listener: &StdListener, name: &'static str) -> Lab {
    let web = ready(&[target(1, named(name).await, false)]);
    let listener = listener.try_clone().unwrap();
    let lab = Lab::on(listener, vec![], TrafficStats::new(), EdgeSettings::default());
    lab.table(&[("web", web)]).await;
    lab
}

#[tokio::test]
async fn whoever_is_connected_gets_one_more_answer_and_comes_back_to_the_successor() {
    let lab = Lab::new(&[("web", ready(&[target(1, named("x").await, false)]))]).await;
    let (mut kept, mut fresh) = (lab.connect().await, lab.connect().await);
    kept.get("web").await;
    assert!(kept.response().await.ends_with('x'));
    lab.ending.hand_over.cancel();
    until("closing the listener", || std::net::TcpStream::connect(lab.addr).is_err()).await;
    for client in [&mut kept, &mut fresh] {
        client.get("web").await;
        let answer = client.read_to_end().await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with('x'), "{answer}");
    }
    soon("the end", lab.served).await.unwrap().unwrap();
}

/// Bug: closing idle connections all at once failed the requests that were on their way.
#[tokio::test]
async fn no_request_is_lost_when_one_edge_hands_over_to_another() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let old = edge(&listener, "old").await;
    let (addr, stop) = (old.addr, CancellationToken::new());
    let answers = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stop, answers) = (stop.clone(), answers.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                while !stop.is_cancelled() {
                    client.get("web").await;
                    let answer = client.response().await;
                    answers[usize::from(answer.ends_with("new"))].fetch_add(1, Ordering::Relaxed);
                    if answer.contains("connection: close") {
                        client = Client::connect(addr).await;
                    }
                }
            })
        })
        .collect();
    let many = |who: usize| answers[who].load(Ordering::Relaxed) > 50;
    until("answers of the old edge", || many(0)).await;
    let _new = edge(&listener, "new").await;
    old.ending.hand_over.cancel();
    soon("the old edge's end", old.served).await.unwrap().unwrap();
    until("answers of the new edge", || many(1)).await;
    stop.cancel();
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_websocket_goes_on_asleep_and_awake_after_the_hand_over() {
    let (addr, mut accepted) = websocket::instance().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = websocket::open(&lab).await;
    let (mut server, _) = soon("accepting", accepted.recv()).await.unwrap();
    lab.ending.hand_over.cancel();
    until("closing the listener", || std::net::TcpStream::connect(lab.addr).is_err()).await;
    // It still applies and confirms tables, so that what it carries may sleep.
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    client.send(Message::text("click")).await.unwrap();
    until("the call", || lab.wakes.calls() == 1).await;
    lab.table(&[("web", ready(&[target(1, addr, false)]))]).await;
    assert_eq!(websocket::next(&mut server).await, Message::text("click"));
    assert!(!lab.served.is_finished());
    drop((client, server));
    soon("the end", lab.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_hand_over_is_bounded() {
    let (addr, mut accepted) = websocket::instance().await;
    let settings = EdgeSettings { hand_over_timeout: Duration::from_millis(100), ..EdgeSettings::default() };
    let lab = Lab::with(settings, &[("web", ready(&[target(1, addr, false)]))]).await;
    let _client = websocket::open(&lab).await;
    let _server = soon("accepting", accepted.recv()).await.unwrap();
    lab.ending.hand_over.cancel();
    soon("the end", lab.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_answers_but_not_for_silent_websockets() {
    let (addr, mut accepted) = websocket::instance().await;
    let (answer, asked) = tokio::sync::watch::channel(false);
    let slow = instance(move |_| {
        let mut asked = asked.clone();
        async move {
            asked.wait_for(|now| *now).await.unwrap();
            text("done")
        }
    })
    .await;
    let lab =
        Lab::new(&[("web", ready(&[target(1, addr, false)])), ("slow", ready(&[target(2, slow, false)]))])
            .await;
    let _client = websocket::open(&lab).await;
    let _server = soon("accepting", accepted.recv()).await.unwrap();
    let mut client = lab.connect().await;
    client.get("slow").await;
    until("the request", || lab.traffic(2).in_flight == 1).await;
    // Also when it was to end more gently before.
    lab.ending.hand_over.cancel();
    lab.ending.stop.cancel();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!lab.served.is_finished(), "it is not answered yet");
    answer.send(true).unwrap();
    assert!(client.read_to_end().await.ends_with("done"));
    soon("the end", lab.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_at_a_private_listener_is_served_by_the_successor() {
    let vip = nobody().await;
    let listener = StdListener::bind(vip).unwrap();
    // Accepted by the kernel, and by nobody else yet.
    let mut waiting = Client::of(TcpStream::connect(vip).await.unwrap());
    waiting.send("question").await;
    let public = StdListener::bind("127.0.0.1:0").unwrap();
    let lab = Lab::on(public, vec![listener], TrafficStats::new(), EdgeSettings::default());
    let (service, addr) = crate::lab::listener().await;
    lab.table_and(&[("api", ready(&[target(1, addr, false)]))], &[(vip, "api")]).await;
    let mut accepted = Client::of(soon("accepting", service.accept()).await.unwrap().0);
    assert_eq!(accepted.read_exact(8).await, "question");
}

/// Bug: until a killed edge was replaced, calls between services were refused.
#[tokio::test]
async fn what_is_listened_on_between_services_is_held_for_the_next_edge() {
    let (vip, (service, addr)) = (crate::lab::nobody().await, crate::lab::listener().await);
    let api = || [("api", ready(&[target(1, addr, false)]))];
    let lab = Lab::new(&[]).await;
    lab.table_and(&api(), &[(vip, "api")]).await;
    until("holding it", || lab.held(vip).is_some()).await;
    let held = lab.held(vip).unwrap();
    lab.ending.stop.cancel();
    soon("the end", lab.served).await.unwrap().unwrap();

    let mut waiting = Client::of(TcpStream::connect(vip).await.expect("it is not refused"));
    waiting.send("question").await;
    let public = StdListener::bind("127.0.0.1:0").unwrap();
    let lab = Lab::on(public, vec![held], TrafficStats::new(), EdgeSettings::default());
    lab.table_and(&api(), &[(vip, "api")]).await;
    let mut accepted = Client::of(soon("accepting", service.accept()).await.unwrap().0);
    assert_eq!(accepted.read_exact(8).await, "question");

    assert!(lab.held(vip).is_none(), "who gave it holds it already");

    // One that no service has any more is not held.
    let other = crate::lab::nobody().await;
    lab.table_and(&api(), &[(other, "api")]).await;
    until("holding the other", || lab.held(other).is_some()).await;
    lab.table_and(&[], &[]).await;
    until("letting go", || lab.held(other).is_none()).await;
}
