//! Clearing the history, and undoing that.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Redirect;

use super::cookie;
use crate::App;

/// Empties the session's history; the page that follows offers to undo it.
pub async fn clear(State(app): State<Arc<App>>, headers: HeaderMap) -> Redirect {
    if let Some(session) = cookie::session(&app, &headers) {
        session.clear();
    }
    Redirect::to("/chat")
}

/// Brings back what was cleared.
pub async fn undo(State(app): State<Arc<App>>, headers: HeaderMap) -> Redirect {
    if let Some(session) = cookie::session(&app, &headers) {
        session.undo();
    }
    Redirect::to("/chat")
}
