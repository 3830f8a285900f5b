//! Counters of one instance, and the guard that keeps them honest.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dormouse_model::{Cut, InstanceId, Time, Traffic, clock};
use tokio::sync::Notify;

/// Whether anything has changed since the last report, which somebody may wait for.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    any: AtomicBool,
    noted: Notify,
}

impl Changes {
    pub(crate) fn note(&self) {
        if !self.any.swap(true, Ordering::AcqRel) {
            self.noted.notify_one();
        }
    }
    /// From now on the next change is one.
    pub(crate) fn forget(&self) {
        self.any.swap(false, Ordering::AcqRel);
    }
    pub(crate) async fn wait(&self) {
        while !self.any.load(Ordering::Acquire) {
            self.noted.notified().await;
        }
    }
}

/// What one instance has carried. Written by every worker, read by the report.
#[derive(Debug)]
pub(crate) struct InstanceStats {
    pub(crate) instance: InstanceId,
    /// Requests of visitors in flight.
    visits: AtomicU32,
    /// Connections from other services on which an answer is owed.
    calls: AtomicU32,
    /// Those on which an answer has begun that has not ended.
    answers: AtomicU32,
    /// Connections on which a message has not been answered.
    messages: AtomicU32,
    connections: AtomicU32,
    last_client_byte: AtomicU64,
    last_instance_byte: AtomicU64,
    last_event: AtomicU64,
    last_broken: AtomicU64,
    /// The last client that it took for gone. Seldom written.
    cut: Mutex<Option<Cut>>,
    /// Open connections from other services.
    private: AtomicU32,
    /// When what it says to other services counts as said, in milliseconds after `met`.
    answers_until: AtomicU64,
    silence: Duration,
    met: Instant,
    changed: AtomicBool,
    changes: Arc<Changes>,
}

impl InstanceStats {
    pub(crate) fn new(instance: InstanceId, silence: Duration, changes: Arc<Changes>) -> Self {
        Self {
            instance,
            visits: AtomicU32::new(0),
            calls: AtomicU32::new(0),
            answers: AtomicU32::new(0),
            messages: AtomicU32::new(0),
            connections: AtomicU32::new(0),
            last_client_byte: AtomicU64::new(0),
            last_instance_byte: AtomicU64::new(0),
            last_event: AtomicU64::new(0),
            last_broken: AtomicU64::new(0),
            cut: Mutex::new(None),
            private: AtomicU32::new(0),
            answers_until: AtomicU64::new(0),
            silence,
            met: Instant::now(),
            changed: AtomicBool::new(false),
            changes,
        }
    }

    /// Requests in flight, for balancing.
    pub(crate) fn load(&self) -> u32 {
        self.visits.load(Ordering::Relaxed) + self.calls.load(Ordering::Relaxed)
    }

    /// A byte from a client, or a request, is on its way to the instance.
    pub(crate) fn client_byte(&self) {
        self.last_client_byte.store(now(), Ordering::Relaxed);
        self.touch();
    }

    /// A byte came from the instance.
    pub(crate) fn instance_byte(&self) {
        self.last_instance_byte.store(now(), Ordering::Relaxed);
        self.touch();
    }

    /// A message, or an event of a stream, came from the instance.
    pub(crate) fn event(&self) {
        self.last_event.store(now(), Ordering::Relaxed);
        self.instance_byte();
    }

    /// The instance closed a connection on which it owed an answer.
    pub(crate) fn broke_off(&self) {
        self.last_broken.store(now(), Ordering::Relaxed);
        self.touch();
    }

    /// The instance took a client for gone, whom it pinged so often.
    pub(crate) fn cut(&self, pings: Option<Duration>) {
        let cut = Cut { at: Time(now()), pings };
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
        self.touch();
    }

    /// A byte came from the instance for another service.
    pub(crate) fn answer_byte(&self) {
        self.answers_until.store(millis(self.met.elapsed() + self.silence), Ordering::Relaxed);
        self.instance_byte();
    }

    /// How much longer what it says to other services counts as an answer that goes on.
    pub(crate) fn answering(&self) -> Option<Duration> {
        if self.private.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let until = self.answers_until.load(Ordering::Relaxed);
        until.checked_sub(millis(self.met.elapsed())).filter(|left| *left > 0).map(Duration::from_millis)
    }

    // The swap of `changed` orders this thread's writes before the reads of the report that resets it: either the
    // report sees them, or this swap comes after the reset and is noted for the next one.
    fn touch(&self) {
        if !self.changed.swap(true, Ordering::AcqRel) {
            self.changes.note();
        }
    }

    /// Whether anything changed since this was last asked.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn read(&self) -> Traffic {
        let time = |at: &AtomicU64| match at.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Time(ms)),
        };
        // In this order: the other way round an answer could be seen neither owed nor begun.
        let (visits, calls) = (self.visits.load(Ordering::Acquire), self.calls.load(Ordering::Acquire));
        let messages = self.messages.load(Ordering::Acquire);
        let answers = self.answers.load(Ordering::Acquire);
        let calls = calls.max(u32::from(self.answering().is_some()));
        Traffic {
            in_flight: visits + calls,
            calls,
            answers,
            messages,
            connections: self.connections.load(Ordering::Relaxed),
            private: self.private.load(Ordering::Relaxed),
            last_client_byte: time(&self.last_client_byte),
            last_instance_byte: time(&self.last_instance_byte),
            last_event: time(&self.last_event),
            cut: *self.cut.lock().unwrap_or_else(PoisonError::into_inner),
            broke_off: time(&self.last_broken),
        }
    }

    /// What is counted of what is owed, to another service or to a visitor.
    fn owed(&self, what: Owed, private: bool) -> Option<&AtomicU32> {
        match what {
            Owed::Nothing => None,
            Owed::Answer if private => Some(&self.calls),
            Owed::Answer => Some(&self.visits),
            Owed::Rest => Some(&self.answers),
            Owed::Reply => Some(&self.messages),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    clock::now().0
}

/// What an instance owes on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owed {
    Nothing,
    /// The answer to a request, up to its end.
    Answer,
    /// The rest of an answer to another service.
    Rest,
    /// A reply to a message: the first one will do.
    Reply,
}

/// A connection that an instance carries, from the moment it is chosen. Counted until dropped.
#[derive(Debug)]
pub(crate) struct ActiveConnection {
    stats: Arc<InstanceStats>,
    owed: Owed,
    private: bool,
}

impl ActiveConnection {
    /// A connection from another service, without a request on it.
    pub(crate) fn connection(stats: &Arc<InstanceStats>) -> Self {
        stats.connections.fetch_add(1, Ordering::Relaxed);
        stats.private.fetch_add(1, Ordering::Relaxed);
        stats.touch();
        Self { stats: stats.clone(), owed: Owed::Nothing, private: true }
    }

    /// A request from a client.
    pub(crate) fn request(stats: &Arc<InstanceStats>) -> Self {
        stats.connections.fetch_add(1, Ordering::Relaxed);
        stats.visits.fetch_add(1, Ordering::Relaxed);
        stats.client_byte();
        Self { stats: stats.clone(), owed: Owed::Answer, private: false }
    }

    pub(crate) fn stats(&self) -> &Arc<InstanceStats> {
        &self.stats
    }

    /// Whether a message on it has not been answered.
    pub(crate) fn owes_reply(&self) -> bool {
        self.owed == Owed::Reply
    }

    /// What the instance owes on this connection from now on.
    pub(crate) fn set_owed(&mut self, owed: Owed) {
        if owed == self.owed {
            return;
        }
        // The new before the old: in between, too much is harmless.
        if let Some(count) = self.stats.owed(owed, self.private) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(count) = self.stats.owed(std::mem::replace(&mut self.owed, owed), self.private) {
            count.fetch_sub(1, Ordering::Release);
        }
        self.stats.touch();
    }
}

impl Drop for ActiveConnection {
    fn drop(&mut self) {
        if let Some(count) = self.stats.owed(self.owed, self.private) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        if self.private {
            self.stats.private.fetch_sub(1, Ordering::Relaxed);
        }
        self.stats.connections.fetch_sub(1, Ordering::Relaxed);
        self.stats.touch();
    }
}
