//! The pages without an answer of their own.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use maud::Markup;
use serde::Deserialize;

use super::{cookie, shown};
use crate::App;
use crate::page::{self, Draft, Refresh, Shell, Tab};
use crate::session::View;
use crate::watch::Glance;

/// What a page's address may ask for. Anything else in it is ignored.
#[derive(Debug, Default, Deserialize)]
pub struct Wishes {
    check: Option<String>,
    refresh: Option<String>,
}

/// What it is and what is in scope.
pub async fn home(
    State(app): State<Arc<App>>,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
) -> Html<String> {
    let glance = glance(&app, &wishes).await;
    whole(&app, &headers, "Home", Tab::Home, None, &glance, &page::home(&glance))
}

/// The questions and answers of the session.
pub async fn chat(
    State(app): State<Arc<App>>,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
) -> Html<String> {
    let glance = glance(&app, &wishes).await;
    let count = wishes.refresh.and_then(|count| count.parse().ok()).unwrap_or(0);
    chat_page(&app, &headers, view(&app, &headers), Draft::default(), count, &glance)
}

/// The sidebar's part about the backend, checked now.
pub async fn status(State(app): State<Arc<App>>) -> Html<String> {
    let glance = app.watch.check(&app.backend).await;
    shown(page::backend(Tab::Chat, &glance))
}

/// For an address that is none.
pub async fn lost(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    (StatusCode::NOT_FOUND, aside(&app, &headers, "Not found", &page::lost()).await).into_response()
}

/// The chat's page, with a question still in its box or without.
pub(super) fn chat_page(
    app: &App,
    headers: &HeaderMap,
    view: View,
    draft: Draft<'_>,
    count: u32,
    glance: &Glance,
) -> Html<String> {
    let running = view.turns.iter().rfind(|turn| turn.is_running());
    // A page that holds a draft never loads itself again: it would lose it.
    let refresh = running.filter(|_| draft.problem.is_none()).map(|turn| Refresh { count, turn: turn.id.0 });
    let main = page::chat(&view, draft);
    whole(app, headers, "Chatbot", Tab::Chat, refresh, glance, &main)
}

/// A page that belongs to no tab.
pub(super) async fn aside(app: &App, headers: &HeaderMap, title: &str, main: &Markup) -> Html<String> {
    let glance = app.watch.glance(&app.backend).await;
    whole(app, headers, title, Tab::Other, None, &glance, main)
}

pub(super) fn view(app: &App, headers: &HeaderMap) -> View {
    cookie::session(app, headers).map(|session| session.view()).unwrap_or_default()
}

async fn glance(app: &App, wishes: &Wishes) -> Glance {
    if wishes.check.is_some() {
        app.watch.check(&app.backend).await;
    }
    app.watch.glance(&app.backend).await
}

fn whole(
    app: &App,
    headers: &HeaderMap,
    title: &str,
    tab: Tab,
    refresh: Option<Refresh>,
    glance: &Glance,
    main: &Markup,
) -> Html<String> {
    shown(page::page(&Shell { title, tab, view: &view(app, headers), glance, refresh }, main))
}
