//! The HTTP service.

mod docs;
mod error;
mod info;
mod openapi;
mod query;
mod request;
mod sentences;
mod stats;
mod stream;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use self::error::ApiError;
pub use self::openapi::document;
use crate::answer::Answerer;
use crate::data::Keeper;
use crate::querylog::QueryLog;

/// What all handlers share.
#[derive(Clone)]
pub struct AppState {
    pub(crate) answerer: Arc<Answerer>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) log: Arc<QueryLog>,
    pub(crate) aws_configured: bool,
}

/// A question has 3,500 characters at most, each of 4 bytes at most or of 12 as an escaped pair; the rest is small.
const LARGEST_BODY: usize = 64 * 1024;

/// All routes over `state`.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(info::root))
        .route("/health", get(info::health))
        .route("/meta", get(info::meta))
        .route("/stats", get(stats::stats))
        .route("/query", post(query::query))
        .route("/query/stream", post(stream::stream))
        .route("/sentences/{sentence_id}", get(sentences::sentences))
        .route("/docs", get(docs::docs))
        .route("/openapi.json", get(openapi::json))
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(state)
}
