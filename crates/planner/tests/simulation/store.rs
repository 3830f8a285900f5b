//! What control writes down, so that it survives it.

use std::collections::BTreeMap;

use dormouse_backend::sim::Rng;
use dormouse_model::{DeploymentId, Desired, End, InstanceId, ServiceKey, Time, Watchdog};

/// What is written down of an instance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    pub(crate) ready_at: Option<Time>,
    pub(crate) draining_since: Option<Time>,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) desired: Desired,
    pub(crate) kept: BTreeMap<InstanceId, Kept>,
    pub(crate) ends: BTreeMap<ServiceKey, Vec<End>>,
    pub(crate) watchdogs: BTreeMap<ServiceKey, Watchdog>,
    pub(crate) last_instance: u64,
    pub(crate) last_deployment: u64,
    /// Of the route table.
    pub(crate) generation: u64,
}

impl Store {
    pub(crate) fn next_instance(&mut self) -> InstanceId {
        self.last_instance += 1;
        InstanceId(self.last_instance)
    }

    pub(crate) fn next_deployment(&mut self) -> DeploymentId {
        self.last_deployment += 1;
        DeploymentId(self.last_deployment)
    }

    /// One of the wanted services.
    pub(crate) fn any_service(&self, rng: &mut Rng) -> Option<ServiceKey> {
        let keys: Vec<_> = self.desired.services.keys().cloned().collect();
        if keys.is_empty() { None } else { Some(rng.pick(&keys).clone()) }
    }
}
