//! Clients that end their side once they have asked, and wait for the answer: `nc -N`, and some that speak HTTP/1.0.

use std::{sync::atomic::Ordering, time::Duration};

use dormouse_edge::EdgeSettings;
use dormouse_model::Endpoint;
use http_body_util::BodyExt;
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::lab::{Lab, instance, named, ready, target, text, until};

const GET: &str = "GET / HTTP/1.1\r\nhost: web.localhost\r\n\r\n";

/// Bug: they got no answer.
#[tokio::test]
async fn get_their_answer() {
    let body = "x".repeat(3 << 20);
    let post =
        format!("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let chunks =
        "POST / HTTP/1.1\r\nhost: web.localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";
    // Longer than one who has lost patience is waited for, and more than fits into buffers.
    let addr = instance(|request| async move {
        let got = request.into_body().collect().await.unwrap().to_bytes().len();
        sleep(Duration::from_secs(3)).await;
        text(&format!("{got} {}", "y".repeat(4 << 20)))
    })
    .await;
    for asleep in [false, true] {
        let lab = Lab::new(&[("web", ready(&[target(1, addr, asleep)]))]).await;
        let asked = [
            (GET, "0 "),
            ("GET / HTTP/1.0\r\nhost: web.localhost\r\n\r\n", "0 "),
            (&*post, "3145728 "),
            (chunks, "3 "),
        ];
        let mut clients = Vec::new();
        for (request, got) in asked {
            let mut client = lab.connect().await;
            client.send(request).await;
            client.stream.shutdown().await.unwrap();
            clients.push((client, got));
        }
        if asleep {
            until("the call", || lab.wakes.calls() == 1).await;
            sleep(Duration::from_secs(3)).await;
            lab.wakes.answer(Ok(vec![target(1, addr, false)]));
        }
        for (mut client, got) in clients {
            let answer = client.read_to_end().await;
            let (head, body) =
                answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{got} {asleep}: {answer:?}"));
            assert!(head.starts_with("HTTP/1.") && head.contains(" 200 "), "{head}");
            assert!(body.starts_with(got) && body.len() == got.len() + (4 << 20), "{} bytes", body.len());
        }
        until("the end", || lab.traffic(1).connections == 0).await;
    }
}

/// The answers to all that they have asked.
#[tokio::test]
async fn get_all_their_answers() {
    let lab = Lab::new(&[("web", ready(&[target(1, named("me").await, false)]))]).await;
    let mut client = lab.connect().await;
    client.send(&GET.repeat(3)).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.read_to_end().await.matches("\r\n\r\nme").count(), 3);
}

#[tokio::test]
async fn half_a_body_is_none() {
    let lab = Lab::new(&[("web", ready(&[target(1, named("me").await, false)]))]).await;
    let mut client = lab.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 9\r\n\r\nhalf").await;
    client.stream.shutdown().await.unwrap();
    client.read_to_end().await;
    until("the end", || lab.traffic(1).connections == 0).await;
}

/// Who ends its side later has lost patience, and what works for it is told.
#[tokio::test]
async fn who_leaves_later_is_not_waited_for() {
    let lab = Lab::new(&[("web", Endpoint::Stopped)]).await;
    let mut client = lab.connect().await;
    client.send(GET).await;
    until("the call", || lab.wakes.running.load(Ordering::SeqCst) == 1).await;
    sleep(Duration::from_secs(4)).await;
    drop(client);
    until("its end", || lab.wakes.running.load(Ordering::SeqCst) == 0).await;
}

/// Nor is one whose socket is gone.
#[tokio::test]
async fn who_only_seemed_to_wait_is_found_out() {
    let settings = EdgeSettings { stall_timeout: Duration::from_secs(6), ..EdgeSettings::default() };
    let lab = Lab::with(settings, &[("web", Endpoint::Stopped)]).await;
    let mut client = lab.connect().await;
    client.send(GET).await;
    until("the call", || lab.wakes.running.load(Ordering::SeqCst) == 1).await;
    client.stream.shutdown().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    // Not a FIN, which has been sent: a reset.
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    until("its end", || lab.wakes.running.load(Ordering::SeqCst) == 0).await;
}
