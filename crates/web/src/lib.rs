//! The HTTP API over a Unix socket: thin handlers between the wire types of [`dormouse_api`] and [`Control`].
//!
//! There is no TCP port for it, so no sandbox can reach it, and the socket's mode (0600) admits only its owner. Still
//! every object is authorised where it is fetched (`principal.rs`), so that more than one owner needs no second look at
//! the handlers.
#![forbid(unsafe_code)]

mod deploy;
mod env;
mod error;
#[cfg(test)]
pub mod fuzzing;
mod given;
mod logs;
mod ndjson;
mod principal;
mod project;
mod server;
mod settings;
mod status;
mod unpack;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    routing::{delete, get, post},
};
use dormouse_backend::{Builds, Workloads};
use dormouse_control::Control;
pub use settings::WebSettings;

/// What every handler works on.
struct Shared<W, B> {
    control: Arc<Control<W, B>>,
    settings: WebSettings,
}

/// The state of the router.
type App<W, B> = axum::extract::State<Arc<Shared<W, B>>>;

/// Serve the API on `listener` until `shutdown`; answers under way are finished, streams are cut.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve<W: Workloads, B: Builds>(
    listener: std::os::unix::net::UnixListener,
    control: Arc<Control<W, B>>,
    settings: WebSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let router = router(control, settings);
    tokio::select! {
        served = axum::serve(listener, router) => served,
        () = shutdown => Ok(()),
    }
}

fn router<W: Workloads, B: Builds>(control: Arc<Control<W, B>>, settings: WebSettings) -> Router {
    Router::new()
        .route("/v1/server", get(server::show::<W, B>))
        .route("/v1/deploys", post(deploy::begin::<W, B>))
        .route("/v1/deploys/{id}", delete(deploy::cancel::<W, B>))
        .route("/v1/deploys/{id}/events", get(deploy::events::<W, B>))
        .route("/v1/ps", get(status::ps::<W, B>))
        .route("/v1/projects", delete(project::down_all::<W, B>))
        .route("/v1/projects/{project}", delete(project::down::<W, B>))
        .route("/v1/projects/{project}/env", get(env::list::<W, B>).post(env::change::<W, B>))
        .route("/v1/projects/{project}/deploys/latest", get(project::latest_deploy::<W, B>))
        .route("/v1/projects/{project}/logs", get(logs::lines::<W, B>))
        .route("/v1/projects/{project}/sleep", post(project::sleep::<W, B>))
        .route("/v1/projects/{project}/wake", post(project::wake::<W, B>))
        .route("/v1/projects/{project}/restart", post(project::restart::<W, B>))
        .fallback(error::no_such_call)
        .with_state(Arc::new(Shared { control, settings }))
}
