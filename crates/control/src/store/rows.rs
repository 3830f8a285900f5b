//! What the store holds, in our words.

use std::net::Ipv4Addr;

use dormouse_backend::BuildOutcome;
use dormouse_model::{
    AddressBlock, Answered, BuildId, Demand, Deployment, DeploymentId, End, InstanceId, ProjectName,
    ProjectSpec, ServiceKey, ServiceName, Time, Watchdog,
};

use super::Unreadable;
use crate::{DeployId, Origin};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectRow {
    pub(crate) name: ProjectName,
    /// Its addresses, in the order it got them.
    pub(crate) blocks: Vec<AddressBlock>,
    pub(crate) origin: Option<Origin>,
    /// What is rolled out; `None` until the first build is done.
    pub(crate) spec: Option<ProjectSpec>,
    /// That of the newest deploy that was done.
    pub(crate) done: Option<ProjectSpec>,
    /// The newest deploy's, if that failed and there is no `spec`.
    pub(crate) failed: Option<ProjectSpec>,
    /// Set while it is being removed: whether its logs go too.
    pub(crate) removing: Option<bool>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceRow {
    pub(crate) key: ServiceKey,
    pub(crate) vip: Option<Ipv4Addr>,
    pub(crate) target: Option<DeploymentId>,
    pub(crate) live: Option<DeploymentId>,
    /// What `live` took the place of, and since when it has been live.
    pub(crate) replaced: Option<(DeploymentId, Time)>,
    pub(crate) trusted: Option<DeploymentId>,
    pub(crate) demand: Demand,
    pub(crate) note: Option<String>,
    pub(crate) used_at: Option<Time>,
}

/// How far a deploy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeployState {
    Building,
    Rolling,
    Done,
    Failed,
}

impl DeployState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Rolling => "rolling",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A deploy that was not done when the store was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeployRow {
    pub(crate) id: DeployId,
    pub(crate) spec: ProjectSpec,
    pub(crate) rolling: bool,
    pub(crate) builds: Vec<BuildRow>,
    /// What it rolls out.
    pub(crate) deployments: Vec<(ServiceName, DeploymentId)>,
}

/// The newest deploy of a project that has ended, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndedRow {
    pub(crate) id: DeployId,
    pub(crate) project: ProjectName,
    pub(crate) done: bool,
    /// The build that failed, and why.
    pub(crate) build: Option<(ServiceName, String)>,
}

/// One service's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildRow {
    pub(crate) id: BuildId,
    pub(crate) service: ServiceName,
    pub(crate) outcome: Option<BuildOutcome>,
}

/// An instance that was started once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceRow {
    pub(crate) id: InstanceId,
    pub(crate) key: ServiceKey,
    pub(crate) ready_at: Option<Time>,
    pub(crate) draining_since: Option<Time>,
}

/// A variable that is stored, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvRow {
    /// `None` for every service of the project.
    pub(crate) service: Option<ServiceName>,
    pub(crate) name: String,
    pub(crate) set_at: Time,
}

/// All of it, as read at the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    pub(crate) projects: Vec<ProjectRow>,
    pub(crate) services: Vec<ServiceRow>,
    pub(crate) unfinished: Vec<DeployRow>,
    pub(crate) ended: Vec<EndedRow>,
    /// Those that are the target or live of a service, or were replaced a moment ago.
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) instances: Vec<InstanceRow>,
    pub(crate) ends: Vec<(ServiceKey, Vec<End>)>,
    pub(crate) watchdogs: Vec<(ServiceKey, Watchdog)>,
    pub(crate) pingers: Vec<(ServiceKey, Watchdog)>,
    pub(crate) answers: Vec<(ServiceKey, Vec<Answered>)>,
    /// What could not be read, and what could not once and has been replaced since.
    pub(crate) unreadable: Vec<Unreadable>,
    /// First instance number that is free; a block from there on has been taken out.
    pub(crate) instance_block: u64,
    /// How often control has been started in this state folder.
    pub(crate) epoch: u64,
}
