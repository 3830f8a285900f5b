//! WebSockets: bytes of people, upkeep of the line, and instances that sleep underneath.

use std::{net::SocketAddrV4, sync::atomic::Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::lab::{Lab, listener, ready, soon, target, until};

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// An instance that hands out its WebSockets, with the host each was asked for.
pub(crate) async fn instance() -> (SocketAddrV4, mpsc::UnboundedReceiver<(Socket, String)>) {
    let (listener, addr) = listener().await;
    let (sockets, accepted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut host = String::new();
            #[allow(clippy::result_large_err, reason = "the library's own signature")]
            let note = |request: &http::Request<()>, response| {
                host = request.headers()["host"].to_str().unwrap().to_owned();
                Ok(response)
            };
            let socket = accept_hdr_async(stream, note).await.unwrap();
            sockets.send((socket, host)).unwrap();
        }
    });
    (addr, accepted)
}

pub(crate) async fn open(lab: &Lab) -> Socket {
    let stream = TcpStream::connect(lab.addr).await.unwrap();
    soon("opening", client_async("ws://web.localhost:1234/stream", stream)).await.unwrap().0
}

pub(crate) async fn next(socket: &mut Socket) -> Message {
    soon("a message", socket.next()).await.unwrap().unwrap()
}

/// A WebSocket that is open.
struct Joined {
    lab: Lab,
    /// Where the instance listens.
    addr: SocketAddrV4,
    client: Socket,
    server: Socket,
}

async fn joined() -> Joined {
    let (addr, mut accepted) = instance().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let client = open(&lab).await;
    let (server, _) = soon("accepting", accepted.recv()).await.unwrap();
    Joined { lab, addr, client, server }
}

#[tokio::test]
async fn frames_pass_both_ways_and_no_request_is_in_flight() {
    let (addr, mut accepted) = instance().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let mut client = open(&lab).await;
    let (mut server, host) = soon("accepting", accepted.recv()).await.unwrap();
    assert_eq!(host, "web.localhost:1234");
    let big = "x".repeat(1 << 20);
    for text in ["hello", &big] {
        let (sent, got) = tokio::join!(client.send(Message::text(text)), next(&mut server));
        sent.unwrap();
        assert_eq!(got, Message::text(text));
        let (sent, got) = tokio::join!(server.send(Message::text(text)), next(&mut client));
        sent.unwrap();
        assert_eq!(got, Message::text(text));
    }
    let traffic = lab.traffic(1);
    assert_eq!((traffic.in_flight, traffic.connections), (0, 1));
    client.close(None).await.unwrap();
    assert!(matches!(next(&mut server).await, Message::Close(_)));
    drop((client, server));
    until("the end", || lab.traffic(1).connections == 0).await;
}

/// Bug: a handler that worked for longer than the idle time was frozen in the middle.
#[tokio::test]
async fn a_message_is_owed_a_reply() {
    let Joined { lab, mut client, mut server, .. } = joined().await;
    assert_eq!(lab.traffic(1).messages, 0, "an open one is owed nothing");
    client.send(Message::Pong(vec![1].into())).await.unwrap();
    assert!(next(&mut server).await.is_pong());
    assert_eq!(lab.traffic(1).messages, 0, "nor is upkeep");
    for question in ["one", "two"] {
        client.send(Message::text(question)).await.unwrap();
        assert_eq!(next(&mut server).await, Message::text(question));
        assert_eq!(lab.traffic(1).messages, 1);
        server.send(Message::Ping(vec![1].into())).await.unwrap();
        assert!(next(&mut client).await.is_ping());
        client.flush().await.unwrap();
        assert!(next(&mut server).await.is_pong());
        let waiting = lab.traffic(1);
        // A tick of the clock that messages are told by.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        assert_eq!((waiting.messages, waiting.last_event.is_some()), (1, question == "two"), "no answer");
        server.send(Message::text("reply")).await.unwrap();
        assert_eq!(next(&mut client).await, Message::text("reply"));
        let answered = lab.traffic(1);
        assert_eq!(answered.messages, 0);
        assert!(answered.last_event > waiting.last_event);
    }
    client.send(Message::text("last")).await.unwrap();
    until("the last one", || lab.traffic(1).messages == 1).await;
    drop(client);
    until("nobody waits any more", || lab.traffic(1).messages == 0).await;
}

#[tokio::test]
async fn the_first_frame_wakes_and_arrives_once_awake() {
    let Joined { lab, addr, mut client, mut server } = joined().await;
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    let before = lab.traffic(1).last_client_byte;
    client.send(Message::text("click")).await.unwrap();
    until("the call", || lab.wakes.calls() == 1).await;
    // Not a byte before the answer.
    let mut byte = [0];
    let early = server.get_ref().try_read(&mut byte);
    assert!(early.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
    assert_eq!(lab.traffic(1).last_client_byte, before);
    lab.wakes.answer(Ok(vec![target(1, addr, false)]));
    assert_eq!(next(&mut server).await, Message::text("click"));
    assert!(lab.traffic(1).last_client_byte > before);
    // The table is late to say so; the grant is remembered.
    client.send(Message::text("again")).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("again"));
    assert_eq!(lab.wakes.calls(), 1);
    // It falls asleep once more.
    lab.table(&[("web", ready(&[target(1, addr, false)]))]).await;
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    client.send(Message::text("third")).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("third"));
    assert_eq!(lab.wakes.calls(), 2);
}

#[tokio::test]
async fn pongs_neither_wake_nor_count() {
    let Joined { lab, addr, mut client, mut server } = joined().await;
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    let before = lab.traffic(1).last_client_byte;
    for number in 0..3u8 {
        client.send(Message::Pong(vec![number; 100].into())).await.unwrap();
        assert_eq!(next(&mut server).await, Message::Pong(vec![number; 100].into()));
    }
    // A ping of the server is passed on and answered by the client; its pong passes too.
    server.send(Message::Ping(vec![7].into())).await.unwrap();
    assert_eq!(next(&mut client).await, Message::Ping(vec![7].into()));
    client.flush().await.unwrap();
    assert_eq!(next(&mut server).await, Message::Pong(vec![7].into()));
    assert_eq!(lab.traffic(1).last_client_byte, before);
    assert_eq!(lab.wakes.calls(), 0);
    assert_eq!(lab.traffic(1).connections, 1);
}

/// Bug: a client that pings, as Python's `websockets` does every 20 s, took a sleeping service for dead and cut the line.
#[tokio::test]
async fn pings_are_answered_for_a_sleeper() {
    let Joined { lab, addr, mut client, mut server } = joined().await;
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    let before = lab.traffic(1).last_client_byte;
    for number in 0..3u8 {
        client.send(Message::Ping(vec![number; 100].into())).await.unwrap();
        assert_eq!(next(&mut client).await, Message::Pong(vec![number; 100].into()));
    }
    assert_eq!((lab.traffic(1).last_client_byte, lab.wakes.calls()), (before, 0));
    // One that is awake answers for itself, and finds no old questions.
    lab.table(&[("web", ready(&[target(1, addr, false)]))]).await;
    client.send(Message::Ping(vec![7].into())).await.unwrap();
    assert_eq!(next(&mut server).await, Message::Ping(vec![7].into()));
    server.flush().await.unwrap();
    assert_eq!(next(&mut client).await, Message::Pong(vec![7].into()));
}

#[tokio::test]
async fn opening_one_on_a_sleeping_service_wakes_it() {
    let (addr, mut accepted) = instance().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, true)]))]).await;
    lab.wakes.answer(Ok(vec![target(1, addr, false)]));
    let mut client = open(&lab).await;
    let (mut server, _) = soon("accepting", accepted.recv()).await.unwrap();
    client.send(Message::text("hello")).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("hello"));
}

#[tokio::test]
async fn a_client_that_leaves_ends_it_without_a_wake() {
    let (addr, mut accepted) = instance().await;
    let lab = Lab::new(&[("web", ready(&[target(1, addr, false)]))]).await;
    let client = open(&lab).await;
    let (server, _) = soon("accepting", accepted.recv()).await.unwrap();
    lab.table(&[("web", ready(&[target(1, addr, true)]))]).await;
    drop(client);
    until("the end", || lab.traffic(1).connections == 0).await;
    assert_eq!(lab.wakes.calls.load(Ordering::SeqCst), 0);
    drop(server);
}

/// Bug: nobody noticed when a server that pings took a page for gone, because it had slept.
#[tokio::test]
async fn who_takes_its_client_for_gone_is_told_of() {
    let close = |code, reason: &'static str| CloseFrame { code, reason: reason.into() };
    for (what, pings, farewell, told) in [
        ("misses a pong", true, Some(close(CloseCode::Error, "keepalive ping timeout")), true),
        ("hangs up", true, None, true),
        ("hangs up, and never pinged", false, None, false),
        ("is done", true, Some(close(CloseCode::Normal, "bye")), false),
    ] {
        let Joined { lab, mut client, mut server, .. } = joined().await;
        if pings {
            server.send(Message::Ping(vec![1].into())).await.unwrap();
            assert!(next(&mut client).await.is_ping());
            client.flush().await.unwrap();
            assert!(next(&mut server).await.is_pong());
        }
        assert_eq!(lab.traffic(1).cut, None, "{what}");
        if let Some(farewell) = farewell {
            server.close(Some(farewell)).await.unwrap();
            assert!(next(&mut client).await.is_close());
        }
        drop(server);
        // Its end arrives.
        while soon("the end", client.next()).await.is_some_and(|message| message.is_ok()) {}
        drop(client);
        until("the end", || lab.traffic(1).connections == 0).await;
        assert_eq!(lab.traffic(1).cut.is_some(), told, "{what}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_was_not_taken_for_gone() {
    for says_goodbye in [true, false] {
        let Joined { lab, mut client, mut server, .. } = joined().await;
        server.send(Message::Ping(vec![1].into())).await.unwrap();
        assert!(next(&mut client).await.is_ping());
        if says_goodbye {
            client.close(None).await.unwrap();
            while !next(&mut server).await.is_close() {}
        }
        drop(client);
        // The edge passes that on.
        while soon("the end", server.next()).await.is_some_and(|message| message.is_ok()) {}
        drop(server);
        until("the end", || lab.traffic(1).connections == 0).await;
        assert_eq!(lab.traffic(1).cut, None);
    }
}
