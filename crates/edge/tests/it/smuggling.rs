//! Requests made to be understood differently by two readers.

use dormouse_model::Endpoint;

use crate::lab::{Client, Lab, listener, ready, soon, target, until};

#[tokio::test]
async fn what_could_be_two_requests_is_refused() {
    let (_listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    for shape in [
        "content-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        "content-length: +3\r\n\r\nabc",
        "content-length: 3, 4\r\n\r\nabc",
        "content-length: -1\r\n\r\n",
        "content-length: 99999999999999999999\r\n\r\n",
        "transfer-encoding: gzip\r\n\r\nabc",
        "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        " transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "x: a\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "x: a\rb\r\n\r\n",
        "x\0y: a\r\n\r\n",
        "host: other.localhost\r\n\r\n",
    ] {
        let mut client = lab.connect().await;
        client.send(&format!("POST / HTTP/1.1\r\nhost: web.localhost\r\n{shape}")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{shape:?}: {head}");
    }
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: \r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", "400"),
        ("CONNECT web.localhost:80 HTTP/1.1\r\nhost: web.localhost\r\n\r\n", "405"),
        ("POST / HTTP/1.0\r\nhost: web.localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nhost: web.localhost\r\n\r\n", "400"),
    ] {
        let mut client = lab.connect().await;
        client.send(request).await;
        let head = client.head().await;
        assert!(
            head.starts_with("HTTP/1.") && head[8..].starts_with(&format!(" {status} ")),
            "{request:?}: {head}"
        );
    }
}

/// RFC 9112 §6.3 lets a proxy prefer the coding to the length if it drops the length and closes afterwards.
#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_nothing_follows() {
    for lengths in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let (listener, addr) = listener().await;
        let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
        let mut client = lab.connect().await;
        client
            .send(&format!(
                "POST / HTTP/1.1\r\nhost: web.localhost\r\n{lengths}\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: web.localhost\r\n\r\n"
            ))
            .await;
        let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
        let mut instance = Client::of(stream);
        let head = instance.read_until("\r\n\r\n").await;
        assert!(!head.contains("content-length") && head.contains("transfer-encoding: chunked"), "{head}");
        assert_eq!(instance.read_until("0\r\n\r\n").await, "0\r\n\r\n");
        instance.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        let all = client.read_to_end().await;
        assert!(all.ends_with("hi"), "{all}");
        drop(lab);
        assert_eq!(instance.read_to_end().await, "");
    }
}

/// Bug: `GET other.localhost` was taken for `Host: other.localhost`, whatever Host said.
#[tokio::test]
async fn an_authority_alone_names_no_host() {
    let (_listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    for target in ["web.localhost", "web.localhost:80"] {
        let mut client = lab.connect().await;
        client.send(&format!("GET {target} HTTP/1.1\r\nhost: other.localhost\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{target}: {head}");
    }
}

/// Bug: what was no chunk woke whoever it was for, and was answered with 502.
#[tokio::test]
async fn what_is_no_chunk_is_refused_and_wakes_nobody() {
    let (listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)])), ("asleep", Endpoint::Stopped)]).await;
    for body in [
        "zz\r\n",
        "-1\r\nx\r\n",
        "1\r\nxyz\r\n",
        "3\r\nabc\r\nzz\r\n",
        "fffffffffffffffff\r\n",
        "0x1\r\na\r\n",
    ] {
        for service in ["asleep", "web"] {
            let mut client = lab.connect().await;
            client
                .send(&format!(
                    "POST / HTTP/1.1\r\nhost: {service}.localhost\r\ntransfer-encoding: chunked\r\n\r\n{body}"
                ))
                .await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{service} {body:?}: {head}");
        }
    }
    assert_eq!(lab.wakes.calls(), 0);
    drop(listener);
}

#[tokio::test]
async fn chunks_read_ahead_arrive_and_trailers_say_nothing_of_ours() {
    let (listener, addr) = listener().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, true)]))]).await;
    let mut client = lab.connect().await;
    client
        .send(
            "POST / HTTP/1.1\r\nhost: web.localhost\r\ntransfer-encoding: chunked\r\n\
             trailer: X-Forwarded-For, Digest\r\n\r\n1\r\na\r\n2\r\nbc\r\n",
        )
        .await;
    until("a wake", || lab.wakes.calls() == 1).await;
    lab.wakes.answer(Ok(vec![target(1, addr, false)]));
    let (stream, _) = soon("connecting", listener.accept()).await.unwrap();
    let mut instance = Client::of(stream);
    instance.read_until("\r\n\r\n").await;
    client.send("1\r\nd\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\nDigest: x\r\n\r\n").await;
    let body = instance.read_until("\r\n\r\n").await;
    assert_eq!(body, "1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n0\r\ndigest: x\r\n\r\n");
}
