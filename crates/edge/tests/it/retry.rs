//! Instances that are gone, or going.

use std::time::Duration;

use dormouse_edge::EdgeSettings;
use dormouse_model::Endpoint;

use crate::lab::{Client, Lab, listener, named, nobody, ready, soon, target, until};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

#[tokio::test]
async fn another_instance_takes_over_from_one_that_refuses() {
    let targets = [target(1, nobody().await, false), target(2, named("second").await, false)];
    let lab = Lab::new(&[("web", ready(&targets))]).await;
    for _ in 0..3 {
        assert!(lab.get("web").await.ends_with("second"));
    }
}

#[tokio::test]
async fn a_request_waits_for_the_successor_of_an_instance_that_died() {
    let lab = Lab::new(&[("web", ready(&[target(1, nobody().await, false)]))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    until("the first attempt", || lab.traffic(1).last_client_byte.is_some()).await;
    lab.table(&[("web", Endpoint::Starting)]).await;
    until("the call", || lab.wakes.calls() == 1).await;
    lab.wakes.answer(Ok(vec![target(2, named("second").await, false)]));
    assert!(client.response().await.ends_with("second"));
}

#[tokio::test]
async fn nobody_listens_for_good() {
    let settings = EdgeSettings { settle_timeout: Duration::from_millis(300), ..EdgeSettings::default() };
    let lab = Lab::with(settings, &[("web", ready(&[target(1, nobody().await, false)]))]).await;
    let response = lab.get("web").await;
    assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
    assert_eq!(lab.traffic(1).connections, 0);
}

/// The instance answers once on its first connection and closes it when the next request has already been sent.
async fn dies_on_reuse(request: &str) -> (String, bool) {
    let (listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
    let mut first = Client::of(stream);
    first.read_until("\r\n\r\n").await;
    first.send(OK).await;
    client.response().await;
    client.send(request).await;
    first.read_until("\r\n\r\n").await;
    drop(first);
    let again = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut second = Client::of(stream);
        second.read_until("\r\n\r\n").await;
        second.send(OK).await;
        second
    };
    tokio::select! {
        _second = again => (client.response().await, true),
        response = client.response() => (response, false),
    }
}

#[tokio::test]
async fn what_can_be_sent_twice_is_when_a_kept_connection_dies() {
    for (request, sent_again) in [
        ("GET / HTTP/1.1\r\nhost: web.localhost\r\n\r\n", true),
        ("DELETE /x HTTP/1.1\r\nhost: web.localhost\r\n\r\n", true),
        ("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 0\r\n\r\n", false),
        ("PUT / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 1\r\n\r\nx", false),
    ] {
        let (response, twice) = dies_on_reuse(request).await;
        assert_eq!(twice, sent_again, "{request:?}: {response}");
        let status = if sent_again { "200" } else { "502" };
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {response}");
    }
}

/// Bug: what one of several instances took when it ended failed, although the others were there and it did no harm to ask them.
#[tokio::test]
async fn what_can_be_sent_twice_goes_to_another_instance() {
    for (request, others, expected) in [
        ("GET / HTTP/1.1\r\nhost: web.localhost\r\n\r\n", 1, "200 second"),
        ("GET / HTTP/1.1\r\nhost: web.localhost\r\n\r\n", 0, "502 "),
        ("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 0\r\n\r\n", 1, "502 "),
    ] {
        let (dying, first) = listener().await;
        let others = if others == 1 { vec![target(2, named("second").await, false)] } else { vec![] };
        let all = [&[target(1, first, false)], others.as_slice()].concat();
        let lab = Lab::new(&[("web", ready(&all))]).await;
        let mut client = lab.connect().await;
        client.send(request).await;
        let (stream, _) = soon("connecting", dying.accept()).await.unwrap();
        let mut instance = Client::of(stream);
        instance.read_until("\r\n\r\n").await;
        drop(instance);
        let response = client.response().await;
        let status = response.split(' ').nth(1).unwrap_or_default();
        let body = if status == "200" { response.lines().last().unwrap_or_default() } else { "" };
        assert_eq!(format!("{status} {body}"), expected, "{request:?}: {response}");
    }
}

/// What ends every instance that works on it is not given to all of them.
#[tokio::test]
async fn a_request_is_given_to_two_instances_at_most() {
    let mut dying = Vec::new();
    for _ in 0..3 {
        dying.push(listener().await);
    }
    let all: Vec<_> = (1..).zip(&dying).map(|(n, (_, addr))| target(n, *addr, false)).collect();
    let lab = Lab::new(&[("web", ready(&all))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    let taken = std::cell::Cell::new(0);
    let end = async |(listener, _): &(tokio::net::TcpListener, _)| loop {
        let (stream, _) = listener.accept().await.unwrap();
        taken.set(taken.get() + 1);
        Client::of(stream).read_until("\r\n\r\n").await;
    };
    let response = tokio::select! {
        response = client.response() => response,
        () = async { tokio::join!(end(&dying[0]), end(&dying[1]), end(&dying[2])); } => unreachable!(),
    };
    assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
    assert_eq!(taken.get(), 2);
}

/// A worker that ends in the middle of a request closes its connections.
#[tokio::test]
async fn an_answer_that_broke_off_is_told() {
    for (said, broke_off) in [
        ("", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole", false),
    ] {
        let (listener, addr) = listener().await;
        let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
        let mut client = lab.connect().await;
        client.get("web").await;
        let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
        let mut instance = Client::of(stream);
        instance.read_until("\r\n\r\n").await;
        instance.send(said).await;
        drop(instance);
        until("its end", || lab.traffic(1).in_flight == 0).await;
        assert_eq!(lab.traffic(1).broke_off.is_some(), broke_off, "{said:?}");
    }
}

#[tokio::test]
async fn a_connection_the_instance_has_closed_is_not_used() {
    let (listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = lab.connect().await;
    // A POST could not be sent again, so this shows that the dead connection is not even tried.
    for _ in 0..3 {
        client.send("POST / HTTP/1.1\r\nhost: web.localhost\r\ncontent-length: 2\r\n\r\nxy").await;
        let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
        let mut instance = Client::of(stream);
        instance.read_until("xy").await;
        instance.send(OK).await;
        assert!(client.response().await.ends_with("hi"));
        drop(instance);
        // The close has to reach the edge; nothing there can be observed from outside.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_passed_off_as_whole() {
    let (listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = lab.connect().await;
    client.get("web").await;
    let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
    let mut instance = Client::of(stream);
    instance.read_until("\r\n\r\n").await;
    instance.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    client.read_until("half").await;
    drop(instance);
    let rest = client.read_to_end().await;
    assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
    until("the end of the request", || lab.traffic(1).in_flight == 0).await;
}
