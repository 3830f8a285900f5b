//! Threads for what blocks, few enough that the ones answering HTTP are never starved.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::Semaphore;

/// A bounded number of blocking jobs at a time; more wait for their turn without holding a thread.
#[derive(Debug, Clone)]
pub struct Pool {
    turns: Arc<Semaphore>,
}

/// A job that did not end as it should.
#[derive(Debug, Error)]
pub enum PoolError {
    /// It panicked, or the runtime is going down.
    #[error("the work broke off: {reason}")]
    Broke {
        /// What is known of it.
        reason: String,
    },
}

impl Pool {
    /// At most `jobs` at a time.
    pub fn new(jobs: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(jobs.max(1))) }
    }

    /// Runs `job` on a blocking thread, once it is its turn.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|closed| PoolError::Broke { reason: closed.to_string() })?;
        tokio::task::spawn_blocking(move || {
            let result = job();
            drop(turn);
            result
        })
        .await
        .map_err(|error| PoolError::Broke { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_run_than_have_a_turn_and_a_panic_gives_its_turn_back() {
        let pool = Pool::new(2);
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let jobs = (0..12).map(|n| {
            let (pool, running, most) = (pool.clone(), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                pool.run(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    running.fetch_sub(1, Ordering::SeqCst);
                    assert!(n % 4 != 0, "job {n} panics");
                })
                .await
            })
        });
        let mut broke = 0;
        for job in jobs.collect::<Vec<_>>() {
            broke += usize::from(job.await.expect("joins").is_err());
        }
        assert_eq!((broke, most.load(Ordering::SeqCst)), (3, 2));
    }
}
