//! Giving memory back after work. A control process idles most of its life, beside apps that want the memory.

use std::time::Duration;

/// Between two returns: soon after a build, and rare enough that walking the heap costs nothing one could measure.
const EVERY: Duration = Duration::from_secs(10);

/// Have the allocator return what is free, for ever.
pub(crate) async fn give_back_when_idle() {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = tokio::task::spawn_blocking(dormouse_runtime::memory::give_back).await {
            tracing::warn!(%error, "memory is not given back");
        }
    }
}
