//! One thing that happens during a deploy.

use dormouse_backend::{BuildEvent, Stream};
use dormouse_model::{DeployId, ImageId, ServiceName, Time};
use serde::{Deserialize, Serialize};

use crate::events::Event;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployEvent {
    /// Its number within the deploy, from 0, always rising: with gaps where output is left out, and after control was restarted.
    /// A [`DeployStep::Progress`] is not kept, and has the number of the last one that is.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Which service; `None` for the deploy as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// What.
    #[serde(flatten)]
    pub step: DeployStep,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DeployStep {
    /// The service waits for its build; said again when that has to wait for others, whenever its place among them is
    /// another, and when control was restarted meanwhile.
    Queued {
        /// Others come first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits: Option<Waits>,
    },
    /// Its build begins.
    Building,
    /// A phase of the build begins.
    Phase {
        /// Its name.
        name: String,
        /// Whether its layer was there already.
        cached: bool,
    },
    /// A phase ended well.
    PhaseDone {
        /// Its name.
        name: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// Bytes of a download.
    Progress {
        /// Done so far.
        done: u64,
        /// Of how many, when known.
        total: Option<u64>,
    },
    /// A line of the build's output.
    Output {
        /// Where it was written to.
        stream: Stream,
        /// What it said.
        text: String,
    },
    /// Lines of output before the next event are not kept: there were too many. It has the number of the last of them.
    LeftOut {
        /// How many.
        lines: u64,
        /// How long they were together.
        bytes: u64,
    },
    /// The build is done.
    Image {
        /// The image.
        image: ImageId,
    },
    /// The build failed.
    BuildFailed {
        /// Why.
        reason: String,
        /// Whether an older version goes on serving.
        old_serves: bool,
    },
    /// Image and configuration are those that serve already.
    Unchanged,
    /// A new deployment holds for the process that runs, which goes on.
    Applied {
        /// Which.
        deployment: DeployId,
        /// What is different, by the manifest's words.
        changed: Vec<String>,
    },
    /// A new deployment will be rolled out.
    Starting {
        /// Which.
        deployment: DeployId,
        /// Why that takes a new process, when nothing that one is started with is different.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It runs, but is not ready, and this is why.
    Waiting {
        /// What was seen, with a hint where one helps.
        reason: String,
    },
    /// It takes the requests.
    Ready {
        /// Which.
        deployment: DeployId,
        /// Whether it is a job: it has run to its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        job: bool,
        /// What people should know of it all the same: one line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remark: Option<String>,
    },
    /// It does not become ready.
    RolloutFailed {
        /// Which.
        deployment: DeployId,
        /// Why.
        reason: String,
        /// Its last words.
        log_tail: Vec<String>,
        /// Whether an older version goes on serving.
        old_serves: bool,
        /// Whether it is a job, which has failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        job: bool,
    },
    /// Something newer took its place.
    Superseded {
        /// The deploy that did; `None` when it was no deploy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<DeployId>,
    },
    /// Its project was taken down.
    TakenDown,
    /// Somebody wanted it to end.
    Cancelled,
    /// The last event of a deploy that succeeded.
    Done {
        /// The project's public URLs, the front one first.
        urls: Vec<String>,
    },
    /// The last event of a deploy that did not.
    Failed {
        /// Why, in one line.
        reason: String,
    },
}

impl DeployStep {
    /// Whether nothing follows it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

/// Where a build that has to wait stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Its place: 1 comes next.
    pub place: u64,
    /// What it waits for.
    pub why: String,
}

/// Why a deploy ends before it is done, though nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GaveWay {
    /// To this newer one.
    To(DeployId),
    /// Its project was taken down.
    TakenDown,
    /// Somebody wanted it to end.
    Cancelled,
}

impl GaveWay {
    /// What happened.
    pub(crate) fn step(self) -> DeployStep {
        match self {
            Self::To(by) => DeployStep::Superseded { by: Some(by) },
            Self::TakenDown => DeployStep::TakenDown,
            Self::Cancelled => DeployStep::Cancelled,
        }
    }

    /// The same in a line.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::To(by) => format!("{by} took its place"),
            Self::TakenDown => "taken down by `dormouse down`".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
        }
    }
}

impl From<BuildEvent> for DeployStep {
    fn from(event: BuildEvent) -> Self {
        match event {
            BuildEvent::Phase { name, cached } => Self::Phase { name, cached },
            BuildEvent::PhaseDone { name, ms } => Self::PhaseDone { name, ms },
            BuildEvent::Progress { done, total } => Self::Progress { done, total },
            BuildEvent::LayerDamaged { name } => {
                let damaged = Event::LayerDamaged { phase: name };
                Self::Output { stream: Stream::Err, text: format!("warning: {damaged}") }
            }
            BuildEvent::Output { stream, text } => Self::Output { stream, text },
        }
    }
}
