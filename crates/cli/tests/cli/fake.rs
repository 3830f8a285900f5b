//! A server on a Unix socket whose answers are written down beforehand.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, Request, State},
    response::Response,
};
use futures_util::stream;
use tempfile::TempDir;

/// In the place of a status: the answer breaks off.
pub(crate) const KILLED: u16 = 0;

/// Answers by `METHOD /path`, used in turn; the last one stays.
type Script = Vec<(&'static str, Vec<(u16, String)>)>;

pub(crate) struct Fake {
    state: TempDir,
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) fn start(script: Script) -> Self {
        let state = tempfile::tempdir().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { script: Arc::new(Mutex::new(script)), seen: seen.clone() };
        let socket = state.path().join("api.sock");
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::bind(socket).unwrap();
                ready.send(()).unwrap();
                axum::serve(listener, Router::new().fallback(answer).with_state(shared)).await.unwrap();
            });
        });
        is_ready.recv().unwrap();
        Self { state, seen }
    }

    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// What it was asked, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Shared>, RawQuery(query): RawQuery, request: Request) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let query = query.map(|q| format!("?{q}")).unwrap_or_default();
    axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    shared.seen.lock().unwrap().push(format!("{what}{query}"));
    let mut script = shared.script.lock().unwrap();
    let (status, body) = match script.iter_mut().find(|(w, _)| *w == what) {
        Some((_, answers)) if answers.len() > 1 => answers.remove(0),
        Some((_, answers)) => answers[0].clone(),
        None => (404, r#"{"error":"not in the script"}"#.to_owned()),
    };
    // Killed while it answers.
    if status == KILLED {
        let cut = stream::iter([Ok(Bytes::from(body)), Err(io::Error::other("killed"))]);
        return Response::new(Body::from_stream(cut));
    }
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

/// The answer to `GET /v1/server`.
pub(crate) fn server() -> (&'static str, Vec<(u16, String)>) {
    let info = r#"{"version":"1","pid":1,"listen":"127.0.0.1:8080","state_dir":"/s","started_at":0,"can_page":true}"#;
    ("GET /v1/server", vec![(200, info.to_owned())])
}
