//! Asking.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use tokio::time::timeout;
use tracing::info;

use super::pages::{aside, chat_page};
use super::{cookie, shown, wants_fragment};
use crate::App;
use crate::page::{self, Draft};
use crate::question::Question;
use crate::session::View;
use crate::turn::{self, TurnId};

/// The form.
#[derive(Debug, Deserialize)]
pub struct Ask {
    #[serde(default)]
    question: String,
    /// The failed turn that this one is for.
    #[serde(default)]
    retry: Option<u64>,
}

/// Takes a question. A page's script gets the new turn alone, and follows it; a plain form is sent on to the chat, where
/// a quick answer is there already.
pub async fn ask(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<Ask>, FormRejection>,
) -> Response {
    let Ok(Form(Ask { question: typed, retry })) = form else {
        let advice =
            "The question did not arrive whole, or is far too long to take. Please ask it again, shorter.";
        let main = page::message("That could not be read", advice);
        return (StatusCode::UNPROCESSABLE_ENTITY, aside(&app, &headers, "Not asked", &main).await)
            .into_response();
    };
    let question = match Question::parse(&typed) {
        Ok(question) => question,
        Err(error) => {
            return refused(&app, &headers, &typed, &error.to_string(), StatusCode::UNPROCESSABLE_ENTITY)
                .await;
        }
    };
    let (given, session) = match cookie::session(&app, &headers) {
        Some(session) => (None, session),
        None => match app.sessions.create() {
            Ok((id, session)) => (Some(cookie::given(id, &headers)), session),
            Err(error) => {
                tracing::error!(%error, "no random bytes for a session");
                let problem = "This cannot be taken just now. Please ask again in a moment.";
                return refused(&app, &headers, &typed, problem, StatusCode::SERVICE_UNAVAILABLE).await;
            }
        },
    };
    let turn = match session.ask(question, retry.map(TurnId)) {
        Ok((turn, true)) => turn,
        Ok((turn, false)) => {
            info!(turn = turn.id.0, characters = turn.question.as_str().chars().count(), "asked");
            turn::start(&app, Arc::clone(&session), Arc::clone(&turn));
            turn
        }
        Err(error) => {
            return refused(&app, &headers, &typed, &error.to_string(), StatusCode::TOO_MANY_REQUESTS).await;
        }
    };
    let given = AppendHeaders(given.map(|cookie| (header::SET_COOKIE, cookie)));
    if wants_fragment(&headers) {
        return (given, shown(page::article(&turn))).into_response();
    }
    // A turn that takes longer shows its progress on the page.
    let _ = timeout(app.settings.timeouts.post, turn.over()).await;
    (given, Redirect::to(&format!("/chat#turn-{}", turn.id))).into_response()
}

/// Says why a question was not asked, with the question still in its box.
async fn refused(app: &App, headers: &HeaderMap, typed: &str, problem: &str, status: StatusCode) -> Response {
    if wants_fragment(headers) {
        return (status, shown(maud::html! { p.problem { (problem) } })).into_response();
    }
    let glance = app.watch.glance(&app.backend).await;
    let view: View = super::pages::view(app, headers);
    let draft = Draft { typed, problem: Some(problem) };
    (status, chat_page(app, headers, view, draft, 0, &glance)).into_response()
}
