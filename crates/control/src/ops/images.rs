//! Which images must not be collected.

use std::collections::BTreeSet;

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{DeploymentId, ImageId};

use crate::{Control, OpError};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Images that serve, may have to serve again, still run somewhere, or were built for a deploy under way.
    ///
    /// # Errors
    /// When the store cannot be read; nothing may be collected then.
    pub async fn live_images(&self) -> Result<BTreeSet<ImageId>, OpError> {
        let running =
            self.call(|state| state.observed.instances.values().map(|i| i.deployment).collect()).await?;
        let running: BTreeSet<DeploymentId> = running;
        Ok(self.store.write(move |tx| tx.images(&running)).await?)
    }
}
