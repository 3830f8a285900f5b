//! `GET /v1/server`.

use axum::{Json, extract::State};
use dormouse_api::ServerInfo;
use dormouse_backend::{Builds, Workloads};

use crate::App;

pub(crate) async fn show<W: Workloads, B: Builds>(State(app): App<W, B>) -> Json<ServerInfo> {
    Json(ServerInfo {
        version: app.settings.version.clone(),
        pid: std::process::id(),
        listen: app.settings.listen.clone(),
        state_dir: app.control.settings().state.display().to_string(),
        started_at: app.control.started_at().0,
        can_page: app.control.can_page(),
    })
}
