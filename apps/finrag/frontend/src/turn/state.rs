//! What is known of a turn, and how to follow it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::backend::{Failure, QueryResponse};
use crate::question::Question;

/// The most of a streamed answer that is kept, in bytes; a model that goes on past it is not believed any more.
const LONGEST_TEXT: usize = 256 << 10;

/// The most stages that are kept.
const MOST_STAGES: usize = 64;

/// A turn's number in its session, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TurnId(pub u64);

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A question and what became of it. Written by one task, read by any number of pages.
#[derive(Debug)]
pub struct Turn {
    /// Its number.
    pub id: TurnId,
    /// What was asked.
    pub question: Question,
    /// What was asked before it in the same talk, the oldest first: a question may go on from it.
    pub earlier: Vec<String>,
    asked: Instant,
    progress: Mutex<Progress>,
    changed: watch::Sender<()>,
}

/// How far a turn is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Stages so far.
    pub stages: Vec<Reached>,
    /// The answer so far; kept when it breaks off.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// A stage of the backend's work that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Its name.
    pub stage: String,
    /// Milliseconds it took.
    pub elapsed_ms: f64,
    /// More about it.
    pub detail: Option<String>,
}

/// What became of a turn.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Not known yet.
    Running,
    /// An answer.
    Answered(Arc<QueryResponse>),
    /// None, and why.
    Failed(Failure),
}

impl Turn {
    /// A turn that begins now.
    pub fn new(id: TurnId, question: Question, earlier: Vec<String>) -> Self {
        let progress = Progress { stages: Vec::new(), text: String::new(), outcome: Outcome::Running };
        Self {
            id,
            question,
            earlier,
            asked: Instant::now(),
            progress: Mutex::new(progress),
            changed: watch::Sender::new(()),
        }
    }

    /// How far it is.
    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is not over yet.
    pub fn is_running(&self) -> bool {
        self.progress().is_running()
    }

    /// Seconds since it was asked.
    pub fn age_secs(&self) -> u64 {
        self.asked.elapsed().as_secs()
    }

    /// A receiver that is told of every change.
    pub fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        let mut changes = self.follow();
        while self.is_running() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Notes a stage.
    pub(super) fn reach(&self, reached: Reached) {
        self.change(|progress| {
            if progress.stages.len() < MOST_STAGES {
                progress.stages.push(reached);
            }
        });
    }

    /// Adds to the answer; `false` once it is longer than any answer is.
    pub(super) fn write(&self, text: &str) -> bool {
        let mut fits = true;
        self.change(|progress| {
            fits = progress.text.len() + text.len() <= LONGEST_TEXT;
            if fits {
                progress.text.push_str(text);
            }
        });
        fits
    }

    /// Ends it, unless it is over already.
    pub(crate) fn finish(&self, outcome: Outcome) {
        self.change(|progress| {
            if progress.is_running() {
                if let Outcome::Answered(_) = outcome {
                    progress.text = String::new();
                }
                progress.outcome = outcome;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.changed.send_replace(());
    }

    /// Roughly the bytes it holds.
    pub fn bytes(&self) -> usize {
        let progress = self.progress();
        let answer = match &progress.outcome {
            Outcome::Answered(answer) => answer_bytes(answer),
            Outcome::Running | Outcome::Failed(_) => 0,
        };
        let stages = progress
            .stages
            .iter()
            .map(|reached| 64 + reached.stage.len() + reached.detail.as_ref().map_or(0, String::len));
        size_of::<Self>()
            + self.question.as_str().len()
            + progress.text.capacity()
            + stages.sum::<usize>()
            + answer
    }
}

impl Progress {
    /// Whether it is not over yet.
    pub fn is_running(&self) -> bool {
        matches!(self.outcome, Outcome::Running)
    }
}

fn answer_bytes(answer: &QueryResponse) -> usize {
    let sources = answer.sources.iter().map(|source| {
        let texts = [
            &source.sentence_id,
            &source.section,
            &source.text,
            &source.accession_no,
            &source.metric,
            &source.unit,
        ];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        size_of_val(source) + source.label.len() + source.company.len() + texts
    });
    let points = answer
        .kpi
        .iter()
        .flat_map(|kpi| &kpi.series)
        .map(|series| size_of_val(series) + size_of_val(&*series.points));
    let context = &answer.metadata.context;
    let values = [&context.kpi_entities, &context.rag_entities, &context.retrieval_stats].map(value_bytes);
    size_of_val(answer)
        + answer.answer.len()
        + sources.sum::<usize>()
        + points.sum::<usize>()
        + values.iter().sum::<usize>()
}

fn value_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    size_of_val(value)
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(value_bytes).sum(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| 64 + key.len() + value_bytes(value)).sum()
            }
        }
}
