//! The phase of the source.

use dormouse_backend::BuildError;
use dormouse_images::{CacheKey, LayerDraft};

use super::{Job, Stack, blocking, phase::io_error};
use crate::source::Source;

impl Job<'_> {
    /// The source itself, or what of it belongs into the image.
    pub(crate) async fn source(&self, stack: &mut Stack, source: Source) -> Result<(), BuildError> {
        let key = CacheKey::new("source 1").with("tree", &source.digest);
        let make = async |draft: &LayerDraft| {
            let app = draft.path().join("app");
            blocking(move || source.copy_to(&app))
                .await
                .map_err(|e| io_error("source", "copying to", draft.path(), e))
        };
        let layer = self.phase("source", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }
}
