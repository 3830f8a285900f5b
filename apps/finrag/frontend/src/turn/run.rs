//! Runs a turn to its end, whoever watches.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::{info, warn};

use super::{Outcome, Reached, Turn};
use crate::App;
use crate::backend::{Failure, QueryResponse, StreamEvent};
use crate::session::Session;

/// Starts a turn of a session on a task of its own, which goes on when the browser leaves.
pub fn start(app: &Arc<App>, session: Arc<Session>, turn: Arc<Turn>) {
    match Arc::clone(&app.running).try_acquire_owned() {
        Ok(permit) => {
            tokio::spawn(run(Arc::clone(app), session, turn, permit));
        }
        Err(_) => turn.finish(Outcome::Failed(Failure::Busy)),
    }
}

async fn run(app: Arc<App>, session: Arc<Session>, turn: Arc<Turn>, _permit: OwnedSemaphorePermit) {
    let mut settle = Settle { app: &app, session: &session, turn: &turn, outcome: None };
    let answered =
        timeout(app.settings.timeouts.total, drive(&app, &turn)).await.unwrap_or(Err(Failure::TimedOut));
    settle.outcome = Some(match answered {
        Ok(answer) => {
            info!(
                turn = turn.id.0,
                sources = answer.sources.len(),
                cost = answer.metadata.llm.cost,
                "answered"
            );
            Outcome::Answered(Arc::new(answer))
        }
        Err(failure) => {
            warn!(turn = turn.id.0, ?failure, "not answered");
            app.watch.note_failure(&failure);
            Outcome::Failed(failure)
        }
    });
}

async fn drive(app: &App, turn: &Turn) -> Result<QueryResponse, Failure> {
    let mut answering = app.backend.ask(&turn.question, &turn.earlier).await?;
    app.watch.note_ready();
    loop {
        match answering.next().await? {
            StreamEvent::Stage { stage, elapsed_ms, detail } => {
                turn.reach(Reached { stage, elapsed_ms, detail })
            }
            StreamEvent::Token(text) => {
                if !turn.write(&text) {
                    return Err(Failure::Unreadable);
                }
            }
            StreamEvent::Done(answer) => return Ok(*answer),
            StreamEvent::Error(error) => {
                warn!(
                    turn = turn.id.0,
                    error_type = error.error_type,
                    stage = error.stage,
                    "the backend gave up"
                );
                return Err(Failure::of_event(&error));
            }
            StreamEvent::Unknown => {}
        }
    }
}

/// Ends the turn whatever happens to its task, so that no page waits for one that nobody runs.
struct Settle<'a> {
    app: &'a App,
    session: &'a Session,
    turn: &'a Turn,
    outcome: Option<Outcome>,
}

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Outcome::Failed(Failure::Status(500)));
        self.session.settle(self.turn, outcome);
        self.app.sessions.enforce();
    }
}
