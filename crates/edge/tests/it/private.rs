//! Traffic between services.

use std::{net::SocketAddrV4, time::Duration};

use dormouse_edge::{EdgeSettings, TrafficStats};
use dormouse_model::{Endpoint, Traffic, WakeRefused};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::lab::{Client, Lab, listener, named, nobody, ready, soon, target, until};

async fn connect(addr: SocketAddrV4) -> Client {
    // Listening begins shortly after the table is applied.
    soon("listening", async {
        loop {
            match TcpStream::connect(addr).await {
                Ok(stream) => return Client::of(stream),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    })
    .await
}

async fn accept(listener: &TcpListener) -> Client {
    Client::of(soon("accepting", listener.accept()).await.unwrap().0)
}

async fn lab(vip: SocketAddrV4, endpoint: Endpoint) -> Lab {
    silent_after(Duration::from_millis(200), vip, endpoint).await
}

/// Answers end with this much silence.
async fn silent_after(silence: Duration, vip: SocketAddrV4, endpoint: Endpoint) -> Lab {
    let lab = Lab::keeping(TrafficStats::with_silence(silence), EdgeSettings::default(), &[]).await;
    lab.table_and(&[("api", endpoint)], &[(vip, "api")]).await;
    lab
}

#[tokio::test]
async fn bytes_pass_and_ends_pass() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let lab = lab(vip, ready(&[target(1, addr, false)])).await;
    let mut caller = connect(vip).await;
    caller.send("question").await;
    let mut instance = accept(&listener).await;
    assert_eq!(instance.read_exact(8).await, "question");
    instance.send("ans").await;
    assert_eq!(caller.read_exact(3).await, "ans");
    // A half-closed caller still gets the rest.
    caller.stream.shutdown().await.unwrap();
    assert_eq!(instance.read_to_end().await, "");
    assert_eq!(lab.traffic(1).connections, 1);
    instance.send("wer").await;
    instance.stream.shutdown().await.unwrap();
    assert_eq!(caller.read_to_end().await, "wer");
    until("the end", || lab.traffic(1).connections == 0).await;
}

#[tokio::test]
async fn an_answer_goes_on_until_silence() {
    const HOUR: Duration = Duration::from_secs(3600);
    for silence in [Duration::from_millis(200), HOUR] {
        let ((listener, addr), vip) = (listener().await, nobody().await);
        let lab = silent_after(silence, vip, ready(&[target(1, addr, false)])).await;
        let mut caller = connect(vip).await;
        caller.send("question").await;
        let mut instance = accept(&listener).await;
        assert_eq!(instance.read_exact(8).await, "question");
        let Traffic { in_flight, calls, .. } = lab.traffic(1);
        assert_eq!((in_flight, calls), (1, 1), "it owes an answer, and to no visitor");
        for _ in 0..3 {
            instance.send("part").await;
            let said = tokio::time::Instant::now();
            assert_eq!(caller.read_exact(4).await, "part");
            let in_flight = lab.traffic(1).in_flight;
            assert!(in_flight == 1 || said.elapsed() >= silence, "{in_flight} after {:?}", said.elapsed());
        }
        if silence == HOUR {
            // The end of the connection is the end of the answer, without any silence.
            drop((caller, instance));
        }
        // Nothing else happens now, so it is the silence itself that has to be told.
        soon("the end of the answer", async {
            while lab.traffic(1).in_flight > 0 {
                lab.book.changed().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_that_goes_on_is_told_again() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let lab = lab(vip, ready(&[target(1, addr, false)])).await;
    let mut caller = connect(vip).await;
    caller.send("question").await;
    let mut instance = accept(&listener).await;
    instance.read_exact(8).await;
    for _ in 0..2 {
        instance.send("part").await;
        caller.read_exact(4).await;
        until("the silence after it", || lab.traffic(1).in_flight == 0).await;
        // Whoever says more after a pause had not ended, and is seen again: frozen now it would stop in the middle.
        instance.send("more").await;
        until("the rest of it", || lab.traffic(1).in_flight == 1).await;
        caller.read_exact(4).await;
    }
}

#[tokio::test]
async fn a_call_wakes_the_callee() {
    let addr = named("api").await;
    for endpoint in [Endpoint::Stopped, ready(&[target(1, addr, true)])] {
        let vip = nobody().await;
        let lab = lab(vip, endpoint).await;
        let mut caller = connect(vip).await;
        caller.get("api").await;
        until("the call", || lab.wakes.calls() == 1).await;
        lab.wakes.answer(Ok(vec![target(1, addr, false)]));
        assert!(caller.response().await.ends_with("api"));
    }
}

#[tokio::test]
async fn a_kept_connection_wakes_the_callee_and_survives_its_sleep() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let lab = lab(vip, ready(&[target(1, addr, false)])).await;
    let mut caller = connect(vip).await;
    caller.send("one").await;
    let mut instance = accept(&listener).await;
    instance.read_exact(3).await;
    instance.send("1").await;
    caller.read_exact(1).await;
    until("the end of the answer", || lab.traffic(1).in_flight == 0).await;
    lab.table_and(&[("api", ready(&[target(1, addr, true)]))], &[(vip, "api")]).await;
    caller.send("two").await;
    until("the call", || lab.wakes.calls() == 1).await;
    let early = instance.stream.try_read(&mut [0]);
    assert!(early.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
    lab.wakes.answer(Ok(vec![target(1, addr, false)]));
    assert_eq!(instance.read_exact(3).await, "two");
    assert_eq!(lab.traffic(1).in_flight, 1);
}

#[tokio::test]
async fn a_caller_that_leaves_before_it_speaks_ends_the_wake() {
    let vip = nobody().await;
    let lab = lab(vip, Endpoint::Stopped).await;
    let caller = connect(vip).await;
    until("the call", || lab.wakes.calls() == 1).await;
    drop(caller);
    until("its end", || lab.wakes.running.load(std::sync::atomic::Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn listeners_follow_the_table_and_connections_stay() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let endpoints = [
        ("api", ready(&[target(1, addr, false)])),
        ("other", ready(&[target(2, named("other").await, false)])),
    ];
    let lab = lab(vip, endpoints[0].1.clone()).await;
    let mut caller = connect(vip).await;
    caller.send("x").await;
    let mut instance = accept(&listener).await;
    instance.read_exact(1).await;
    // The address goes to another service: new connections go there, the old one stays where it is.
    lab.table_and(&endpoints, &[(vip, "other")]).await;
    let mut second = connect(vip).await;
    second.get("other").await;
    assert!(second.response().await.ends_with("other"));
    caller.send("y").await;
    assert_eq!(instance.read_exact(1).await, "y");
    lab.table_and(&endpoints, &[]).await;
    soon("no longer listening", async {
        while TcpStream::connect(vip).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    caller.send("z").await;
    assert_eq!(instance.read_exact(1).await, "z");
}

#[tokio::test]
async fn a_service_that_cannot_be_woken_resets_its_callers() {
    let vip = nobody().await;
    let lab = lab(vip, Endpoint::Stopped).await;
    lab.wakes.answer(Err(WakeRefused::Unknown));
    let mut caller = connect(vip).await;
    let mut byte = [0];
    let end = soon("a reset", tokio::io::AsyncReadExt::read(&mut caller.stream, &mut byte)).await;
    assert!(end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn an_address_that_does_not_exist_yet_is_listened_on() {
    // From the block for documentation (RFC 5737): on no interface of this host.
    let vip: SocketAddrV4 = "192.0.2.1:8000".parse().unwrap();
    let lab = lab(vip, Endpoint::Stopped).await;
    // Cannot be connected to from here; that the edge goes on shows that it did not fail on it.
    lab.table_and(&[("api", ready(&[target(1, named("api").await, false)]))], &[(vip, "api")]).await;
    let listening = std::fs::read_to_string("/proc/net/tcp").unwrap();
    assert!(listening.contains("010200C0:1F40 00000000:0000 0A"), "{listening}");
}

/// Bug: all connections shared one limit, so that one app that opened enough of them stopped the whole edge.
#[tokio::test]
async fn a_service_that_uses_up_its_connections_stands_in_nobodys_way() {
    let ((listener, addr), greedy, other) = (listener().await, nobody().await, nobody().await);
    let settings = EdgeSettings { max_private_each: 3, ..EdgeSettings::default() };
    let lab = Lab::keeping(TrafficStats::new(), settings, &[]).await;
    let up = || ready(&[target(1, addr, false)]);
    lab.table_and(&[("api", up()), ("db", up())], &[(greedy, "api"), (other, "db")]).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push((connect(greedy).await, accept(&listener).await));
    }
    // The kernel takes it, and the edge leaves it there.
    let waiting = connect(greedy).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    until("three", || lab.traffic(1).connections == 3).await;
    let _db = (connect(other).await, accept(&listener).await);
    until("another service's", || lab.traffic(1).connections == 4).await;
    taken.pop();
    let _next = (waiting, accept(&listener).await);
    until("its turn", || lab.traffic(1).connections == 4).await;
}

/// Bug: the services of one project took all connections there are between services.
#[tokio::test]
async fn a_project_that_uses_up_its_connections_stands_in_nobodys_way() {
    let (listener, addr) = listener().await;
    let vips = [nobody().await, nobody().await, nobody().await];
    let settings = EdgeSettings { max_private: 4, ..EdgeSettings::default() };
    let lab = Lab::keeping(TrafficStats::new(), settings, &[]).await;
    let names = ["api", "db", "blog/web"];
    let endpoints = names.map(|name| (name, ready(&[target(1, addr, false)])));
    lab.table_and(&endpoints, &[(vips[0], names[0]), (vips[1], names[1]), (vips[2], names[2])]).await;
    let first = (connect(vips[0]).await, accept(&listener).await);
    let _second = (connect(vips[1]).await, accept(&listener).await);
    let mut third = connect(vips[1]).await;
    let end = soon("a reset", third.stream.read(&mut [0])).await;
    assert!(end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    let _other = (connect(vips[2]).await, accept(&listener).await);
    until("another project's", || lab.traffic(1).connections == 3).await;
    drop(first);
    until("room", || lab.traffic(1).connections == 2).await;
    let _next = (connect(vips[0]).await, accept(&listener).await);
}

/// Bug: an answer that paused for longer than the silence looked like one that had ended.
#[tokio::test]
async fn an_answer_of_http_ends_where_it_says() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let lab = silent_after(Duration::from_millis(50), vip, ready(&[target(1, addr, false)])).await;
    let mut caller = connect(vip).await;
    caller.send("GET / HTTP/1.1\r\n\r\n").await;
    let mut instance = accept(&listener).await;
    instance.read_exact(18).await;
    let state = || {
        let Traffic { calls, answers, .. } = lab.traffic(1);
        (calls, answers)
    };
    assert_eq!(state(), (1, 0));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for part in [head, "1\r\na\r\n", "1\r\nb\r\n"] {
        instance.send(part).await;
        caller.read_exact(part.len()).await;
        until("the silence after it", || state() == (0, 1)).await;
    }
    instance.send("0\r\n\r\n").await;
    caller.read_exact(5).await;
    until("its end", || state() == (0, 0)).await;
    // The next on the same connection, whose caller leaves.
    caller.send("GET / HTTP/1.1\r\n\r\n").await;
    instance.read_exact(18).await;
    instance.send(head).await;
    caller.read_exact(head.len()).await;
    until("the silence after it", || state() == (0, 1)).await;
    drop((caller, instance));
    until("the end of the connection", || state() == (0, 0)).await;
}

/// Bug: a stream of gRPC, and a WebSocket between services, were frozen on both sides in the first pause of an answer.
#[tokio::test]
async fn streams_of_other_kinds_go_on_in_their_pauses() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let lab = silent_after(Duration::from_millis(50), vip, ready(&[target(1, addr, false)])).await;
    let state = || {
        let Traffic { calls, answers, .. } = lab.traffic(1);
        (calls, answers)
    };
    // Frames of HTTP/2: headers, data, and data that ends the stream.
    let (headers, data, last) =
        ("\0\0\x01\x01\0\0\0\0\x01h", "\0\0\x01\0\0\0\0\0\x01d", "\0\0\x01\0\x01\0\0\0\x01d");
    let settings = "\0\0\0\x04\0\0\0\0\0";
    let calls = [headers, data];
    for (first, ask, parts, end) in [
        ("", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{headers}"), calls, Some(last)),
        // A server that tells its settings before it is asked anything.
        (settings, format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{settings}{headers}"), calls, Some(last)),
        (
            "",
            "GET / HTTP/1.1\r\n\r\n".to_owned(),
            ["HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", "\x01\x01a"],
            None,
        ),
    ] {
        let mut caller = connect(vip).await;
        let mut instance = accept(&listener).await;
        instance.send(first).await;
        caller.read_exact(first.len()).await;
        caller.send(&ask).await;
        instance.read_exact(ask.len()).await;
        assert_eq!(state(), (1, 0), "{ask:?}");
        for part in parts {
            instance.send(part).await;
            caller.read_exact(part.len()).await;
            until("the silence after it", || state() == (0, 1)).await;
        }
        match end {
            Some(end) => instance.send(end).await,
            None => drop((caller, instance)),
        }
        until("its end", || state() == (0, 0)).await;
    }
}

/// Bug: a worker that waited for its queue held up a stop for half a minute.
#[tokio::test]
async fn a_stop_waits_for_calls_for_a_while_only() {
    let ((listener, addr), vip) = (listener().await, nobody().await);
    let settings = EdgeSettings { drain_calls: Duration::from_millis(100), ..EdgeSettings::default() };
    let lab = Lab::keeping(TrafficStats::new(), settings, &[]).await;
    lab.table_and(&[("api", ready(&[target(1, addr, false)]))], &[(vip, "api")]).await;
    let mut caller = connect(vip).await;
    caller.send("BLPOP queue 0\r\n").await;
    let mut instance = accept(&listener).await;
    instance.read_exact(15).await;
    until("the question", || lab.traffic(1).calls == 1).await;
    lab.ending.stop.cancel();
    soon("the end", lab.served).await.unwrap().unwrap();
}
