//! What is to be done, in the field's words.

use std::fmt;

use dormouse_model::{DeploymentId, Depth, InstanceId, Limits, ServiceKey, StopReason};
use serde::{Deserialize, Serialize};

/// One thing to do. The order within a plan matters: see [`crate::plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Thaw an instance that sleeps.
    Wake {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
    },
    /// Start an instance. A start that fails is an end ([`dormouse_model::Cause::NotStarted`]).
    Start {
        /// Of which service.
        key: ServiceKey,
        /// The number its instance carries ([`dormouse_model::Deployment::process`]).
        deployment: DeploymentId,
    },
    /// The target became ready: from now on it is `live`.
    Promote {
        /// Of which service.
        key: ServiceKey,
        /// Which deployment.
        deployment: DeploymentId,
    },
    /// The rollout failed: `live` is the target again.
    Fail {
        /// Of which service.
        key: ServiceKey,
        /// The deployment that is given up.
        deployment: DeploymentId,
        /// What happened: one line, and a hint in a second one where there is one.
        why: String,
    },
    /// What is live keeps ending, and what it replaced a moment ago did not: that is live again.
    RollBack {
        /// Of which service.
        key: ServiceKey,
        /// The deployment that gives its place back.
        deployment: DeploymentId,
        /// The one that has it again.
        to: DeploymentId,
        /// What happened: one line, and a hint in a second one where there is one.
        why: String,
    },
    /// What is live has held for long enough: what it replaced is forgotten.
    Settle {
        /// Of which service.
        key: ServiceKey,
        /// The deployment that is live.
        deployment: DeploymentId,
    },
    /// Send it no new traffic, and remember since when.
    Drain {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
    },
    /// See what it does by itself. From then on its record tells.
    Look {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
    },
    /// Have it run within other limits from now on, awake or asleep.
    SetLimits {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
        /// Its limits.
        limits: Limits,
    },
    /// Put it to sleep, or deeper to sleep, once the edge has confirmed that it treats it as asleep and it is still idle.
    Sleep {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
        /// How deeply; never [`Depth::Stopped`].
        depth: Depth,
    },
    /// Have one that sleeps run for a moment that nobody sees: for its supervisor to hear its processes, or for a word to
    /// come that somebody may wait for.
    DarkWake {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
        /// How deeply it is to sleep afterwards; never [`Depth::Stopped`].
        depth: Depth,
    },
    /// End it. From this moment it is draining. With [`StopReason::Idle`] the edge is asked first, as for a sleep.
    Stop {
        /// Whose instance it is.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
        /// Why.
        why: StopReason,
    },
    /// Clear away an ended instance.
    Remove {
        /// Whose instance it was.
        key: ServiceKey,
        /// Which instance.
        id: InstanceId,
    },
}

/// What an action works on. Two actions on one subject must not run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An instance.
    Instance(InstanceId),
    /// The limits of an instance. They are no matter of its sleep: nobody who wakes it waits for them.
    Limits(InstanceId),
    /// A deployment of a service: starting an instance of it, promoting it, failing it, what follows.
    Deployment(ServiceKey, DeploymentId),
}

impl Action {
    /// Whose service it concerns.
    #[must_use]
    pub fn key(&self) -> &ServiceKey {
        match self {
            Self::Wake { key, .. }
            | Self::Start { key, .. }
            | Self::Promote { key, .. }
            | Self::Fail { key, .. }
            | Self::RollBack { key, .. }
            | Self::Settle { key, .. }
            | Self::Drain { key, .. }
            | Self::SetLimits { key, .. }
            | Self::Look { key, .. }
            | Self::Sleep { key, .. }
            | Self::DarkWake { key, .. }
            | Self::Stop { key, .. }
            | Self::Remove { key, .. } => key,
        }
    }

    /// What it works on.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Start { key, deployment }
            | Self::Promote { key, deployment }
            | Self::Fail { key, deployment, .. }
            | Self::RollBack { key, deployment, .. }
            | Self::Settle { key, deployment } => Subject::Deployment(key.clone(), *deployment),
            Self::Wake { id, .. }
            | Self::Drain { id, .. }
            | Self::Look { id, .. }
            | Self::Sleep { id, .. }
            | Self::DarkWake { id, .. }
            | Self::Stop { id, .. }
            | Self::Remove { id, .. } => Subject::Instance(*id),
            Self::SetLimits { id, .. } => Subject::Limits(*id),
        }
    }

    /// Where it belongs among others, the first first. Wakes, because somebody waits for them; what changes what is live before what
    /// follows from it.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Wake { .. } => 0,
            Self::RollBack { .. } | Self::Fail { .. } => 1,
            Self::Start { .. } => 2,
            Self::Promote { .. } => 3,
            Self::Settle { .. } => 4,
            Self::Drain { .. } => 5,
            Self::SetLimits { .. } | Self::Look { .. } => 6,
            Self::Sleep { .. } | Self::DarkWake { .. } => 7,
            Self::Stop { .. } => 8,
            Self::Remove { .. } => 9,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wake { key, id } => write!(f, "wake {key} {id}"),
            Self::Start { key, deployment } => write!(f, "start {key} {deployment}"),
            Self::Promote { key, deployment } => write!(f, "promote {key} {deployment}"),
            Self::Fail { key, deployment, why } => write!(f, "fail {key} {deployment}: {why}"),
            Self::RollBack { key, deployment, to, why } => {
                write!(f, "roll back {key} {deployment} to {to}: {why}")
            }
            Self::Settle { key, deployment } => write!(f, "settle {key} {deployment}"),
            Self::Drain { key, id } => write!(f, "drain {key} {id}"),
            Self::SetLimits { key, id, limits } => {
                // Its disk is as large as it was made.
                let Limits { memory, cpu_milli, pids, disk: _ } = limits;
                let memory = dormouse_model::size::show(*memory);
                write!(f, "limit {key} {id} to {memory}, {cpu_milli}m, {pids}")
            }
            Self::Look { key, id } => write!(f, "look {key} {id}"),
            Self::Sleep { key, id, depth } => write!(f, "sleep {key} {id} {}", crate::words::depth(*depth)),
            Self::DarkWake { key, id, depth } => {
                write!(f, "dark wake {key} {id} {}", crate::words::depth(*depth))
            }
            Self::Stop { key, id, why } => write!(f, "stop {key} {id}: {}", crate::words::stop(*why)),
            Self::Remove { key, id } => write!(f, "remove {key} {id}"),
        }
    }
}
