//! Source in, image out.

use std::{future::Future, path::PathBuf};

use dormouse_model::{BuildId, ImageId, Origin, ServiceKey, ServiceSpec, manifest::Languages};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// What the hands can do to source code.
pub trait Builds: Send + Sync + 'static {
    /// Build one service. Events are sent as they happen; a closed receiver does not stop the build, dropping the
    /// future does, and leaves nothing running.
    fn build(
        &self,
        request: &BuildRequest,
        events: mpsc::UnboundedSender<BuildEvent>,
    ) -> impl Future<Output = Result<BuildOutcome, BuildError>> + Send;

    /// The languages that can be built: what reads a manifest asks them about code.
    fn languages(&self) -> &'static dyn Languages;

    /// What to do about a service that ended, when the last lines it wrote tell: who builds services knows their languages.
    fn advice(&self, said: &[String]) -> Option<String>;
}

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// Its number.
    pub id: BuildId,
    /// Whose build it is.
    pub key: ServiceKey,
    /// The service's own source folder on this host, already unpacked.
    pub source: PathBuf,
    /// The project's folder, in which it lies.
    pub project: PathBuf,
    /// Its resolved configuration.
    pub spec: ServiceSpec,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOutcome {
    /// The image.
    pub image: ImageId,
    /// The start command the builder found when the manifest names none, `$PORT` still in it.
    pub start: Vec<String>,
    /// Where that comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_origin: Option<Origin>,
}

/// What happens during a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BuildEvent {
    /// A phase begins.
    Phase {
        /// `base`, `packages`, `tools`, then of Python `dependencies`, of Rust `compile`, and `source`.
        name: String,
        /// Whether its layer was there already.
        cached: bool,
    },
    /// A phase ended well.
    PhaseDone {
        /// Which.
        name: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// Bytes of a download within the current phase.
    Progress {
        /// Done so far.
        done: u64,
        /// Of how many, when known.
        total: Option<u64>,
    },
    /// The kept layer of the phase that is about to begin was changed on disk since it was made, and is made again.
    LayerDamaged {
        /// Of which phase.
        name: String,
    },
    /// A line of output.
    Output {
        /// Where it was written to.
        stream: Stream,
        /// What it said.
        text: String,
    },
}

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The source is not something we know how to build.
    #[error("cannot tell how to build `{service}`: {why}\n  hint: {hint}")]
    Unknown {
        /// Which service.
        service: String,
        /// What is missing.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A phase's command failed; its output has been sent as events.
    #[error("the {phase} phase failed: {why}")]
    Phase {
        /// Which phase.
        phase: String,
        /// How it ended.
        why: String,
    },
    /// The build used more than it may.
    #[error("the {phase} phase exceeded its limit: {limit}\n  hint: {hint}")]
    Limit {
        /// Which phase.
        phase: String,
        /// `memory`, `time`, `silence`, `processes`, `disk`, with the figure.
        limit: String,
        /// What to do: the setting that raises it, where one does.
        hint: String,
    },
    /// The host refused.
    #[error("{what}")]
    Host {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
