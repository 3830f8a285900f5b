//! Which images must not be collected.

use std::collections::BTreeSet;

use dormouse_backend::{Builds, Workloads};
use dormouse_model::ImageId;

use crate::{Control, OpError, events::Event};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Images that serve, may have to serve again, still run somewhere, or were built for a deploy under way.
    ///
    /// # Errors
    /// When the store cannot be read, or the backend cannot say what exists; nothing may be collected then.
    pub async fn live_images(&self) -> Result<BTreeSet<ImageId>, OpError> {
        let mut live = self.store.write(|tx| tx.images()).await?;
        // Asked after: what has begun since is of a deployment that is wanted.
        live.extend(self.workloads.list().await?.into_iter().map(|w| w.image));
        Ok(live)
    }

    /// Say it to the services whose image was changed on disk since it was built. What runs goes on.
    ///
    /// # Errors
    /// When control is closing.
    pub async fn say_damaged(&self, images: BTreeSet<ImageId>) -> Result<(), OpError> {
        self.call(move |state| {
            let desired = state.desired.services.iter();
            let concerned: Vec<_> = desired
                .filter(|(_, s)| s.live.iter().chain([&s.target]).any(|d| images.contains(&d.image)))
                .map(|(key, _)| key.clone())
                .collect();
            for key in concerned {
                state.say(&key, None, Event::ImageDamaged);
            }
        })
        .await
    }
}
