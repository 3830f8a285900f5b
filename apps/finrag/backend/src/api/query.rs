//! `POST /query`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;

use super::AppState;
use super::error::{ApiError, ErrorBody};
use super::request::{self, QueryRequest};
use super::wire::{QueryResponse, stages};
use crate::answer::{Asked, Event, Failure, Outcome, Stages};
use crate::data::Loaded;
use crate::querylog::{Row, Ticket};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Answers a question.
#[utoipa::path(
    post,
    path = "/query",
    tag = "query",
    request_body = QueryRequest,
    responses(
        (status = 200, description = "The answer", body = QueryResponse),
        (status = 422, description = "The request is invalid", body = ErrorBody),
        (status = 502, description = "The language model failed", body = ErrorBody),
        (status = 503, description = "The data is not loaded yet", body = ErrorBody),
    )
)]
pub(super) async fn query(
    State(state): State<AppState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<QueryResponse>, ApiError> {
    let (asked, data, ticket) = begin(&state, body)?;
    let answered = state.answerer.answer(&asked, data, None).await;
    finish(&asked, ticket, answered).map(Json)
}

/// Reads the request, and takes the snapshot and the log's ticket for it.
pub(super) fn begin(
    state: &AppState,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Asked, Arc<Loaded>, Ticket), ApiError> {
    let asked = request::read(body, &state.answerer.catalogue)?;
    let Some(data) = state.keeper.current() else {
        let trouble = state.keeper.trouble();
        return Err(ApiError::not_ready(&asked.question, trouble.as_ref().map(|words| words.as_str())));
    };
    let ticket =
        Ticket::new(Arc::clone(&state.log), &asked.question, &asked.model.key, &asked.model.model_id);
    Ok((asked, data, ticket))
}

/// Runs the answer with events, until it is there or nobody listens any more.
pub(super) async fn answer_aloud(
    state: &AppState,
    asked: &Asked,
    data: Arc<Loaded>,
    events: &mpsc::Sender<Event>,
) -> Result<Outcome, Failure> {
    tokio::select! {
        answered = state.answerer.answer(asked, data, Some(events)) => answered,
        () = events.closed() => Err(Failure::Gone),
    }
}

/// Logs the query and gives its body.
pub(super) fn finish(
    asked: &Asked,
    ticket: Ticket,
    answered: Result<Outcome, Failure>,
) -> Result<QueryResponse, ApiError> {
    match answered {
        Ok(outcome) => {
            let times = Times::of(&outcome.stages);
            let names = stages(&outcome).to_string();
            let response = QueryResponse::new(asked, outcome, ticket.elapsed_ms());
            ticket.close(|row| record(row, &response, names, times));
            Ok(response)
        }
        Err(failure) => {
            let error = ApiError::failure(&asked.question, &failure);
            tracing::warn!(stage = error.body.stage, kind = error.body.error_type, "{failure}");
            // A client that left is what the ticket says by itself.
            if !matches!(failure, Failure::Gone) {
                ticket.close(|row| {
                    row.status = error.status.as_u16();
                    row.trouble = Some(error.trouble());
                });
            }
            Err(error)
        }
    }
}

struct Times {
    retrieval: f64,
    llm: f64,
}

impl Times {
    fn of(stages: &Stages) -> Self {
        let of = |wanted: &[&str]| {
            let took: Duration =
                stages.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, took)| *took).sum();
            super::wire::millis(took)
        };
        // `kpi` runs within `understanding`, `first_token` within `synthesis`.
        Self { retrieval: of(&["understanding", "retrieval"]), llm: of(&["synthesis"]) }
    }
}

fn record(row: &mut Row, response: &QueryResponse, stages: String, times: Times) {
    let llm = &response.metadata.llm;
    row.input_tokens = llm.input_tokens;
    row.output_tokens = llm.output_tokens;
    row.cost = llm.cost;
    row.stop_reason.clone_from(&llm.stop_reason);
    row.stages = stages;
    row.retrieval_ms = times.retrieval;
    row.llm_ms = times.llm;
    row.status = 200;
    row.trouble = None;
}
