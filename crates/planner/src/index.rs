//! All that is wanted and seen, or a project's part of it, in an order in which a service's part is found without a look at
//! everybody else's.

use std::collections::BTreeMap;

use dormouse_model::{Desired, DesiredService, InstanceRecord, Observed, ProjectName, ServiceKey, Time};

/// Made once for each round of planning, so that planning many services takes so much longer than planning one, and not the
/// square of it. What one project is to do hangs on nothing of another.
pub(crate) struct Index<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) observed: &'a Observed,
    /// By key.
    services: Vec<&'a DesiredService>,
    /// By service, those of one service by their numbers.
    instances: Vec<&'a InstanceRecord>,
    wakes: BTreeMap<&'a ServiceKey, Time>,
}

impl<'a> Index<'a> {
    /// Of everybody.
    pub(crate) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let services = desired.services.values().collect();
        Self::with(desired, observed, services, observed.instances.values().collect())
    }

    /// Of one project.
    pub(crate) fn of_project(desired: &'a Desired, observed: &'a Observed, project: &ProjectName) -> Self {
        let services = desired.services.of_project(project).map(|(_, svc)| svc).collect();
        let instances = observed.instances.of_project(project).map(|(_, i)| i).collect();
        Self::with(desired, observed, services, instances)
    }

    fn with(
        desired: &'a Desired,
        observed: &'a Observed,
        services: Vec<&'a DesiredService>,
        mut instances: Vec<&'a InstanceRecord>,
    ) -> Self {
        // Stable: they come by their numbers.
        instances.sort_by(|a, b| a.key.cmp(&b.key));
        let wakes = wakes(&services);
        Self { desired, observed, services, instances, wakes }
    }

    /// All wanted services.
    pub(crate) fn services(&self) -> &[&'a DesiredService] {
        &self.services
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
    pub(crate) fn beside(&self, project: &ProjectName) -> &[&'a InstanceRecord] {
        let begin = self.instances.partition_point(|i| i.key.project < *project);
        let rest = &self.instances[begin..];
        &rest[..rest.partition_point(|i| i.key.project == *project)]
    }

    /// The last time something asked for a service, or for one that needs it, to be awake.
    pub(crate) fn wake(&self, key: &ServiceKey) -> Option<Time> {
        self.wakes.get(key).copied()
    }
}

/// The last time something asked for a service, or for one that needs it, to be awake.
pub(crate) fn wakes<'a>(services: &[&'a DesiredService]) -> BTreeMap<&'a ServiceKey, Time> {
    let mut wakes = BTreeMap::new();
    for svc in services {
        let Some(at) = svc.demand.wake_at else { continue };
        for key in std::iter::once(&svc.key).chain(&svc.needs) {
            let latest = wakes.entry(key).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    wakes
}
