//! A session's turns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use super::Totals;
use crate::question::Question;
use crate::settings::Limits;
use crate::turn::{Outcome, Turn, TurnId};

/// Questions that the next one may go on from.
const LOOKED_BACK: usize = 5;

/// One browser's talk.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    inner: Mutex<Inner>,
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    talk: Talk,
    /// What the last clear took away, until the next question or undo.
    cleared: Option<Talk>,
}

#[derive(Debug, Default)]
struct Talk {
    turns: VecDeque<Arc<Turn>>,
    totals: Totals,
}

/// What a page shows of a session.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Turns, oldest first.
    pub turns: Vec<Arc<Turn>>,
    /// Totals.
    pub totals: Totals,
    /// Turns that an undo would bring back.
    pub cleared: usize,
}

/// As many questions of this session are under way as may be.
#[derive(Debug, Error)]
#[error("Your last {0} questions are still being answered. Wait for one of them, then ask again.")]
pub struct TooMany(usize);

impl Session {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default(), bytes: AtomicUsize::new(0) }
    }

    /// Adds a turn in place of a failed one where `retry` names one. A question that is under way already is not asked
    /// twice: its turn is returned, and `true`.
    pub fn ask(&self, question: Question, retry: Option<TurnId>) -> Result<(Arc<Turn>, bool), TooMany> {
        let mut inner = self.inner();
        let running: Vec<_> = inner.talk.turns.iter().filter(|turn| turn.is_running()).collect();
        if let Some(same) = running.iter().find(|turn| turn.question == question) {
            return Ok((Arc::clone(same), true));
        }
        if running.len() >= self.limits.running_in_session {
            return Err(TooMany(running.len()));
        }
        if let Some(retry) = retry {
            let failed = |turn: &Turn| matches!(turn.progress().outcome, Outcome::Failed(_));
            inner.talk.turns.retain(|turn| turn.id != retry || !failed(turn));
        }
        inner.last += 1;
        let back = inner.talk.turns.len().saturating_sub(LOOKED_BACK);
        let earlier = inner.talk.turns.iter().skip(back).map(|turn| turn.question.to_string()).collect();
        let turn = Arc::new(Turn::new(TurnId(inner.last), question, earlier));
        inner.talk.turns.push_back(Arc::clone(&turn));
        if inner.talk.turns.len() > self.limits.turns {
            inner.talk.turns.pop_front();
        }
        inner.cleared = None;
        self.weigh(&inner);
        Ok((turn, false))
    }

    /// A turn by number.
    pub fn turn(&self, id: TurnId) -> Option<Arc<Turn>> {
        self.inner().talk.turns.iter().find(|turn| turn.id == id).cloned()
    }

    /// What a page shows.
    pub fn view(&self) -> View {
        let inner = self.inner();
        View {
            turns: inner.talk.turns.iter().cloned().collect(),
            totals: inner.talk.totals,
            cleared: inner.cleared.as_ref().map_or(0, |talk| talk.turns.len()),
        }
    }

    /// Empties the history and the totals, and keeps them aside for an undo.
    pub fn clear(&self) {
        let mut inner = self.inner();
        if !inner.talk.turns.is_empty() || inner.talk.totals.queries > 0 {
            inner.cleared = Some(std::mem::take(&mut inner.talk));
        }
    }

    /// Brings back what the last clear took.
    pub fn undo(&self) {
        let mut inner = self.inner();
        if let Some(talk) = inner.cleared.take() {
            inner.talk = talk;
        }
    }

    /// Ends a turn, unless it is over already, and counts it, wherever a clear put it: one step to whoever looks.
    pub(crate) fn settle(&self, turn: &Turn, outcome: Outcome) {
        let mut inner = self.inner();
        if let Outcome::Answered(answer) = &outcome {
            let holds = |talk: &Talk| talk.turns.iter().any(|held| held.id == turn.id);
            match &mut inner.cleared {
                Some(cleared) if holds(cleared) => cleared.totals.add(&answer.metadata.llm),
                Some(_) | None => inner.talk.totals.add(&answer.metadata.llm),
            }
        }
        turn.finish(outcome);
        self.weigh(&inner);
    }

    /// Roughly the bytes it holds, as of its last question or answer.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a question is under way.
    pub fn is_running(&self) -> bool {
        self.inner().talk.turns.iter().any(|turn| turn.is_running())
    }

    fn weigh(&self, inner: &Inner) {
        let held = inner.talk.turns.iter().chain(inner.cleared.iter().flat_map(|talk| &talk.turns));
        self.bytes.store(size_of::<Self>() + held.map(|turn| turn.bytes()).sum::<usize>(), Ordering::Relaxed);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Failure, Llm, Metadata, QueryResponse};

    fn question(text: &str) -> Question {
        Question::parse(&format!("A question about {text}?")).expect("long enough")
    }

    fn ask(session: &Session, text: &str) -> Arc<Turn> {
        session.ask(question(text), None).expect("asked").0
    }

    fn answer(session: &Session, turn: &Turn, cost: f64) {
        let metadata = Metadata { llm: Llm { cost, ..Llm::default() }, ..Metadata::default() };
        let response = QueryResponse { answer: "Yes.".into(), metadata, ..QueryResponse::default() };
        session.settle(turn, Outcome::Answered(Arc::new(response)));
    }

    fn ids(session: &Session) -> Vec<u64> {
        session.view().turns.iter().map(|turn| turn.id.0).collect()
    }

    #[test]
    fn the_history_is_bounded_and_the_totals_outlive_it() {
        let session = Session::new(Limits { turns: 3, ..Limits::default() });
        for number in 0..5 {
            let turn = ask(&session, &number.to_string());
            answer(&session, &turn, 0.5);
        }
        assert_eq!(ids(&session), [3, 4, 5]);
        assert_eq!(session.view().totals, Totals { queries: 5, cost: 2.5, tokens: 0 });
    }

    #[test]
    fn a_question_under_way_is_not_asked_twice() {
        let session = Session::new(Limits { running_in_session: 2, ..Limits::default() });
        let first = ask(&session, "rain");
        let (again, same) = session.ask(question("rain"), None).expect("asked");
        assert!(same && again.id == first.id);
        ask(&session, "snow");
        assert!(session.ask(question("hail"), None).is_err());
        answer(&session, &first, 0.0);
        assert_eq!(ask(&session, "rain").id, TurnId(3));
    }

    #[test]
    fn a_retry_takes_the_place_of_the_failure_only() {
        let session = Session::new(Limits::default());
        let good = ask(&session, "rain");
        answer(&session, &good, 0.0);
        let bad = ask(&session, "snow");
        session.settle(&bad, Outcome::Failed(Failure::Model));
        session.ask(question("snow"), Some(bad.id)).expect("asked");
        session.ask(question("rain"), Some(good.id)).expect("asked");
        assert_eq!(ids(&session), [1, 3, 4]);
    }

    #[test]
    fn a_clear_can_be_undone_until_the_next_question() {
        let session = Session::new(Limits::default());
        let turn = ask(&session, "rain");
        session.clear();
        answer(&session, &turn, 1.0);
        assert_eq!((ids(&session), session.view().totals.queries, session.view().cleared), (vec![], 0, 1));
        session.clear();
        session.undo();
        assert_eq!((ids(&session), session.view().totals.cost, session.view().cleared), (vec![1], 1.0, 0));
        session.clear();
        ask(&session, "snow");
        session.undo();
        assert_eq!(ids(&session), [2]);
    }
}
