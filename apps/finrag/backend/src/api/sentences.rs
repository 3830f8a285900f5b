//! `GET /sentences/{sentence_id}`: a sentence among its neighbours.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::error::{ApiError, ErrorBody};

/// How much to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Around {
    /// Sentences on either side, 50 at most.
    #[serde(default = "three")]
    #[param(default = 3, maximum = 50)]
    around: usize,
}

fn three() -> usize {
    3
}

const MOST_AROUND: usize = 50;

/// Consecutive sentences of one section.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassageBody {
    /// `=== [TICKER] NAME | FY | Doc | Section | Sentences a - b ===`.
    header: String,
    ticker: String,
    company: String,
    year: i32,
    doc_id: String,
    section: String,
    sentences: Vec<SentenceBody>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentenceBody {
    sentence_id: String,
    /// Place within the section.
    position: i32,
    text: String,
    /// Whether it is the one asked for.
    hit: bool,
}

/// Gives a sentence with those around it.
#[utoipa::path(
    get,
    path = "/sentences/{sentence_id}",
    tag = "data",
    params(("sentence_id" = String, Path, description = "The sentence's id"), Around),
    responses(
        (status = 200, body = PassageBody),
        (status = 404, description = "No such sentence", body = ErrorBody),
        (status = 503, description = "Not loaded yet", body = ErrorBody),
    )
)]
pub(super) async fn sentences(
    State(state): State<AppState>,
    Path(id): Path<String>,
    around: Result<Query<Around>, QueryRejection>,
) -> Result<Json<PassageBody>, ApiError> {
    let Query(Around { around }) = around.map_err(|error| ApiError::invalid(&id, error.body_text()))?;
    let Some(data) = state.keeper.current() else {
        let trouble = state.keeper.trouble();
        return Err(ApiError::not_ready(&id, trouble.as_ref().map(|words| words.as_str())));
    };
    let wanted = id.clone();
    let found = state
        .answerer
        .pool
        .run(move || data.engine.neighbours(&wanted, around.min(MOST_AROUND)))
        .await
        .map_err(|error| ApiError::internal(&id, "lookup", error.to_string()))?;
    let Some(passage) = found else {
        return Err(ApiError::not_found(&id, format!("there is no sentence `{id}`")));
    };
    Ok(Json(PassageBody {
        header: passage.header,
        ticker: passage.ticker,
        company: passage.company,
        year: passage.year,
        doc_id: passage.doc_id,
        section: passage.section,
        sentences: passage
            .sentences
            .into_iter()
            .map(|sentence| SentenceBody {
                hit: sentence.sentence_id == id,
                sentence_id: sentence.sentence_id,
                position: sentence.position,
                text: sentence.text,
            })
            .collect(),
    }))
}
