//! Files in the binary, and the sign of life.

use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::page::Assets;

/// The style sheet, the script, the icon.
pub async fn asset(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some((file, media_type)) = Assets::find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let current = query.is_some_and(|query| query == format!("v={}", Assets::version()));
    let caching = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, caching)], file).into_response()
}

/// That this process serves. It says nothing of the backend: an edge that asks must not take the pages down with it.
pub async fn healthz() -> &'static str {
    "ok\n"
}
