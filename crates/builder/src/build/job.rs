//! A builder, one build of it, and what that is made of.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use dormouse_backend::{BuildError, BuildEvent, BuildRequest, Stream};
use dormouse_images::{LayerId, Store};
use dormouse_runtime::Sandboxes;
use tokio::sync::mpsc;

use super::{base::Base, caches, locks};
use crate::{
    BuildSettings,
    hostnet::{Host, HostNet},
};

/// Builds images on this host.
#[derive(Debug)]
pub struct Builder {
    pub(crate) store: Store,
    pub(crate) sandboxes: Arc<Sandboxes>,
    pub(crate) net: Arc<HostNet>,
    pub(crate) host: Host,
    pub(crate) base: Base,
    pub(crate) settings: BuildSettings,
    pub(crate) caches: Arc<caches::Caches>,
    pub(crate) locks: locks::Locks,
}

impl Builder {
    /// A builder that keeps layers in `store`, and in `cache`, a folder of its own, what makes the next build quicker.
    #[must_use]
    pub fn new(
        store: Store,
        sandboxes: Arc<Sandboxes>,
        net: Arc<HostNet>,
        base: Base,
        settings: BuildSettings,
        cache: &Path,
    ) -> Self {
        let bound = settings.cache_bound();
        Self {
            store,
            sandboxes,
            net,
            host: Host::this(),
            base,
            settings,
            caches: Arc::new(caches::Caches::new(cache, bound)),
            locks: locks::Locks::default(),
        }
    }
}

/// One build under way.
pub(crate) struct Job<'a> {
    pub(crate) builder: &'a Builder,
    pub(crate) request: &'a BuildRequest,
    pub(crate) events: mpsc::UnboundedSender<BuildEvent>,
}

/// What the phases have produced so far.
pub(crate) struct Stack {
    /// Layers of the image, bottom first.
    pub(crate) layers: Vec<LayerId>,
    /// A layer only builds see: the tools. Left out of the image.
    pub(crate) tools: Option<LayerId>,
    /// The Debian release at the bottom, when it is one of our making.
    pub(crate) suite: Option<String>,
}

impl Stack {
    /// Folders for a sandbox, top first. The tools lie just above the base, below everything that is the image's.
    pub(crate) fn lowers(&self, store: &Store) -> Vec<PathBuf> {
        let above = self.layers.iter().skip(1).rev();
        let below = self.tools.iter().chain(self.layers.first());
        above.chain(below).map(|id| store.layer_path(id)).collect()
    }
}

impl Job<'_> {
    /// What this project's builds keep of one kind.
    pub(crate) async fn cache(&self, phase: &str, kind: &'static str) -> Result<caches::Cache, BuildError> {
        let (caches, project) = (self.builder.caches.clone(), self.request.key.project.clone());
        let opened = blocking(move || caches.open(kind, project.as_str())).await;
        opened.map_err(|e: std::io::Error| host(format!("opening the cache of the {phase} phase"), e))
    }

    /// Note something in the build log.
    pub(crate) fn say(&self, text: &str) {
        for line in text.lines() {
            self.send(BuildEvent::Output { stream: Stream::Err, text: line.to_owned() });
        }
    }

    /// Nobody listening is no reason to stop.
    pub(crate) fn send(&self, event: BuildEvent) {
        self.events.send(event).ok();
    }
}

pub(crate) fn host(
    what: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BuildError {
    let (what, source) = (what.into(), source.into());
    BuildError::Host { what: format!("{what}: {source}"), source }
}

/// Run something that blocks on the disk away from the async threads.
pub(crate) async fn blocking<T: Send + 'static, E: Send + 'static + From<std::io::Error>>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(e) => Err(std::io::Error::other(e).into()),
        },
    }
}
