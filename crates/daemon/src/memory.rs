//! Giving memory back after work. Our processes idle most of their life, beside apps that want the memory.

use std::time::Duration;

/// Between two returns: soon after a build, and rare enough that walking the heap costs nothing one could measure.
const EVERY: Duration = Duration::from_secs(10);

/// Have the allocator return what is free, for ever.
pub(crate) async fn give_back_when_idle() {
    loop {
        tokio::time::sleep(EVERY).await;
        give_back().await;
    }
}

/// Resident bytes below which an edge has nothing to give: several times what it takes when it is idle.
const LARGE: u64 = 24 << 20;

/// The same while this process is large, for one in which others wait for the heap: thousands of connections that came and went
/// leave it larger than it was, whatever they left free.
pub(crate) async fn give_back_when_large() {
    loop {
        tokio::time::sleep(EVERY).await;
        if dormouse_runtime::memory::resident().is_ok_and(|bytes| bytes <= LARGE) {
            continue;
        }
        give_back().await;
    }
}

async fn give_back() {
    if let Err(error) = tokio::task::spawn_blocking(dormouse_runtime::memory::give_back).await {
        tracing::warn!(%error, "memory is not given back");
    }
}
