//! What the edge is told of each service.

use std::{collections::BTreeMap, net::SocketAddrV4};

use dormouse_model::{
    Desired, Endpoint, InstanceId, Observed, ProjectName, ServiceKey, Target, Time, Tracked,
};

use crate::{Standing, State, standings};

/// What the planner cannot see in the desired and observed state.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Instances about to be put to sleep, or stopped because they are idle: the edge shall ask before it sends them
    /// anything.
    pub falling_asleep: Tracked<InstanceId, ServiceKey>,
    /// The newest build of a service, while it runs or when it failed; also of services never deployed yet.
    pub builds: Tracked<ServiceKey, BuildFact>,
}

/// What there is to say of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildFact {
    /// It runs.
    Running,
    /// It failed.
    Failed {
        /// What happened, one line.
        reason: String,
    },
}

/// Where each service stands as far as a request is concerned, also of those that were never deployed but have a build.
#[must_use]
pub fn endpoints(
    desired: &Desired,
    observed: &Observed,
    facts: &Facts,
    now: Time,
) -> BTreeMap<ServiceKey, Endpoint> {
    let all = standings(desired, observed, now);
    with(observed, facts, facts.builds.iter(), &all)
}

/// The same of one project, whose services stand as `standings` says.
#[must_use]
pub fn endpoints_of(
    observed: &Observed,
    facts: &Facts,
    project: &ProjectName,
    standings: &BTreeMap<ServiceKey, Standing>,
) -> BTreeMap<ServiceKey, Endpoint> {
    with(observed, facts, facts.builds.of_project(project), standings)
}

fn with<'a>(
    observed: &Observed,
    facts: &Facts,
    builds: impl Iterator<Item = (&'a ServiceKey, &'a BuildFact)>,
    standings: &BTreeMap<ServiceKey, Standing>,
) -> BTreeMap<ServiceKey, Endpoint> {
    let mut out = BTreeMap::new();
    for (key, build) in builds {
        let endpoint = match build {
            BuildFact::Running => Endpoint::Building,
            BuildFact::Failed { reason } => Endpoint::Failed { reason: reason.clone() },
        };
        out.insert(key.clone(), endpoint);
    }
    for (key, standing) in standings {
        let building = matches!(facts.builds.get(key), Some(BuildFact::Running));
        let endpoint = match &standing.state {
            State::Ready | State::Asleep(_) => {
                let target = |(id, port): &(InstanceId, u16)| {
                    let i = observed.instances.get(id)?;
                    Some(Target {
                        instance: i.id,
                        addr: SocketAddrV4::new(i.addr, *port),
                        asleep: crate::view::asleep(i).is_some() || facts.falling_asleep.contains_key(&i.id),
                    })
                };
                Endpoint::Ready { targets: standing.serving.iter().filter_map(target).collect() }
            }
            State::Stopped | State::Done => Endpoint::Stopped,
            State::Starting | State::Running => Endpoint::Starting,
            State::Crashed { .. } if building => Endpoint::Building,
            State::Crashed { reason } => Endpoint::Crashed { reason: reason.clone(), log_tail: Vec::new() },
        };
        out.insert(key.clone(), endpoint);
    }
    out
}
