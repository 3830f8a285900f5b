//! The phase of the base.

use std::{sync::Arc, time::Instant};

use dormouse_backend::{BuildError, BuildEvent};
use dormouse_images::LayerId;

use super::{Job, host, phase::store_error};
use crate::base::{BaseError, Bases};

/// What images stand on.
#[derive(Debug, Clone)]
pub enum Base {
    /// A layer that is in the store already.
    Layer(LayerId),
    /// A Debian of our own making.
    Debian(Arc<Bases>),
}

impl Job<'_> {
    /// The layer, and the Debian release it is of when it is one of our making.
    pub(crate) async fn base(&self) -> Result<(LayerId, Option<String>), BuildError> {
        let started = Instant::now();
        let cached = match &self.builder.base {
            Base::Layer(_) => true,
            Base::Debian(bases) => bases.current().await.is_some(),
        };
        self.send(BuildEvent::Phase { name: "base".to_owned(), cached });
        let layer = match &self.builder.base {
            Base::Layer(id) => (id.clone(), None),
            Base::Debian(bases) => {
                let base = bases.ensure(&self.events).await.map_err(failed)?;
                (base.layer, Some(base.suite))
            }
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.send(BuildEvent::PhaseDone { name: "base".to_owned(), ms });
        Ok(layer)
    }
}

fn failed(e: BaseError) -> BuildError {
    match e {
        BaseError::Store(e) => store_error("base", e),
        BaseError::Sandbox(e) => host("running the base phase", e),
        e @ (BaseError::Settings(_)
        | BaseError::Fetch { .. }
        | BaseError::Signature { .. }
        | BaseError::Release { .. }
        | BaseError::Mismatch { .. }
        | BaseError::Unresolved(_)
        | BaseError::Package { .. }
        | BaseError::Configure(_)
        | BaseError::Io { .. }) => BuildError::Phase { phase: "base".to_owned(), why: e.to_string() },
    }
}
