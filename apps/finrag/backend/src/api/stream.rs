//! `POST /query/stream`: the same answer as Server-Sent Events.
//!
//! Every event's data also says its `type`, and a stage its `ms`: clients of the original service read only data lines.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Sse;
use axum::response::sse::{Event as SseEvent, KeepAlive};
use futures_util::Stream;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::AppState;
use super::error::{ApiError, ErrorBody};
use super::query::{answer_aloud, begin, finish};
use super::request::QueryRequest;
use super::wire::millis;
use crate::answer::{Escaper, Event, TextForm};

/// Events that may wait for a slow reader before the answer waits too.
const BACKLOG: usize = 64;
/// Silence after which proxies are told that the connection still lives.
const ALIVE: Duration = Duration::from_secs(15);

/// Answers a question as it is written.
#[utoipa::path(
    post,
    path = "/query/stream",
    tag = "query",
    request_body = QueryRequest,
    responses(
        (
            status = 200,
            description = "Events `stage` {stage, elapsed_ms, detail}, `token` {text}, then one `done` (the body of POST /query) or one `error`",
            content_type = "text/event-stream",
            body = String
        ),
        (status = 422, description = "The request is invalid", body = ErrorBody),
        (status = 503, description = "The data is not loaded yet", body = ErrorBody),
    )
)]
pub(super) async fn stream(
    State(state): State<AppState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, ApiError> {
    let (asked, data, ticket) = begin(&state, body)?;
    let text = asked.text;
    let (events, heard) = mpsc::channel(BACKLOG);
    let (last, ending) = mpsc::channel(1);
    tokio::spawn(async move {
        let answered = answer_aloud(&state, &asked, data, &events).await;
        let end = match finish(&asked, ticket, answered) {
            Ok(response) => named("done", &response),
            Err(error) => named("error", &error.body),
        };
        // Closing `events` first: the ending must come after all of them.
        drop(events);
        let _ = last.send(end).await;
    });
    let mut escaper = Escaper::new();
    let written = move |event: Event| match (event, text) {
        (Event::Token(text), TextForm::Markdown) => Event::Token(escaper.push(&text)),
        (event @ (Event::Token(_) | Event::Stage { .. }), _) => event,
    };
    let events = ReceiverStream::new(heard).map(written).map(sse).chain(ReceiverStream::new(ending)).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

fn sse(event: Event) -> SseEvent {
    match event {
        Event::Stage { stage, elapsed, detail } => {
            let ms = millis(elapsed);
            let mut data = json!({ "stage": stage, "elapsed_ms": ms, "ms": ms });
            if !detail.is_null() {
                data["detail"] = detail;
            }
            named("stage", &data)
        }
        Event::Token(text) => named("token", &json!({ "text": text })),
    }
}

fn named(name: &'static str, data: &impl Serialize) -> SseEvent {
    let mut data = serde_json::to_value(data).unwrap_or_default();
    if let Value::Object(fields) = &mut data {
        fields.insert("type".to_owned(), json!(name));
    }
    SseEvent::default().event(name).data(data.to_string())
}
