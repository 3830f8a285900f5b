//! What is known of the backend: how it is, and what it holds. Looked at only when a page needs it, never by a timer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::{Backend, Failure, Meta};

/// How long what the backend holds is taken as still so.
const META_FRESH: Duration = Duration::from_secs(300);

/// How long a failure to learn it is not tried again, so that a page with a dead backend does not wait for it each time.
const FAILURE_FRESH: Duration = Duration::from_secs(3);

/// What is known of the backend.
#[derive(Debug, Default)]
pub struct Watch {
    known: Mutex<Known>,
    /// Held while asking, so that many pages at once ask once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    meta: Option<(Arc<Meta>, Instant)>,
    status: Option<(Status, Instant)>,
}

/// How the backend is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Ready,
    /// It answers, and calls itself something else than healthy.
    Other(String),
    /// It does not answer, or not well.
    Failing(Failure),
}

/// What a page shows of the backend.
#[derive(Debug, Clone, Default)]
pub struct Glance {
    /// What it holds, where that was ever learnt.
    pub meta: Option<Arc<Meta>>,
    /// How it is, and how long ago that was seen.
    pub status: Option<(Status, Duration)>,
}

impl Watch {
    /// What a page shows: from memory while that is fresh.
    pub async fn glance(&self, backend: &Backend) -> Glance {
        if !self.is_fresh() {
            let _asking = self.asking.lock().await;
            if !self.is_fresh() {
                self.learn(backend).await;
            }
        }
        self.known().clone().into()
    }

    /// Asks the backend how it is, now.
    pub async fn check(&self, backend: &Backend) -> Glance {
        let status = match backend.health().await {
            Ok(health) => match health.status.to_lowercase().as_str() {
                "" | "ok" | "healthy" | "ready" | "up" => Status::Ready,
                "starting" | "loading" => Status::Failing(Failure::Loading),
                _ => Status::Other(health.status),
            },
            Err(failure) => Status::Failing(failure),
        };
        self.note(status);
        self.known().clone().into()
    }

    /// Notes that it just answered.
    pub fn note_ready(&self) {
        self.note(Status::Ready);
    }

    /// Notes that it just failed, where that says something of the backend rather than of the question.
    pub fn note_failure(&self, failure: &Failure) {
        match failure {
            Failure::Unreachable | Failure::TimedOut | Failure::Loading => {
                self.note(Status::Failing(failure.clone()))
            }
            Failure::Model
            | Failure::Rejected(_)
            | Failure::Busy
            | Failure::CutShort
            | Failure::Unreadable
            | Failure::Status(_) => {}
        }
    }

    async fn learn(&self, backend: &Backend) {
        match backend.meta().await {
            Ok(meta) => {
                self.known().meta = Some((Arc::new(meta), Instant::now()));
                self.note(Status::Ready);
            }
            // The original's backend has no /meta: it is well all the same.
            Err(Failure::Status(404)) => {
                self.known().meta = Some((Arc::new(Meta::default()), Instant::now()));
                self.note(Status::Ready);
            }
            Err(failure) => self.note(Status::Failing(failure)),
        }
    }

    fn is_fresh(&self) -> bool {
        let known = self.known();
        match &known.status {
            Some((Status::Failing(_), since)) => since.elapsed() < FAILURE_FRESH,
            Some((Status::Ready | Status::Other(_), _)) | None => {
                known.meta.as_ref().is_some_and(|(_, since)| since.elapsed() < META_FRESH)
            }
        }
    }

    fn note(&self, status: Status) {
        self.known().status = Some((status, Instant::now()));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Known> for Glance {
    fn from(known: Known) -> Self {
        Self {
            meta: known.meta.map(|(meta, _)| meta),
            status: known.status.map(|(status, since)| (status, since.elapsed())),
        }
    }
}
