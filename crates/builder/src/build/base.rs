//! The phase of the base.

use dormouse_backend::{BuildError, BuildEvent};
use dormouse_images::LayerId;

use super::Job;

/// What images stand on.
#[derive(Debug, Clone)]
pub enum Base {
    /// A layer that is in the store already.
    Layer(LayerId),
}

impl Job<'_> {
    pub(super) async fn base(&self) -> Result<LayerId, BuildError> {
        match &self.builder.base {
            Base::Layer(id) => {
                self.send(BuildEvent::Phase { name: "base".to_owned(), cached: true });
                self.send(BuildEvent::PhaseDone { name: "base".to_owned(), ms: 0 });
                Ok(id.clone())
            }
        }
    }
}
