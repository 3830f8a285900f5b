//! `GET /openapi.json`.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi;

use super::{info, query, sentences, stats, stream};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "FinRAG API",
        description = "Questions about SEC 10-K filings, answered from their sentences and figures, with citations."
    ),
    paths(
        info::root,
        info::health,
        info::meta,
        query::query,
        stream::stream,
        sentences::sentences,
        stats::stats
    ),
    tags(
        (name = "query", description = "Asking"),
        (name = "data", description = "What is in the data"),
        (name = "service", description = "The service itself")
    )
)]
struct Api;

/// The service's OpenAPI 3.1 document.
pub fn document() -> openapi::OpenApi {
    Api::openapi()
}

pub(super) async fn json() -> Json<openapi::OpenApi> {
    Json(document())
}
