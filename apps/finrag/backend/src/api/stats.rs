//! `GET /stats`.

use axum::Json;
use axum::extract::State;

use super::AppState;
use super::error::{ApiError, ErrorBody};
use crate::llm::error_chain;
use crate::querylog::Stats;

/// Sums the query log.
#[utoipa::path(
    get,
    path = "/stats",
    tag = "service",
    responses((status = 200, body = Stats), (status = 500, description = "The log cannot be read", body = ErrorBody))
)]
pub(super) async fn stats(State(state): State<AppState>) -> Result<Json<Stats>, ApiError> {
    let stats = state.log.stats().await;
    stats.map(Json).map_err(|error| ApiError::internal("/stats", "query_log", error_chain(&error)))
}
