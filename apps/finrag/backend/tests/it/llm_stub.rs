//! A language model over HTTP that answers as it is told, in OpenAI's or Bedrock's wire format, and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the stub does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers, with 1,000 tokens read and 50 written.
    Say(&'static str),
    /// Says nothing, ever.
    Hang,
    /// Begins a stream and then says nothing.
    HangAfter(&'static str),
    /// Answers 200 with this body.
    Raw(&'static str),
    /// Streams these words and then cuts the connection.
    Cut(&'static str),
    /// Answers with an error status and message.
    Fail(u16, &'static str),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Clone)]
struct Shared {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    gate: watch::Receiver<bool>,
}

/// The running stub.
pub(crate) struct Stub {
    pub(crate) url: String,
    shared: Shared,
    gate: watch::Sender<bool>,
}

impl Stub {
    /// Does one act after the other, the last one for ever.
    pub(crate) async fn start(acts: &[Act]) -> Self {
        let stub = Self::shut(acts).await;
        stub.open();
        stub
    }

    /// Answers nobody until it is opened.
    pub(crate) async fn shut(acts: &[Act]) -> Self {
        let (gate, looking) = watch::channel(false);
        let shared = Shared {
            acts: Arc::new(Mutex::new(acts.iter().cloned().collect())),
            seen: Arc::default(),
            gate: looking,
        };
        let router = Router::new()
            .route("/v1/chat/completions", post(openai))
            .route("/model/{model}/converse", post(converse))
            .route("/model/{model}/converse-stream", post(converse_stream))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared, gate }
    }

    /// Lets all answers go.
    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("lock").clone()
    }

    /// The user's part of the last prompt.
    pub(crate) fn last_prompt(&self) -> String {
        let seen = self.seen();
        let body = &seen.last().expect("asked").body;
        let openai = body["messages"][1]["content"].as_str();
        openai.or(body["messages"][0]["content"][0]["text"].as_str()).expect("a prompt").to_owned()
    }
}

impl Shared {
    async fn next(&self, path: String, headers: HeaderMap, body: &Bytes) -> Act {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.seen.lock().expect("lock").push(Seen { path, headers, body });
        // An error means that the test is over.
        let _ = self.gate.clone().wait_for(|open| *open).await;
        let mut acts = self.acts.lock().expect("lock");
        if acts.len() > 1 { acts.pop_front().expect("one") } else { acts[0].clone() }
    }
}

/// Words one by one, as models send them.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

async fn forever() -> Response {
    std::future::pending().await
}

/// A body of these chunks and then nothing, or a cut.
fn broken_off(chunks: Vec<Bytes>, cut: bool, content_type: &str) -> Response {
    let whole = stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let body = if cut {
        let end = stream::once(async {
            // Let the words leave before the connection breaks.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(std::io::Error::other("cut"))
        });
        Body::from_stream(whole.chain(end))
    } else {
        Body::from_stream(whole.chain(stream::pending()))
    };
    ([("content-type", content_type.to_owned())], body).into_response()
}

const SSE: &str = "text/event-stream";
const FRAMES: &str = "application/vnd.amazon.eventstream";

async fn openai(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let act = shared.next("/v1/chat/completions".to_owned(), headers, &body).await;
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let is_streamed = request["stream"] == true;
    let delta = |text: &str| {
        let part =
            json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
        Bytes::from(format!("data: {part}\n\n"))
    };
    match act {
        Act::Say(text) if is_streamed => {
            let mut chunks: Vec<Bytes> = words(text).into_iter().map(delta).collect();
            let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
            let usage = json!({ "choices": [], "usage": { "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050 } });
            chunks.push(format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n").into());
            ([("content-type", SSE)], Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>))))
                .into_response()
        }
        Act::Say(text) => axum::Json(json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": request["model"],
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050 },
        }))
        .into_response(),
        Act::Hang => forever().await,
        Act::HangAfter(text) => broken_off(words(text).into_iter().map(delta).collect(), false, SSE),
        Act::Raw(text) => text.into_response(),
        Act::Cut(text) => broken_off(words(text).into_iter().map(delta).collect(), true, SSE),
        Act::Fail(status, message) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, axum::Json(json!({ "error": { "message": message, "type": "x" } }))).into_response()
        }
    }
}

fn bedrock_failure(status: u16, message: &str) -> Response {
    let kind = match status {
        429 => "ThrottlingException",
        403 => "AccessDeniedException",
        _ => "InternalServerException",
    };
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("x-amzn-errortype", kind)], axum::Json(json!({ "message": message }))).into_response()
}

async fn converse(
    State(shared): State<Shared>,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match shared.next(format!("/model/{model}/converse"), headers, &body).await {
        Act::Say(text) => axum::Json(json!({
            "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
            "stopReason": "end_turn",
            "usage": { "inputTokens": 1000, "outputTokens": 50, "totalTokens": 1050 },
            "metrics": { "latencyMs": 300 },
        }))
        .into_response(),
        Act::Hang | Act::HangAfter(_) => forever().await,
        Act::Raw(text) => ([("content-type", "application/json")], text).into_response(),
        Act::Cut(text) => broken_off(vec![Bytes::from_static(text.as_bytes())], true, "application/json"),
        Act::Fail(status, message) => bedrock_failure(status, message),
    }
}

fn frame(kind: &str, event: &str, payload: &Value) -> Bytes {
    let text =
        |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
    let name = if kind == "exception" { ":exception-type" } else { ":event-type" };
    let message = Message::new(payload.to_string())
        .add_header(text(":message-type", kind))
        .add_header(text(name, event))
        .add_header(text(":content-type", "application/json"));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("a frame");
    bytes.into()
}

async fn converse_stream(
    State(shared): State<Shared>,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let act = shared.next(format!("/model/{model}/converse-stream"), headers, &body).await;
    let begin = |text: &str| {
        let mut frames = vec![frame("event", "messageStart", &json!({ "role": "assistant" }))];
        frames.extend(words(text).into_iter().map(|word| {
            frame("event", "contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": word } }))
        }));
        frames
    };
    match act {
        Act::Say(text) => {
            let mut frames = begin(text);
            frames.push(frame("event", "contentBlockStop", &json!({ "contentBlockIndex": 0 })));
            frames.push(frame("event", "messageStop", &json!({ "stopReason": "end_turn" })));
            let usage = json!({
                "usage": { "inputTokens": 1000, "outputTokens": 50, "totalTokens": 1050 },
                "metrics": { "latencyMs": 300 },
            });
            frames.push(frame("event", "metadata", &usage));
            let body = Body::from_stream(stream::iter(frames.into_iter().map(Ok::<_, std::io::Error>)));
            ([("content-type", FRAMES)], body).into_response()
        }
        Act::Hang => forever().await,
        Act::HangAfter(text) => broken_off(begin(text), false, FRAMES),
        Act::Raw(text) => ([("content-type", FRAMES)], text).into_response(),
        Act::Cut(text) => broken_off(begin(text), true, FRAMES),
        Act::Fail(200, message) => {
            let end = frame("exception", "modelStreamErrorException", &json!({ "message": message }));
            let frames = begin("Some ").into_iter().chain([end]).map(Ok::<_, std::io::Error>);
            ([("content-type", FRAMES)], Body::from_stream(stream::iter(frames))).into_response()
        }
        Act::Fail(status, message) => bedrock_failure(status, message),
    }
}
