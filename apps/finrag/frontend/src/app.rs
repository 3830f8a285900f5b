//! What all requests share, and the routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::routes;
use crate::session::Store;
use crate::settings::Settings;
use crate::watch::Watch;

/// The largest form taken: far more than any question, so that even one that is much too long is handed back to its
/// asker rather than lost.
const LARGEST_FORM: usize = 1 << 20;

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// Settings.
    pub settings: Settings,
    /// The way to the backend.
    pub backend: Backend,
    /// What is known of the backend.
    pub watch: Watch,
    /// All sessions.
    pub sessions: Store,
    /// One permit for each question that may be under way.
    pub running: Arc<Semaphore>,
}

impl App {
    /// Everything from the settings.
    pub fn new(settings: Settings) -> Result<Arc<Self>, reqwest::Error> {
        Ok(Arc::new(Self {
            backend: Backend::new(settings.backend.clone(), settings.timeouts)?,
            watch: Watch::default(),
            sessions: Store::new(settings.limits),
            running: Arc::new(Semaphore::new(settings.limits.running)),
            settings,
        }))
    }
}

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(routes::home))
        .route("/chat", get(routes::chat))
        .route("/ask", post(routes::ask))
        .route("/stream/{turn}", get(routes::stream))
        .route("/clear", post(routes::clear))
        .route("/undo", post(routes::undo))
        .route("/status", get(routes::status))
        .route("/source/{sentence_id}", get(routes::source))
        .route("/healthz", get(routes::healthz))
        .route("/assets/{name}", get(routes::asset))
        .fallback(routes::lost)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn(routes::same_origin))
        .layer(middleware::map_response(routes::harden))
        .with_state(app)
}
