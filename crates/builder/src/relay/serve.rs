//! Connections from a build.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{Door, answer::answer};

/// Connections to one host at a time; more wait.
const CONNECTIONS: usize = 64;

/// How long a head, and agreeing on TLS, may take.
const BEGIN: Duration = Duration::from_secs(30);
const HEAD: usize = 64 << 10;

/// Different lines that one command is told.
const MOST: usize = 20;

/// Tells people what a build should have done otherwise, each line once.
pub(crate) struct Tell {
    told: Mutex<BTreeSet<String>>,
    to: Box<dyn Fn(&str) + Send + Sync>,
}

impl Tell {
    pub(crate) fn new(to: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { told: Mutex::default(), to: Box::new(to) }
    }

    pub(super) fn once(&self, what: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for line in what.lines() {
            if told.len() < MOST && told.insert(line.to_owned()) {
                (self.to)(line);
            }
        }
    }
}

/// Take connections until dropped, which cuts those that are open.
pub(super) async fn accept(door: Arc<Door>, listener: TcpListener, tell: Arc<Tell>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (door, tell) = (door.clone(), tell.clone());
                open.spawn(async move {
                    connection(&door, stream, &tell).await;
                    drop(place);
                });
            }
            // Out of files, or it was gone again.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(door: &Arc<Door>, stream: TcpStream, tell: &Arc<Tell>) {
    stream.set_nodelay(true).ok();
    match &door.tls {
        None => requests(door, stream, tell).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(BEGIN, tls.accept(stream)).await {
                requests(door, stream, tell).await;
            }
        }
    }
}

async fn requests(
    door: &Arc<Door>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tell: &Arc<Tell>,
) {
    let each = service_fn(|request: Request<Incoming>| {
        let (door, tell) = (door.clone(), tell.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(&door, &request, &tell).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(BEGIN)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), each)
        .await
        .ok();
}
