//! Every call, from the typed client over a socket to control and back, with simulated hands.
#![allow(missing_docs, reason = "tests")]

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use dormouse_api::{
    Client, DeployEvent, DeployQuery, DeployStep, Depth, Error, Given, LogLine, LogQuery, LogSource,
    ServiceState,
};
use dormouse_backend::{Workloads, sim::Sim};
use dormouse_control::{Control, ControlSettings};
use dormouse_model::{EdgeId, Time, TrafficReport};
use dormouse_web::WebSettings;
use expect_test::{Expect, expect};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

struct Server {
    _dir: tempfile::TempDir,
    client: Client,
}

/// `net` sets tests apart that run at the same time.
async fn server(net: u8, max_source: u64) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new(1, Time::from(SystemTime::now()));
    let settings = ControlSettings {
        state: dir.path().to_owned(),
        pool: Ipv4Addr::new(127, net, 0, 0),
        domain: "localhost".to_owned(),
        scheme: "http".to_owned(),
        public_port: 8080,
        builds_at_once: 1,
        keep: dormouse_control::Keep::default(),
        most: dormouse_model::Limits::default(),
        clock: dormouse_model::Clock::system(),
    };
    let hands = sim.clone();
    let control = Control::open(settings, sim.clone(), sim).await.unwrap();
    let running: Arc<_> = control.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await });
    // An edge that confirms every table.
    let (mut routes, edge) = (control.routes(), control.clone());
    edge.edge_connected(EdgeId(1));
    routes.mark_changed();
    tokio::spawn(async move {
        while routes.changed().await.is_ok() {
            let generation = routes.borrow_and_update().generation;
            edge.report(EdgeId(1), TrafficReport { generation, ..TrafficReport::default() });
        }
    });
    // The first instance of the first project.
    tokio::spawn(async move {
        let addr = loop {
            match hands.list().await.unwrap().first() {
                Some(workload) => break workload.addr,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let listener = TcpListener::bind((addr, 8000)).await.unwrap();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            // A probe that gives up is none of our business.
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let socket = dir.path().join("api.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let settings = WebSettings { max_source, ..WebSettings::new("1.2.3", "127.0.0.1:8080") };
    tokio::spawn(dormouse_web::serve(listener, control, settings, std::future::pending()));
    Server { _dir: dir, client: Client::new(socket) }
}

fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// In small pieces, as from a network.
fn pieces(tar: Vec<u8>) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let pieces: Vec<_> = tar.chunks(100).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(pieces)
}

fn folder(name: &str) -> DeployQuery {
    DeployQuery { folder: name.to_owned(), ..DeployQuery::default() }
}

const APP: &str = "from fastapi import FastAPI\napp = FastAPI()\n";

fn app() -> Vec<u8> {
    tar(&[("main.py", APP), (dormouse_backend::sim::MARK, "")])
}

fn check_error<T: std::fmt::Debug>(result: Result<T, Error>, expected: Expect) {
    let shown = match result.unwrap_err() {
        Error::Server { status, error, hint, .. } => format!("{status} {error} / {hint:?}"),
        other @ (Error::Unreachable { .. } | Error::Broken { .. }) => panic!("{other}"),
    };
    expected.assert_eq(&shown);
}

async fn events(client: &Client, id: u64, from: u64) -> Vec<DeployEvent> {
    let events = client.deploy_events(id, from).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), events.try_collect()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_folder_s_life() {
    let Server { client, _dir } = server(61, 1 << 20).await;
    let info = client.server().await.unwrap();
    assert_eq!((info.version.as_str(), info.listen.as_str()), ("1.2.3", "127.0.0.1:8080"));

    let accepted = client.deploy(&folder("shop"), &Given::default(), pieces(app())).await.unwrap();
    assert_eq!(
        (accepted.project.as_str(), accepted.urls.as_slice()),
        ("shop", &["http://shop.localhost:8080/".to_owned()][..])
    );
    let all = events(&client, accepted.id, 0).await;
    assert!(all.iter().map(|e| e.seq).eq(0..all.len() as u64), "numbered without gaps: {all:?}");
    assert!(matches!(&all.last().unwrap().step, DeployStep::Done { urls } if *urls == accepted.urls));
    assert_eq!(events(&client, accepted.id, 2).await, all[2..]);

    let service = accepted.services[0].clone();
    let ps = client.ps().await.unwrap();
    assert_eq!(
        (ps.len(), ps[0].state, ps[0].url.as_deref()),
        (1, ServiceState::Ready, Some("http://shop.localhost:8080/"))
    );
    assert!(ps[0].pid.is_some() && ps[0].resident_bytes.is_some(), "{ps:?}");

    client.sleep("shop", None).await.unwrap();
    let ps = client.ps().await.unwrap();
    assert_eq!((ps[0].state, ps[0].depth), (ServiceState::Asleep, Some(Depth::Paged)));
    let affected = client.wake("shop", Some(&service)).await.unwrap();
    assert_eq!(affected.services, accepted.services);
    assert!(client.ps().await.unwrap()[0].last_wake_ms.is_some());

    let query = LogQuery { platform: true, ..LogQuery::default() };
    let lines: Vec<_> = client.logs("shop", &query).await.unwrap().try_collect().await.unwrap();
    let ours = |l: &LogLine| l.service == service && l.instance.as_deref() == Some("i1");
    assert!(lines.iter().all(ours) && lines.iter().any(|l| l.stream == LogSource::Platform), "{lines:?}");
    // Whoever does not ask for what the platform says may be of a release that cannot read it.
    let lines: Vec<_> = client.logs("shop", &LogQuery::default()).await.unwrap().try_collect().await.unwrap();
    assert!(!lines.is_empty() && lines.iter().all(|l| l.stream != LogSource::Platform), "{lines:?}");
    let mut following = client.logs("shop", &LogQuery { follow: true, ..LogQuery::default() }).await.unwrap();

    let gone = client.down_all(false, false).await.unwrap();
    assert_eq!((gone.len(), gone[0].project.as_str()), (1, "shop"));
    assert!(client.ps().await.unwrap().is_empty() && client.down_all(false, false).await.unwrap().is_empty());
    let end = async { while following.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("following ends with the project");
}

#[tokio::test]
async fn refusals() {
    let Server { client, _dir } = server(62, 4000).await;
    check_error(
        client.sleep("shop", None).await,
        expect![[
            r#"404 there is no project `shop` / Some("nothing is deployed yet; `dormouse up DIR` deploys a folder")"#
        ]],
    );
    check_error(client.deploy_events(7, 0).await.map(|_| ()), expect!["404 there is no deploy d7 / None"]);
    let manifest = tar(&[("dormouse.toml", "[project]\nnam = \"shop\"\n"), ("main.py", APP)]);
    let refused = client.deploy(&folder("shop"), &Given::default(), pieces(manifest)).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::Server { status: 422, .. }), "{refused:?}");
    assert!(text.contains("dormouse.toml") && text.contains("nam"), "{text}");
    check_error(
        client.deploy(&folder("shop"), &Given::default(), pieces(vec![7; 3000])).await,
        expect![
            "400 the upload broke off or is not a tar: numeric field was not a number:  when getting cksum for  / None"
        ],
    );
    let large = tar(&[("main.py", &"x".repeat(200_000))]);
    check_error(
        client.deploy(&folder("shop"), &Given::default(), pieces(large)).await,
        expect![[
            r#"413 the source has more than 4000 bytes / Some("exclude data, caches and virtual environments in .dormouseignore")"#
        ]],
    );
    // Nothing of all that is left.
    while std::fs::read_dir(_dir.path().join("sources")).unwrap().count() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(client.ps().await.unwrap().is_empty());
    let nobody = Client::new(_dir.path().join("nobody.sock"));
    assert!(nobody.ps().await.unwrap_err().is_unreachable());
}
