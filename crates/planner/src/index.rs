//! All that is wanted and seen, in an order in which a service's part of it is found without a look at everybody else's.

use std::collections::BTreeMap;

use dormouse_model::{Desired, InstanceRecord, Observed, ProjectName, ServiceKey, Time};

use crate::idle;

/// Made once for each round of planning, so that planning many services takes so much longer than planning one, and not the
/// square of it.
pub(crate) struct Index<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) observed: &'a Observed,
    /// By service, those of one service by their numbers.
    instances: Vec<&'a InstanceRecord>,
    wakes: BTreeMap<&'a ServiceKey, Time>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let mut instances: Vec<_> = observed.instances.values().collect();
        // Stable: the map has them by their numbers.
        instances.sort_by(|a, b| a.key.cmp(&b.key));
        Self { desired, observed, instances, wakes: idle::wakes(desired) }
    }

    /// All instances, those of a service side by side.
    pub(crate) fn instances(&self) -> &[&'a InstanceRecord] {
        &self.instances
    }

    /// The instances of a service.
    pub(crate) fn of(&self, key: &ServiceKey) -> &[&'a InstanceRecord] {
        let begin = self.instances.partition_point(|i| i.key < *key);
        let rest = &self.instances[begin..];
        &rest[..rest.partition_point(|i| i.key == *key)]
    }

    /// The instances of all services of a project.
    pub(crate) fn of_project(&self, project: &ProjectName) -> &[&'a InstanceRecord] {
        let begin = self.instances.partition_point(|i| i.key.project < *project);
        let rest = &self.instances[begin..];
        &rest[..rest.partition_point(|i| i.key.project == *project)]
    }

    /// The last time something asked for a service, or for one that needs it, to be awake.
    pub(crate) fn wake(&self, key: &ServiceKey) -> Option<Time> {
        self.wakes.get(key).copied()
    }
}
