//! What the user asked for, and what traffic asks for.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    DeployId, DeploymentId, Depths, HealthSpec, ImageId, Limits, ServiceKey, ServiceKind, ServiceSpec,
    SleepPolicy, Time, Tracked,
};

/// One image of one service with one configuration. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number; a higher one is newer.
    pub id: DeploymentId,
    /// The deploy it is of, also after restarts.
    #[serde(default)]
    pub deploy: DeployId,
    /// The image it runs.
    pub image: ImageId,
    /// The configuration it runs with, shared by all who hold it.
    pub spec: Arc<ServiceSpec>,
    /// When its process was asked for.
    pub created_at: Time,
    /// The deployment whose process it goes on with, because it differs only in what is applied to a running one
    /// ([`crate::change()`]); `None` when it starts one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<DeploymentId>,
}

impl Deployment {
    /// The number that its instances carry: its own, or that of the deployment that started the process it goes on
    /// with.
    #[must_use]
    pub fn process(&self) -> DeploymentId {
        self.continues.unwrap_or(self.id)
    }
    /// Its probes.
    #[must_use]
    pub fn health(&self) -> &HealthSpec {
        &self.spec.health
    }
    /// How many instances of it are to run.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.spec.replicas.max(1) as usize
    }
    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.spec.limits
    }
    /// Its sleep policy.
    #[must_use]
    pub fn sleep(&self) -> SleepPolicy {
        self.spec.sleep
    }
}

/// What one service should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredService {
    /// Which service.
    pub key: ServiceKey,
    /// The newest deployment: where we want to be.
    pub target: Deployment,
    /// The last deployment that became ready, kept serving until `target` is ready. Equal to `target` once live.
    pub live: Option<Deployment>,
    /// What `live` took the place of, until it has shown for some minutes that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// What traffic and people ask of it right now.
    pub demand: Demand,
    /// Services of the same project woken together with it, transitively closed, itself excluded.
    pub needs: BTreeSet<ServiceKey>,
    /// Services of the same project that have to be there before its target is started: jobs done, others ready.
    #[serde(default)]
    pub after: BTreeSet<ServiceKey>,
}

/// A deployment that another took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The one that served before.
    pub deployment: Deployment,
    /// Since when the other has been live.
    pub at: Time,
    /// The last one that had held for long, where that is an older one: `deployment` had not when its place was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Deployment>,
}

impl DesiredService {
    /// The target is live from now on. What it takes the place of is remembered, and what was live is given back.
    pub fn promote(&mut self, now: Time) -> Option<Deployment> {
        let before = self.live.replace(self.target.clone());
        let other = |d: &&Deployment| d.process() != self.target.process();
        let served = |d: &&Deployment| match d.spec.kind {
            ServiceKind::Web | ServiceKind::Worker => true,
            ServiceKind::Job => false,
        };
        if let Some(deployment) = before.as_ref().filter(other).filter(served).cloned() {
            let trusted = self.replaced.take().map(|earlier| earlier.trusted.unwrap_or(earlier.deployment));
            self.replaced = Some(Replaced { deployment, at: now, trusted });
        }
        before
    }

    /// One that was live before, and is remembered, is live again; a newer one that is on its way stays so. One that had not
    /// yet held for long has to from now on.
    pub fn roll_back(&mut self, to: DeploymentId, now: Time) {
        let Some(Replaced { deployment, trusted, .. }) = self.replaced.take() else { return };
        let (deployment, trusted) = match trusted {
            Some(trusted) if trusted.id == to => (trusted, None),
            trusted => (deployment, trusted),
        };
        if self.is_live() {
            self.target = deployment.clone();
        }
        self.live = Some(deployment);
        self.replaced = trusted.map(|deployment| Replaced { deployment, at: now, trusted: None });
    }

    /// Whether its target has been live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.id == self.target.id)
    }
}

/// What traffic and people ask of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Demand {
    /// Last time something asked for it to be awake: a held request, a needing service, `dormouse wake`.
    pub wake_at: Option<Time>,
    /// Last `dormouse sleep`.
    pub sleep_at: Option<Time>,
}

/// Everything that should exist. What is not in here should not run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desired {
    /// By project and service.
    pub services: Tracked<ServiceKey, DesiredService>,
    /// How deeply the host lets them sleep.
    pub depths: Depths,
}
