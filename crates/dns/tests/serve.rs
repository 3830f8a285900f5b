//! Real sockets on loopback, with a resolver of our own behind.
#![allow(missing_docs, reason = "a test")]

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use dormouse_dns::Inherited;
use dormouse_model::{Door, Keep, RouteTable, ZoneRecord};
use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::A},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};
use tokio_util::sync::CancellationToken;

fn zone(gateway: [u8; 4], names: &[(&str, [u8; 4])]) -> ZoneRecord {
    let names = names.iter().map(|(n, a)| ((*n).to_owned(), Ipv4Addr::from(*a))).collect();
    ZoneRecord { gateway: gateway.into(), prefix: 24, more: vec![], project: None, names }
}

fn table(zones: Vec<ZoneRecord>) -> Arc<RouteTable> {
    Arc::new(RouteTable { zones, ..RouteTable::default() })
}

/// A resolver that knows one address for everything.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((n, peer)) = socket.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..n]).unwrap();
            let mut reply = Message::response(query.metadata.id, OpCode::Query);
            let name = query.queries[0].name().clone();
            reply.add_queries(query.queries);
            reply.add_answer(Record::from_rdata(name, 60, RData::A(A([203, 0, 113, 9].into()))));
            socket.send_to(&reply.to_vec().unwrap(), peer).unwrap();
        }
    });
    addr
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn query(name: &str) -> Vec<u8> {
    let mut query = Message::query();
    query.add_query(Query::query(Name::from_str(name).unwrap(), RecordType::A));
    query.to_vec().unwrap()
}

fn shown(reply: &[u8]) -> String {
    let m = Message::from_vec(reply).unwrap();
    match m.answers.first() {
        Some(record) => record.data.to_string(),
        None => format!("{:?}", m.metadata.response_code),
    }
}

/// Ask from `from`; `None` when nobody answers.
async fn ask(from: [u8; 4], at: SocketAddr, name: &str) -> Option<String> {
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::from(from), 0)).await.unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..10 {
        socket.send_to(&query(name), at).await.unwrap();
        if let Ok(Ok(n)) = tokio::time::timeout(Duration::from_millis(300), socket.recv(&mut buffer)).await {
            return Some(shown(&buffer[..n]));
        }
    }
    None
}

#[tokio::test]
async fn each_network_has_its_own_names() {
    let port = free_port();
    let (tables, receiver) = watch::channel(table(vec![
        zone([127, 9, 1, 1], &[("backend", [127, 9, 1, 2])]),
        zone([127, 9, 2, 1], &[("backend", [127, 9, 2, 2])]),
    ]));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(dormouse_dns::serve_on(
        port,
        receiver,
        vec![resolver()],
        Inherited::default(),
        shutdown.clone(),
    ));
    let one = SocketAddr::from(([127, 9, 1, 1], port));
    let two = SocketAddr::from(([127, 9, 2, 1], port));

    assert_eq!(ask([127, 9, 1, 64], one, "backend.").await.as_deref(), Some("127.9.1.2"));
    assert_eq!(ask([127, 9, 2, 64], two, "backend.").await.as_deref(), Some("127.9.2.2"));
    assert_eq!(ask([127, 9, 1, 64], one, "example.org.").await.as_deref(), Some("203.0.113.9"));
    assert_eq!(ask([127, 9, 2, 64], one, "backend.").await, None, "a neighbour's names are not told");

    // A new service, and a network that goes.
    tables.send_replace(table(vec![zone([127, 9, 1, 1], &[("db", [127, 9, 1, 3])])]));
    assert_eq!(ask([127, 9, 1, 64], one, "db.").await.as_deref(), Some("127.9.1.3"));
    assert_eq!(ask([127, 9, 2, 64], two, "backend.").await, None);

    shutdown.cancel();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn long_answers_go_over_tcp() {
    let port = free_port();
    let (_tables, receiver) =
        watch::channel(table(vec![zone([127, 0, 0, 1], &[("backend", [127, 0, 0, 2])])]));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(dormouse_dns::serve_on(
        port,
        receiver,
        Vec::new(),
        Inherited::default(),
        shutdown.clone(),
    ));
    assert!(ask([127, 0, 0, 1], ([127, 0, 0, 1], port).into(), "backend.").await.is_some());

    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for (name, expected) in
        [("backend.", "127.0.0.2".to_owned()), ("example.org.", format!("{:?}", ResponseCode::ServFail))]
    {
        let query = query(name);
        stream.write_u16(u16::try_from(query.len()).unwrap()).await.unwrap();
        stream.write_all(&query).await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut reply = vec![0; length.into()];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(shown(&reply), expected);
    }
    shutdown.cancel();
    served.await.unwrap().unwrap();
}

/// Bug: questions that were asked while a killed edge was replaced were lost, and asked again five seconds later.
#[tokio::test]
async fn a_question_waits_for_the_next_process() {
    let port = free_port();
    let gateway = [127, 9, 3, 1];
    let with = |generation| RouteTable {
        generation,
        zones: vec![zone(gateway, &[("backend", [127, 9, 3, 2])])],
        ..RouteTable::default()
    };
    let (tables, receiver) = watch::channel(Arc::new(with(1)));
    let (keep, kept) = std::sync::mpsc::channel();
    let keeping = Inherited { keep: Some(keep.clone()), ..Inherited::default() };
    let first = tokio::spawn(dormouse_dns::serve_on(
        port,
        receiver.clone(),
        Vec::new(),
        keeping,
        CancellationToken::new(),
    ));
    let at = SocketAddr::from((gateway, port));
    assert!(ask([127, 9, 3, 64], at, "backend.").await.is_some());
    let mut held = Inherited { keep: Some(keep), ..Inherited::default() };
    for Keep { door, socket, .. } in kept.try_iter() {
        match (door, socket) {
            (Door::NamesUdp, Some(socket)) => held.udp.push(socket.into()),
            (Door::NamesTcp, Some(socket)) => held.tcp.push(socket.into()),
            (other, socket) => panic!("{other:?} {socket:?}"),
        }
    }
    assert_eq!((held.udp.len(), held.tcp.len()), (1, 1));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());

    let asker = tokio::net::UdpSocket::bind((Ipv4Addr::from([127, 9, 3, 64]), 0)).await.unwrap();
    asker.send_to(&query("backend."), at).await.unwrap();
    // It knows no names yet, and keeps what it was given for when it does.
    tables.send_replace(Arc::default());
    let served =
        tokio::spawn(dormouse_dns::serve_on(port, receiver, Vec::new(), held, CancellationToken::new()));
    tables.send_replace(Arc::new(with(2)));
    let mut buffer = [0; 4096];
    let answer = tokio::time::timeout(Duration::from_secs(10), asker.recv(&mut buffer)).await;
    assert_eq!(shown(&buffer[..answer.expect("it is lost").unwrap()]), "127.9.3.2");
    assert!(kept.try_recv().is_err(), "all of it is held already");

    tables.send_replace(Arc::new(RouteTable { generation: 3, ..RouteTable::default() }));
    let gone = tokio::task::spawn_blocking(move || {
        [0, 1].map(|_| match kept.recv_timeout(Duration::from_secs(10)) {
            Ok(Keep { door, socket: None, .. }) => door,
            other => panic!("{other:?}"),
        })
    });
    assert_eq!(gone.await.unwrap(), [Door::NamesUdp, Door::NamesTcp]);
    served.abort();
}
