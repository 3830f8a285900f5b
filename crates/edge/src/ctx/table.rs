//! The route table as workers read it: looked up by host, with the counters of every instance at hand.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dormouse_model::{
    ClassId, Classes, Endpoint, InstanceId, Listener, ProjectName, RouteTable, ServiceKey, Target, ZoneRecord,
};

use super::{stats::InstanceStats, traffic::TrafficStats};

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) generation: u64,
    pub(crate) listeners: Vec<Listener>,
    hosts: HashMap<String, ServiceKey>,
    services: HashMap<ServiceKey, Service>,
    asleep: HashSet<InstanceId>,
    awake: HashSet<InstanceId>,
    /// Of each project, where what leaves the host is divided.
    classes: HashMap<ProjectName, ClassId>,
    /// Workers that do not use it yet.
    pending: AtomicUsize,
}

/// Where a service stands.
#[derive(Debug)]
pub(crate) enum Service {
    Ready(Vec<Backend>),
    /// Stopped or starting: either way, wake it and wait.
    Waiting,
    Building,
    Crashed,
    Failed,
}

#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) target: Target,
    pub(crate) stats: Arc<InstanceStats>,
}

impl Table {
    /// Prepare a table for this many workers.
    pub(crate) fn new(
        table: &RouteTable,
        traffic: &TrafficStats,
        workers: usize,
        classes: Option<Classes>,
    ) -> Self {
        traffic.list(table);
        let mut services = HashMap::new();
        let (mut asleep, mut awake) = (HashSet::new(), HashSet::new());
        for (key, endpoint) in &table.endpoints {
            let service = match endpoint {
                Endpoint::Ready { targets } => {
                    for target in targets {
                        let set = if target.asleep { &mut asleep } else { &mut awake };
                        set.insert(target.instance);
                    }
                    let backend =
                        |target: &Target| Backend { target: *target, stats: traffic.of(target.instance) };
                    Service::Ready(targets.iter().map(backend).collect())
                }
                Endpoint::Stopped | Endpoint::Starting => Service::Waiting,
                Endpoint::Building => Service::Building,
                Endpoint::Crashed { .. } => Service::Crashed,
                Endpoint::Failed { .. } => Service::Failed,
            };
            services.insert(key.clone(), service);
        }
        let class = |zone: &ZoneRecord| Some((zone.project.clone()?, classes?.network(zone.gateway)));
        Self {
            generation: table.generation,
            listeners: table.listeners.clone(),
            hosts: table.hosts.iter().map(|(host, route)| (host.clone(), route.service.clone())).collect(),
            services,
            asleep,
            awake,
            classes: table.zones.iter().filter_map(class).collect(),
            pending: AtomicUsize::new(workers),
        }
    }

    /// Whether who decides has shown it since this edge began. Until then nobody knows that something is *not* served.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.generation > 0
    }

    /// The service of a public host, given in lower case without a port.
    pub(crate) fn route(&self, host: &str) -> Option<&ServiceKey> {
        self.hosts.get(host)
    }

    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.services.get(key)
    }

    /// Whether an instance of the service takes requests without being woken.
    pub(crate) fn awake(&self, key: &ServiceKey) -> bool {
        match self.service(key) {
            Some(Service::Ready(backends)) => backends.iter().any(|backend| !backend.target.asleep),
            Some(Service::Waiting | Service::Building | Service::Crashed | Service::Failed) | None => false,
        }
    }

    /// Whether any byte for the instance must ask for a wake first. One that is no longer listed is being drained.
    pub(crate) fn asleep(&self, instance: InstanceId) -> bool {
        self.asleep.contains(&instance)
    }

    /// With which class what is answered for the project is counted.
    pub(crate) fn class(&self, project: &ProjectName) -> Option<ClassId> {
        self.classes.get(project).copied()
    }

    /// Whether connections to the instance may be kept for later requests.
    pub(crate) fn keeps(&self, instance: InstanceId) -> bool {
        self.awake.contains(&instance)
    }

    /// One more worker uses it; true for the last of them.
    pub(crate) fn applied(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
