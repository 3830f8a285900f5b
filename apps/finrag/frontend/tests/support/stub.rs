//! A backend that plays a script, over real HTTP on this machine.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::answers;

/// What the backend does with a question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Streams this response: stages, the words of its answer, the whole.
    Answer(Box<Value>),
    /// The same, a permit for each event.
    Paced(Box<Value>, Arc<Semaphore>),
    /// Refuses, with this body.
    Status(u16, Value),
    /// Streams these words, then the connection breaks.
    Cut(String),
    /// Streams these words, then the stream ends in good order without the whole.
    Half(String),
    /// Sends these bytes as the stream.
    Raw(String),
    /// Never says anything.
    Hang,
    /// Streams these words, then nothing more.
    Stall(String),
}

/// What it was asked.
#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    asked: Vec<Value>,
    looked_up: Vec<String>,
    meta: Option<(u16, Value)>,
    health: Option<(u16, Value)>,
    neighbours: Option<(u16, Value)>,
}

/// The running stub.
#[derive(Debug, Clone)]
pub(crate) struct Stub {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    pace: Duration,
    streams: bool,
}

impl Stub {
    /// Starts one at an address; `pace` lies between two words.
    pub(crate) async fn start(at: SocketAddr, pace: Duration) -> Self {
        Self::serve(at, pace, true).await
    }

    /// Starts one that knows no streams, as the original does not.
    pub(crate) async fn without_streams() -> Self {
        Self::serve(([127, 0, 0, 1], 0).into(), Duration::ZERO, false).await
    }

    async fn serve(at: SocketAddr, pace: Duration, streams: bool) -> Self {
        let listener = TcpListener::bind(at).await.expect("a free port");
        let stub =
            Self { address: listener.local_addr().expect("bound"), script: Arc::default(), pace, streams };
        let mut router = Router::new()
            .route("/health", get(health))
            .route("/query", post(query))
            .route("/sentences/{id}", get(sentences));
        if streams {
            router = router.route("/query/stream", post(query_stream)).route("/meta", get(meta));
        }
        let router = router.with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    /// The replies to the next questions; later ones get what suits them.
    pub(crate) fn play(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().expect("whole").replies.extend(replies);
    }

    /// What `/meta`, `/health` and `/sentences` say from now on.
    pub(crate) fn set(&self, what: &str, status: u16, body: Value) {
        let mut script = self.script.lock().expect("whole");
        match what {
            "meta" => script.meta = Some((status, body)),
            "health" => script.health = Some((status, body)),
            "sentences" => script.neighbours = Some((status, body)),
            other => panic!("no {other}"),
        }
    }

    /// The bodies of the questions so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.script.lock().expect("whole").asked.clone()
    }

    /// The sentences looked up so far, each with its query.
    pub(crate) fn looked_up(&self) -> Vec<String> {
        self.script.lock().expect("whole").looked_up.clone()
    }

    fn next(&self, body: &Value) -> Reply {
        let mut script = self.script.lock().expect("whole");
        script.asked.push(body.clone());
        script
            .replies
            .pop_front()
            .unwrap_or_else(|| answers::reply_to(body["question"].as_str().unwrap_or_default()))
    }
}

fn said(set: Option<(u16, Value)>, otherwise: impl FnOnce() -> Value) -> Response {
    let (status, body) = set.unwrap_or_else(|| (200, otherwise()));
    (StatusCode::from_u16(status).expect("a status"), Json(body)).into_response()
}

async fn health(State(stub): State<Stub>) -> Response {
    let set = stub.script.lock().expect("whole").health.clone();
    said(set, || json!({ "status": "healthy", "model_root_exists": true, "aws_configured": false }))
}

async fn meta(State(stub): State<Stub>) -> Response {
    let set = stub.script.lock().expect("whole").meta.clone();
    said(set, answers::meta)
}

async fn sentences(State(stub): State<Stub>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let mut script = stub.script.lock().expect("whole");
    script.looked_up.push(format!("{id}?{}", query.unwrap_or_default()));
    let set = script.neighbours.clone();
    drop(script);
    said(set, || answers::neighbours(&id))
}

async fn query(State(stub): State<Stub>, Json(body): Json<Value>) -> Response {
    match stub.next(&body) {
        Reply::Answer(response) => Json(*response).into_response(),
        Reply::Status(status, body) => said(Some((status, body)), || Value::Null),
        reply @ (Reply::Paced(..)
        | Reply::Cut(_)
        | Reply::Half(_)
        | Reply::Raw(_)
        | Reply::Hang
        | Reply::Stall(_)) => panic!("{reply:?} is for streams"),
    }
}

async fn query_stream(State(stub): State<Stub>, Json(body): Json<Value>) -> Response {
    let (events, end, permits): (Vec<String>, End, _) = match stub.next(&body) {
        Reply::Answer(response) => (whole(&response), End::Good, None),
        Reply::Paced(response, permits) => (whole(&response), End::Good, Some(permits)),
        Reply::Status(status, body) => return said(Some((status, body)), || Value::Null),
        Reply::Cut(text) => (words(&text), End::Broken, None),
        Reply::Half(text) => (words(&text), End::Good, None),
        Reply::Raw(bytes) => (vec![bytes], End::Good, None),
        Reply::Hang => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        Reply::Stall(text) => (words(&text), End::Never, None),
    };
    let pace = stub.pace;
    let events = stream::iter(events).then(move |event| {
        let permits = permits.clone();
        async move {
            if let Some(permits) = permits {
                permits.acquire().await.expect("open").forget();
            }
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            Ok::<_, std::io::Error>(Bytes::from(event))
        }
    });
    let body = match end {
        End::Good => Body::from_stream(events),
        End::Broken => Body::from_stream(events.chain(stream::once(async {
            // What was written has to leave before the connection goes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(std::io::Error::other("broken on purpose"))
        }))),
        End::Never => Body::from_stream(events.chain(stream::pending())),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

enum End {
    Good,
    Broken,
    Never,
}

/// An event as it goes over the wire.
pub(crate) fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(|word| event("token", &json!({ "text": word }))).collect()
}

fn whole(response: &Value) -> Vec<String> {
    let total = response["metadata"]["processing_time_ms"].as_f64().unwrap_or(1_000.0);
    let stage = |name: &str, share: f64| {
        event("stage", &json!({ "stage": name, "elapsed_ms": total * share, "detail": null }))
    };
    let mut events = vec![
        stage("understanding", 0.01),
        stage("kpi", 0.005),
        stage("retrieval", 0.04),
        stage("first_token", 0.3),
    ];
    events.extend(words(response["answer"].as_str().unwrap_or_default()));
    events.push(stage("synthesis", 0.9));
    events.push(event("done", response));
    events
}
