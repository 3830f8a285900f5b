//! Looking whether images are still what they were when they were built.

use std::{sync::Arc, time::Duration};

use dormouse_backend::{Builds, Workloads};
use dormouse_control::Control;
use dormouse_images::Store;
use tracing::warn;

/// After the start, so that whoever waits for the server has the disk for himself.
const FIRST: Duration = Duration::from_secs(10);

/// Between two looks.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Look at the images that apps run on, for ever.
pub(crate) async fn run<W: Workloads, B: Builds>(store: Store, control: Arc<Control<W, B>>) {
    tokio::time::sleep(FIRST).await;
    loop {
        if let Err(error) = look(store.clone(), &control).await {
            warn!("whether images are sound is not known: {error:#}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look<W: Workloads, B: Builds>(store: Store, control: &Control<W, B>) -> anyhow::Result<()> {
    let live = control.live_images().await?;
    let damaged = tokio::task::spawn_blocking(move || store.damaged(&live)).await??;
    if !damaged.is_empty() {
        control.say_damaged(damaged).await?;
    }
    Ok(())
}
