//! What the reconciler hears.

use std::{collections::BTreeMap, net::Ipv4Addr};

use dormouse_backend::{Ended, Moment, Workload, WorkloadError, WorkloadEvent};
use dormouse_model::{
    Activity, Answer, DeploymentId, Depth, EdgeId, Inspection, InstanceId, Limits, ProjectName, Question,
    ServiceKey, Target, Time, TrafficReport, WakeRefused,
};
use dormouse_planner::{Compared, Subject};
use tokio::{sync::oneshot, time::Instant};

use crate::{events::Waker, state::State};

/// Where the answer to a call for a wake goes.
pub(crate) type WakeReply = oneshot::Sender<Result<Vec<Target>, WakeRefused>>;

/// What the reconciler hears.
pub(crate) enum Msg {
    /// Somebody needs a service awake.
    Wake { key: ServiceKey, by: Waker, asked: Instant, reply: WakeReply },
    /// News of an edge.
    Edge(EdgeId, OfEdge),
    /// Something happened by itself.
    Happened(WorkloadEvent),
    /// What the backend has may have changed without a word.
    Look,
    /// What the backend has.
    Listed(Result<Vec<Workload>, WorkloadError>),
    /// A probe ended; `woken_at` is from when it began.
    Probed {
        id: InstanceId,
        woken_at: Option<Time>,
        asked: Question,
        host: String,
        answer: Answer,
        /// Whether it sends visitors on to https.
        to_https: bool,
        compared: Compared,
    },
    /// Somebody looked into an instance.
    Inspected { id: InstanceId, result: Result<Inspection, WorkloadError> },
    /// An action ended.
    Done { subject: Subject, number: u64, outcome: Outcome },
    /// The last words of an instance.
    Tail { key: ServiceKey, id: InstanceId, lines: Vec<String> },
    /// A project's network has been removed.
    NetworkGone { project: ProjectName, result: Result<(), WorkloadError> },
    /// Somebody wants to know how much is held.
    Inventory(oneshot::Sender<BTreeMap<&'static str, usize>>),
    /// An operation wants to look at, or change, the state.
    Call(Box<dyn FnOnce(&mut State) + Send>),
}

/// What is heard of an edge.
#[derive(Debug)]
pub(crate) enum OfEdge {
    /// It was there before us.
    Expected,
    /// It has connected, and was shown no table yet.
    Connected,
    /// It tells what it carried.
    Report(TrafficReport),
    /// It is dead.
    Gone,
}

/// What came of an action.
#[derive(Debug)]
pub(crate) enum Outcome {
    Woken(Result<(), WorkloadError>),
    /// With the address that it was given.
    Started {
        started: Starting,
        result: Result<Ipv4Addr, WorkloadError>,
    },
    Looked(Result<Activity, WorkloadError>),
    Slept(Result<Depth, WorkloadError>),
    LookedIn(Result<Moment, WorkloadError>),
    Stopped(Result<Ended, WorkloadError>),
    Removed(Result<(), WorkloadError>),
    Limited {
        limits: Limits,
        result: Result<(), WorkloadError>,
    },
}

/// An instance being started.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) id: InstanceId,
    pub(crate) key: ServiceKey,
    pub(crate) deployment: DeploymentId,
    pub(crate) limits: Limits,
}
