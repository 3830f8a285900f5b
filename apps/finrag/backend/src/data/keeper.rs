//! Loads the data until the store gives it, then looks at intervals whether the store has something newer.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use finrag_engine::{DataRoot, Engine, LoadError, LoadOptions, Summary};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::llm::error_chain;

/// A snapshot, and what is in it.
pub struct Loaded {
    /// The snapshot.
    pub engine: Engine,
    /// Its summary, made once.
    pub summary: Summary,
}

/// How eagerly to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The wait after the first failed load; doubled after each one that follows.
    pub first_retry: Duration,
    /// The longest wait between failed loads.
    pub longest_retry: Duration,
    /// How often a loaded store is looked at; never, when absent.
    pub refresh: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_retry: Duration::from_millis(250), longest_retry: Duration::from_secs(5), refresh: None }
    }
}

/// Holds the current snapshot. Readers never wait: they get the one that is there.
pub struct Keeper {
    root: DataRoot,
    pace: Pace,
    current: ArcSwapOption<Loaded>,
    trouble: ArcSwapOption<String>,
    generation: watch::Sender<u64>,
}

impl Keeper {
    /// Nothing loaded yet; [`Keeper::keep`] does that.
    pub fn new(root: DataRoot, pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            root,
            pace,
            current: ArcSwapOption::empty(),
            trouble: ArcSwapOption::empty(),
            generation: watch::Sender::new(0),
        })
    }

    /// The current snapshot, once there is one.
    pub fn current(&self) -> Option<Arc<Loaded>> {
        self.current.load_full()
    }

    /// Why the last attempt failed, until one succeeds.
    pub fn trouble(&self) -> Option<Arc<String>> {
        self.trouble.load_full()
    }

    /// Counts loads; changes when a snapshot is swapped in.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Loads, and refreshes for as long as it is polled.
    pub async fn keep(self: Arc<Self>) {
        let mut wait = self.pace.first_retry;
        loop {
            match self.load().await {
                Ok(loaded) => {
                    wait = self.pace.first_retry;
                    self.swap(loaded);
                    self.until_something_is_new().await;
                }
                Err(error) => {
                    let words = error_chain(&error);
                    // A wrong file can be put right as well as a store that is down: both are tried again.
                    tracing::warn!(again_in = ?wait, "loading failed: {words}");
                    self.trouble.store(Some(Arc::new(words)));
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(self.pace.longest_retry);
                }
            }
        }
    }

    async fn load(&self) -> Result<Loaded, LoadError> {
        // Indexing is long and never yields: it gets a thread of its own, where waiting for the store is allowed too.
        let (root, handle) = (self.root.clone(), Handle::current());
        let work = tokio::task::spawn_blocking(move || {
            let engine = handle.block_on(Engine::load(&root, LoadOptions::default()))?;
            let summary = engine.summary();
            Ok(Loaded { engine, summary })
        });
        match work.await {
            Ok(result) => result,
            Err(panic) => Err(LoadError::Index { reason: panic.to_string() }),
        }
    }

    fn swap(&self, loaded: Loaded) {
        let Summary { rows, facts, vectors, .. } = loaded.summary;
        tracing::info!(rows, facts, vectors, root = %self.root, "data loaded");
        self.current.store(Some(Arc::new(loaded)));
        self.trouble.store(None);
        self.generation.send_modify(|count| *count += 1);
    }

    /// Returns when the store's fingerprint differs from the snapshot's. A store that is down keeps the snapshot.
    async fn until_something_is_new(&self) {
        let Some(every) = self.pace.refresh else { return std::future::pending().await };
        loop {
            tokio::time::sleep(every).await;
            match Engine::probe(&self.root).await {
                Err(error) => tracing::warn!("refresh: {}", error_chain(&error)),
                Ok(now) => {
                    if self.current().is_none_or(|loaded| loaded.engine.fingerprint() != now) {
                        return;
                    }
                }
            }
        }
    }
}
