//! A turn, as it goes on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch;

use super::cookie;
use crate::App;
use crate::page;
use crate::prose;
use crate::session::Session;
use crate::turn::{Turn, TurnId};

/// The least time between two events: a reader sees no more, and rendering has its cost.
const PACE: Duration = Duration::from_millis(60);

/// How often a proxy in between sees something while a model thinks. Only while a turn is under way: with it the
/// stream ends, so that an idle page holds nothing open.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Follows a turn of the request's own session to its end. What a follower has not seen yet is sent first, so that a
/// reload or a second tab begins where the turn is.
pub async fn stream(State(app): State<Arc<App>>, Path(turn): Path<u64>, headers: HeaderMap) -> Response {
    let session = cookie::session(&app, &headers);
    let found = session.and_then(|session| session.turn(TurnId(turn)).map(|turn| (session, turn)));
    let Some((session, turn)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let follower =
        Follower { changes: turn.follow(), session, turn, sent: Vec::new(), begun: false, over: false };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response()
}

struct Follower {
    session: Arc<Session>,
    turn: Arc<Turn>,
    changes: watch::Receiver<()>,
    sent: Vec<String>,
    begun: bool,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        if self.begun {
            if self.turn.is_running() {
                tokio::time::sleep(PACE).await;
            }
            if self.turn.is_running() {
                self.changes.changed().await.ok()?;
            }
        }
        self.begun = true;
        self.changes.mark_unchanged();
        let progress = self.turn.progress().clone();
        if !progress.is_running() {
            self.over = true;
            return Some(self.done());
        }
        // Most blocks are as they were: only those from the first that changed are sent.
        let blocks = prose::partial(&progress.text);
        let from = blocks.iter().zip(&self.sent).take_while(|(now, before)| now == before).count();
        let data = json!({
            "from": from,
            "html": blocks[from..].concat(),
            "stage": page::stage_words(&progress.stages),
        });
        self.sent = blocks;
        Some(Event::default().event("progress").data(data.to_string()))
    }

    fn done(&self) -> Event {
        let data = json!({
            "html": page::body(&self.turn).into_string(),
            "totals": page::totals(&self.session.view()).into_string(),
        });
        Event::default().event("done").data(data.to_string())
    }
}
