//! A deploy and what happens during it.

use serde::{Deserialize, Serialize};

use crate::Stream;

/// The source has arrived and is safe on disk; from here on the deploy goes on without the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployAccepted {
    /// Its number, for [`crate::Client::deploy_events`]; people write it `d7`.
    pub id: u64,
    /// The project the manifest names.
    pub project: String,
    /// Its services.
    pub services: Vec<String>,
    /// The project's public URLs, the front one first; they show a waiting page until it is ready.
    pub urls: Vec<String>,
    /// What in the manifest may not be as meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What is deployed, beside the source itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeployQuery {
    /// The folder's own name, which names the project when nothing else does.
    pub folder: String,
    /// The name the project is to have, whatever the folder says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Tells the client's machine from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Where the folder is on it: absolute, with no link in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether a project of the same name from another folder is to be replaced; otherwise that is refused, unless
    /// `project` names it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// Which deploy of a project is its newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestDeploy {
    /// Its number, for [`crate::Client::deploy_events`].
    pub id: u64,
}

/// Where a build that has to wait stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Its place: 1 comes next.
    pub place: u64,
    /// What it waits for.
    pub why: String,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployEvent {
    /// Its number within the deploy, from 0, always rising, with gaps where output is left out and after control was restarted;
    /// ask for events from `seq + 1` to go on after it.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Which service it concerns; `None` for the deploy as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub step: DeployStep,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DeployStep {
    /// The service waits for its build. Sent once more when that has to wait for others, whenever its place among them is
    /// another, and when a build starts again after the server was restarted.
    Queued {
        /// Where it stands, when others come first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits: Option<Waits>,
    },
    /// Its build begins.
    Building,
    /// A phase of the build begins.
    Phase {
        /// `base`, `packages`, `dependencies`, `source`.
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
    /// Bytes of a download within the current phase. Not kept: only those who follow live see it.
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
        /// The image, `sha256:<hex>`.
        image: String,
    },
    /// The build failed.
    BuildFailed {
        /// Why, with a hint where one helps.
        reason: String,
        /// Whether an older version goes on serving.
        old_serves: bool,
    },
    /// Image and configuration are those that serve already; nothing is replaced.
    Unchanged,
    /// A new deployment holds for the process that runs, which goes on.
    Applied {
        /// The deploy's number, such as `d4`.
        deployment: String,
        /// What is different, by the manifest's words.
        changed: Vec<String>,
    },
    /// A new deployment is recorded and will be rolled out.
    Starting {
        /// The deploy's number, such as `d4`.
        deployment: String,
        /// Why that takes a new process, when nothing that one is started with is different.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The new deployment runs, but is not ready yet, and this is why. Said once as long as nothing changes.
    Waiting {
        /// What was seen, with a hint where one helps.
        reason: String,
    },
    /// The new deployment takes the requests.
    Ready {
        /// The deploy's number.
        deployment: String,
        /// Whether it is a job: it has run to its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        job: bool,
        /// What people should know of it all the same: one line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remark: Option<String>,
    },
    /// The new deployment does not become ready.
    RolloutFailed {
        /// The deploy's number.
        deployment: String,
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
    /// Something newer took its place before it was done.
    Superseded {
        /// The deploy that did, such as `d5`; `None` when it was no deploy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The project was taken down before it was done.
    TakenDown,
    /// Somebody cancelled it.
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
