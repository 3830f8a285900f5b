//! The buffer between queries and segments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::compact;
use super::row::Row;
use super::segment;
use super::stats::{Stats, Sums};
use super::store::{LogPlace, LogStoreError};
use crate::llm::error_chain;

/// When the buffer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPace {
    /// As soon as it has this many rows.
    pub rows: usize,
    /// At the latest this long after its first row.
    pub after: Duration,
    /// Rows kept for a store that refuses them; beyond that the oldest are given up.
    pub most: usize,
}

impl Default for LogPace {
    fn default() -> Self {
        Self { rows: 512, after: Duration::from_secs(10), most: 100_000 }
    }
}

/// The longest wait before a store that refused is tried again.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Collects rows, writes segments, and sums both.
pub struct QueryLog {
    place: LogPlace,
    pace: LogPace,
    buffer: Mutex<Buffer>,
    has_rows: Notify,
    is_full: Notify,
    /// Held while segments are written or read, so that no row is counted in both places or in none.
    stored: tokio::sync::Mutex<Stored>,
}

#[derive(Default)]
struct Buffer {
    rows: Vec<Row>,
    dropped: u64,
}

#[derive(Default)]
pub(super) struct Stored {
    /// Rows on their way into the segment of this name. They stay here until the store has confirmed it.
    sending: Option<(String, Vec<Row>)>,
    /// Segments read already; they never change.
    pub(super) seen: HashMap<String, Seen>,
}

pub(super) struct Seen {
    pub(super) sums: Sums,
    pub(super) replaces: Vec<String>,
}

impl QueryLog {
    /// An empty log over the segments at `place`.
    pub fn new(place: LogPlace, pace: LogPace) -> Arc<Self> {
        Arc::new(Self {
            place,
            pace,
            buffer: Mutex::default(),
            has_rows: Notify::new(),
            is_full: Notify::new(),
            stored: tokio::sync::Mutex::default(),
        })
    }

    /// Adds a row. Never waits.
    pub fn push(&self, row: Row) {
        let full = {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            buffer.rows.push(row);
            if buffer.rows.len() > self.pace.most {
                let surplus = buffer.rows.len() - self.pace.most;
                buffer.rows.drain(..surplus);
                buffer.dropped += surplus as u64;
            }
            buffer.rows.len() >= self.pace.rows
        };
        self.has_rows.notify_one();
        if full {
            self.is_full.notify_one();
        }
    }

    /// Writes segments for as long as it is polled. Sleeps without a timer while there is nothing to write.
    pub async fn keep(self: Arc<Self>) {
        let mut retry = self.pace.after;
        let mut refused = false;
        loop {
            if self.waiting() == 0 && !refused {
                self.has_rows.notified().await;
                continue;
            }
            let _ = timeout_at(Instant::now() + self.pace.after, self.is_full.notified()).await;
            let written = self.flush().await;
            refused = written.is_err();
            match written {
                Ok(()) => retry = self.pace.after,
                Err(error) => {
                    tracing::warn!(again_in = ?retry, "the query log stays in memory: {}", error_chain(&error));
                    sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    /// Writes what is in memory now. After an error all of it is still there.
    pub async fn flush(&self) -> Result<(), LogStoreError> {
        let mut stored = self.stored.lock().await;
        self.send(&mut stored).await?;
        // A second round for what came while a segment from an earlier failure went first.
        self.send(&mut stored).await?;
        compact::compact(&self.place, &mut stored).await
    }

    async fn send(&self, stored: &mut Stored) -> Result<(), LogStoreError> {
        if stored.sending.is_none() {
            let rows = std::mem::take(&mut self.buffer.lock().unwrap_or_else(PoisonError::into_inner).rows);
            if rows.is_empty() {
                return Ok(());
            }
            stored.sending = Some((new_name(), rows));
        }
        let Some((name, rows)) = &stored.sending else { return Ok(()) };
        let bytes = segment::encode(rows, &[])
            .map_err(|source| LogStoreError::Segment { path: name.as_str().into(), source })?;
        self.place.put(name, bytes).await?;
        let seen = Seen { sums: Sums::of(rows), replaces: Vec::new() };
        stored.seen.insert(name.clone(), seen);
        stored.sending = None;
        Ok(())
    }

    /// Sums stored segments and memory. A segment that is damaged is left out with a warning.
    pub async fn stats(&self) -> Result<Stats, LogStoreError> {
        let mut stored = self.stored.lock().await;
        let names = match self.place.list().await {
            Ok(names) => names,
            // A log that cannot be listed (no folder yet, read-only) still has what this process saw.
            Err(error) => {
                tracing::debug!("{}", error_chain(&error));
                stored.seen.keys().cloned().collect()
            }
        };
        for name in &names {
            if !stored.seen.contains_key(name) {
                match self.place.get(name).await {
                    Ok(Some((rows, replaces))) => {
                        stored.seen.insert(name.clone(), Seen { sums: Sums::of(&rows), replaces });
                    }
                    Ok(None) => {}
                    Err(error @ LogStoreError::Segment { .. }) => tracing::warn!("{}", error_chain(&error)),
                    Err(error @ LogStoreError::Store { .. }) => return Err(error),
                }
            }
        }
        stored.seen.retain(|name, _| names.contains(name));
        let replaced: Vec<&String> = stored.seen.values().flat_map(|seen| &seen.replaces).collect();
        let mut sums = Sums::default();
        let mut segments = 0;
        for (_, seen) in stored.seen.iter().filter(|(name, _)| !replaced.contains(name)) {
            sums.add(&seen.sums);
            segments += 1;
        }
        let sending = stored.sending.as_ref().map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        let buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        sums.add(&Sums::of(sending.iter().chain(&buffer.rows)));
        Ok(sums.stats(segments, sending.len() + buffer.rows.len(), buffer.dropped))
    }

    fn waiting(&self) -> usize {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner).rows.len()
    }
}

/// A name that sorts by time and is never used twice.
fn new_name() -> String {
    format!("{}-{}.parquet", Timestamp::now().strftime("%Y%m%dT%H%M%S%.3f"), Uuid::new_v4().simple())
}
