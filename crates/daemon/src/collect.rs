//! Keeping the disk free of images nobody uses any more.

use std::{sync::Arc, time::Duration};

use dormouse_backend::{Builds, Workloads};
use dormouse_control::Control;
use dormouse_images::Store;
use tracing::{info, warn};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(15 * 60);

/// How long what nobody uses is kept, so that the next build finds it. Longer than any build may take.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// Collect for ever.
pub(crate) async fn run<W: Workloads, B: Builds>(store: Store, control: Arc<Control<W, B>>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let live = match control.live_images().await {
            Ok(live) => live,
            Err(error) => {
                warn!("nothing is collected: {:#}", anyhow::Error::from(error));
                continue;
            }
        };
        let store = store.clone();
        match tokio::task::spawn_blocking(move || store.collect(&live, KEEP)).await {
            Ok(Ok(done)) if done.layers > 0 => {
                info!(layers = done.layers, mib = done.bytes >> 20, "removed layers nobody uses");
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!("collecting images failed: {:#}", anyhow::Error::from(error)),
            Err(error) => warn!(%error, "collecting images was cut off"),
        }
    }
}
