//! Everything the reconciler knows. Only its task touches this; operations send it closures.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{NetworkSpec, Vip, Workload};
use dormouse_model::{
    AddressBlock, Clock, Deployment, DeploymentId, Depth, Desired, DesiredService, InProject, InstanceId,
    InstanceRecord, Observed, Phase, ProjectName, ProjectSpec, ServiceKey, ServiceKind, ServiceName,
    ServiceSpec, Time, Tracked, Watchdog,
};
use dormouse_planner::{BuildFact, Facts};
use tokio::{sync::oneshot, task::AbortHandle, time::Instant};

use crate::{
    ControlSettings, DeployId, OpError, Origin, address,
    deploys::EventLog,
    events::{Event, Events},
    id::Block,
    store::{Store, Unreadable},
};

/// Everything the reconciler knows.
pub(crate) struct State {
    pub(crate) settings: Arc<ControlSettings>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Where it is told what happens to services.
    pub(crate) events: Events,
    pub(crate) projects: Tracked<ProjectName, Project>,
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    /// What runs and the database does not know.
    pub(crate) quarantined: BTreeMap<InstanceId, Workload>,
    /// What the database holds and this release cannot read.
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) facts: Facts,
    /// The last lines of what a service said, for those that keep ending.
    pub(crate) log_tails: BTreeMap<ServiceKey, Vec<String>>,
    /// Instances whose logs can be read, oldest first.
    pub(crate) history: BTreeMap<ServiceKey, Vec<InstanceId>>,
    /// How long the last wake of a service took, in milliseconds.
    pub(crate) last_wake: BTreeMap<ServiceKey, f64>,
    pub(crate) last_use: BTreeMap<ServiceKey, LastUse>,
    /// What was found out of deployments of which nothing says what they speak: the next instance need not be asked.
    pub(crate) speaks_http: BTreeMap<DeploymentId, bool>,
    pub(crate) instances: Block,
    /// Why an instance does not run within its new limits yet.
    pub(crate) unapplied: BTreeMap<InstanceId, String>,
}

/// A project and what is under way in it.
#[derive(Default)]
pub(crate) struct Project {
    /// Where it was last deployed from, when that is known.
    pub(crate) origin: Option<Origin>,
    /// Its addresses; the first holds its gateway.
    pub(crate) blocks: Vec<AddressBlock>,
    /// The platform's addresses for its services.
    pub(crate) vips: BTreeMap<ServiceName, Ipv4Addr>,
    /// What is rolled out, and what goes when that is done; `None` until the first build is done.
    pub(crate) spec: Option<ProjectSpec>,
    /// What was rolled out by the newest deploy that was done: all of it live.
    pub(crate) done: Option<ProjectSpec>,
    /// The deploy under way.
    pub(crate) coming: Option<Coming>,
    /// The newest deploy, if it failed and nothing was rolled out before it.
    pub(crate) failed: Option<ProjectSpec>,
    /// What the newest deploy could not do, by service.
    pub(crate) notes: BTreeMap<ServiceName, String>,
    pub(crate) removing: Option<Removing>,
}

/// The last byte of a client of a service, and the last that is written down.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastUse {
    pub(crate) at: Time,
    pub(crate) saved: Time,
}

/// A deploy under way.
pub(crate) struct Coming {
    pub(crate) id: DeployId,
    pub(crate) spec: ProjectSpec,
    pub(crate) log: Arc<EventLog>,
    /// The task that builds it.
    pub(crate) driver: Option<AbortHandle>,
    /// Set once everything is built.
    pub(crate) rollout: Option<Rollout>,
}

/// New deployments on their way to being live.
#[derive(Debug, Default)]
pub(crate) struct Rollout {
    pub(crate) pending: BTreeMap<ServiceName, DeploymentId>,
    /// Those given up, and why.
    pub(crate) given_up: BTreeMap<ServiceName, String>,
    /// Services that did not make it.
    pub(crate) failed: Vec<ServiceName>,
    /// What followers were told of services that are still on their way.
    pub(crate) told: BTreeSet<(ServiceName, String)>,
    /// Set once none is pending: the table that shows them all, and until when its edges are waited for.
    pub(crate) shown: Option<(u64, Instant)>,
}

/// A project on its way out.
#[derive(Default)]
pub(crate) struct Removing {
    pub(crate) drop_logs: bool,
    /// Whether its network is being removed right now.
    pub(crate) network: bool,
    pub(crate) waiting: Vec<oneshot::Sender<()>>,
}

impl Project {
    /// Its services, those of a deploy under way included; what is rolled out comes first.
    pub(crate) fn services(&self) -> BTreeMap<&ServiceName, &Arc<ServiceSpec>> {
        let coming = self.coming.iter().flat_map(|c| &c.spec.services);
        let mut out: BTreeMap<_, _> = self.failed.iter().flat_map(|f| &f.services).collect();
        out.extend(coming);
        out.extend(self.spec.iter().flat_map(|s| &s.services));
        out
    }

    /// What decides about its public hosts: a deploy that is under way, or has failed, moves none.
    pub(crate) fn face(&self) -> Option<&ProjectSpec> {
        self.done
            .as_ref()
            .or(self.spec.as_ref())
            .or(self.coming.as_ref().map(|c| &c.spec))
            .or(self.failed.as_ref())
    }

    /// Services that a deploy leaves out. They go when it is done.
    pub(crate) fn left_out(&self, wanted: &ProjectSpec) -> Vec<ServiceName> {
        let old = self.spec.iter().flat_map(|s| s.services.keys());
        old.filter(|s| !wanted.services.contains_key(*s)).cloned().collect()
    }

    /// Its private network as it is to be.
    pub(crate) fn network(&self, name: &ProjectName) -> Option<NetworkSpec> {
        let (first, more) = self.blocks.split_first()?;
        let vip = |(service, spec): (&ServiceName, &Arc<ServiceSpec>)| {
            let addr = *self.vips.get(service)?;
            Some(Vip { service: service.clone(), addr, port: spec.port })
        };
        Some(NetworkSpec {
            project: name.clone(),
            gateway: address::gateway(*first),
            prefix: first.prefix(),
            more: more.to_vec(),
            vips: self.services().into_iter().filter_map(vip).collect(),
        })
    }
}

impl InProject<ProjectName> for Project {
    fn project<'a>(&'a self, name: &'a ProjectName) -> &'a ProjectName {
        name
    }
}

impl State {
    /// The projects of which anything has been changed since this was last asked: what is wanted, seen or shown.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<ProjectName> {
        let Self { projects, desired, observed, facts, .. } = self;
        let Observed { instances, ends, watchdogs, pingers, answers } = observed;
        let mut all = projects.take_touched();
        all.append(&mut desired.services.take_touched());
        all.append(&mut instances.take_touched());
        all.append(&mut ends.take_touched());
        all.append(&mut watchdogs.take_touched());
        all.append(&mut pingers.take_touched());
        all.append(&mut answers.take_touched());
        all.append(&mut facts.falling_asleep.take_touched());
        all.append(&mut facts.builds.take_touched());
        all
    }

    /// A deploy has failed before anything of it ran: its services have nothing to run, unless something older does.
    pub(crate) fn deploy_failed(&mut self, coming: &Coming, why: impl Fn(&ServiceName) -> String) {
        let (id, name) = (coming.id, &coming.spec.name);
        if let Some(project) = self.projects.get_mut(name) {
            project.failed = project.spec.is_none().then(|| coming.spec.clone());
        }
        for service in coming.spec.services.keys() {
            let key = ServiceKey::new(name, service);
            let reason = why(service);
            let svc = self.desired.services.get(&key);
            let live = svc.and_then(|s| s.live.as_ref());
            let serves = self.serves(&key);
            let goes_on = match live.map(|d| (d.deploy, d.spec.kind)) {
                Some((old, ServiceKind::Web | ServiceKind::Worker)) => match serves {
                    Some(_) => format!("; {old} serves on"),
                    None => format!("; {old} does not work either"),
                },
                Some((old, ServiceKind::Job)) => format!("; {old} was done"),
                // It was never live, and is tried again.
                None => match svc.filter(|svc| self.ends_in_vain(svc)) {
                    Some(svc) => format!("; {} does not work either", svc.target.deploy),
                    None => String::new(),
                },
            };
            let failed = Event::Failed { deploy: id, why: reason.clone(), serves };
            let note = format!("{id} failed: {reason}{goes_on}");
            match svc {
                Some(_) => drop(self.facts.builds.remove(&key)),
                None => drop(self.facts.builds.insert(key.clone(), BuildFact::Failed { reason })),
            }
            self.say(&key, None, failed);
            self.set_note(&key, Some(note));
        }
    }

    /// Whether what a service is to become has shown that it does not work.
    fn ends_in_vain(&self, svc: &DesiredService) -> bool {
        let ends = self.observed.ends_of(&svc.key);
        dormouse_planner::keeps_ending(ends, svc.target.process())
            || crate::reconcile::never_ready(svc, ends).is_some()
    }

    /// Something happened just now to a service, or to an instance of it.
    pub(crate) fn say(&self, key: &ServiceKey, instance: Option<InstanceId>, event: Event) {
        self.events.say(key, instance, self.clock.wall(), event);
    }

    /// What serves of a service, if its live version does; one that keeps ending does not, and neither does a job.
    pub(crate) fn serves(&self, key: &ServiceKey) -> Option<DeployId> {
        let live = self.desired.services.get(key)?.live.as_ref()?;
        let all = self.observed.of(key);
        let mine: Vec<_> =
            all.filter(|i| i.deployment == live.process() && i.draining_since.is_none()).collect();
        if mine.is_empty() {
            // The next request starts it.
            let rests = live.spec.kind == ServiceKind::Web && live.spec.sleep.depth == Depth::Stopped;
            let ends = self.observed.ends_of(key);
            return (rests && !dormouse_planner::keeps_ending(ends, live.process())).then_some(live.deploy);
        }
        let works = |instance: &InstanceRecord| match (live.spec.kind, instance.phase) {
            (ServiceKind::Job, _) | (_, Phase::Exited(_)) => false,
            (ServiceKind::Web | ServiceKind::Worker, Phase::Asleep(_))
            | (ServiceKind::Worker, Phase::Running) => true,
            (ServiceKind::Web, Phase::Running) => instance.probe.ready_at.is_some(),
        };
        mine.into_iter().any(works).then_some(live.deploy)
    }

    /// What is known of a deployment's protocol. One that is to replace what answered requests has to answer them too: what
    /// hangs up or keeps silent is broken then, and speaks nothing else.
    pub(crate) fn speaks_http(&self, key: &ServiceKey, deployment: DeploymentId) -> Option<bool> {
        let answers = self.observed.answers.get(key);
        let answered = |id| answers.is_some_and(|all| all.iter().any(|a| a.deployment == id)).then_some(true);
        let found = |id: DeploymentId| self.speaks_http.get(&id).copied().or_else(|| answered(id));
        let live = || self.desired.services.get(key)?.live.as_ref();
        found(deployment).or_else(|| live().and_then(|live| found(live.process())).filter(|speaks| *speaks))
    }

    /// The newest instance of a deployment that is not on its way out.
    pub(crate) fn instance_of(&self, key: &ServiceKey, process: DeploymentId) -> Option<InstanceId> {
        let all = self.observed.of(key);
        let mine = all.filter(|i| i.deployment == process && i.draining_since.is_none());
        mine.map(|i| i.id).next_back()
    }

    pub(crate) fn project(&self, name: &str) -> Result<(&ProjectName, &Project), OpError> {
        self.projects.iter().find(|(n, _)| n.as_str() == name).ok_or_else(|| OpError::NoSuchProject {
            name: name.to_owned(),
            known: self.projects.keys().map(ToString::to_string).collect(),
        })
    }

    /// Which service of a project is behind an address of the platform's: `backend:8000`.
    pub(crate) fn service_at(&self, project: &ProjectName, addr: SocketAddr) -> Option<String> {
        let found = self.projects.get(project)?;
        let mut vips = found.vips.iter().filter(|(_, vip)| IpAddr::V4(**vip) == addr.ip());
        vips.next().map(|(service, _)| format!("{service}:{}", addr.port()))
    }

    /// The services a person means: one, or all of a project.
    pub(crate) fn keys(&self, project: &str, service: Option<&str>) -> Result<Vec<ServiceKey>, OpError> {
        let (name, project) = self.project(project)?;
        let services = project.services();
        let Some(wanted) = service else {
            return Ok(services.keys().map(|s| ServiceKey::new(name, s)).collect());
        };
        let service =
            services.keys().find(|s| s.as_str() == wanted).ok_or_else(|| OpError::NoSuchService {
                project: name.to_string(),
                name: wanted.to_owned(),
                known: services.keys().map(ToString::to_string).collect(),
            })?;
        Ok(vec![ServiceKey::new(name, service)])
    }

    /// A deployment that is wanted, by its number.
    pub(crate) fn wanted(&self, key: &ServiceKey, id: DeploymentId) -> Option<&Deployment> {
        let svc = self.desired.services.get(key)?;
        std::iter::once(&svc.target).chain(&svc.live).find(|d| d.id == id)
    }

    /// A deployment that is wanted, by the number that its instances carry.
    pub(crate) fn deployment(&self, key: &ServiceKey, process: DeploymentId) -> Option<&Deployment> {
        let svc = self.desired.services.get(key)?;
        std::iter::once(&svc.target).chain(&svc.live).find(|d| d.process() == process)
    }

    /// Where a deployment is to go from now on; also keeps what hangs on the whole project's specification in step.
    pub(crate) fn set_target(&mut self, key: &ServiceKey, target: Deployment) {
        match self.desired.services.get_mut(key) {
            Some(svc) => svc.target = target,
            None => {
                let svc = DesiredService {
                    key: key.clone(),
                    target,
                    live: None,
                    replaced: None,
                    demand: dormouse_model::Demand::default(),
                    needs: BTreeSet::new(),
                    after: BTreeSet::new(),
                };
                self.desired.services.insert(key.clone(), svc);
            }
        }
    }

    /// What is live is what is wanted again; a service that never was live goes.
    pub(crate) fn back_to_live(&mut self, key: &ServiceKey) {
        let Some(svc) = self.desired.services.get_mut(key) else { return };
        let Some(project) = self.projects.get_mut(&key.project) else { return };
        let services = project.spec.as_mut().map(|spec| &mut spec.services);
        if let Some(live) = svc.live.clone() {
            services.map(|all| all.insert(key.service.clone(), live.spec.clone()));
            svc.target = live;
            self.save_rollout(key);
        } else {
            services.map(|all| all.remove(&key.service));
            self.forget_service(key);
        }
        let (key, goes) = (key.clone(), !self.desired.services.contains_key(key));
        let spec = self.projects.get(&key.project).and_then(|p| p.spec.clone());
        let project = key.project.clone();
        // Both or neither: what is rolled out and has no row was lost.
        self.store.later(move |tx| {
            spec.map_or(Ok(()), |spec| tx.project_spec(&spec))?;
            if goes { tx.service_removed(&key) } else { Ok(()) }
        });
        self.refresh_needs(&project);
    }

    /// A service is not part of its project any more.
    pub(crate) fn forget_service(&mut self, key: &ServiceKey) {
        if let Some(project) = self.projects.get_mut(&key.project) {
            project.vips.remove(&key.service);
            project.notes.remove(&key.service);
        }
        self.desired.services.remove(key);
        self.observed.ends.remove(key);
        self.last_use.remove(key);
        self.observed.watchdogs.remove(key);
        self.observed.pingers.remove(key);
        self.observed.answers.remove(key);
        self.log_tails.remove(key);
    }

    /// What each service needs and which it waits for, through others too.
    pub(crate) fn refresh_needs(&mut self, project: &ProjectName) {
        let Some(spec) = self.projects.get(project).and_then(|p| p.spec.as_ref()) else { return };
        let keys: Vec<_> = self.desired.services.of_project(project).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let all = |of: fn(&ServiceSpec) -> &BTreeSet<ServiceName>| {
                closure(spec, &key.service, of).iter().map(|s| ServiceKey::new(project, s)).collect()
            };
            if let Some(svc) = self.desired.services.get_mut(&key) {
                (svc.needs, svc.after) = (all(|s| &s.needs), all(|s| &s.after));
            }
        }
    }

    /// Write down where a service's deployments stand, when there is time.
    pub(crate) fn save_rollout(&self, key: &ServiceKey) {
        let Some(svc) = self.desired.services.get(key) else { return };
        let (key, target, live) = (key.clone(), svc.target.id, svc.live.as_ref().map(|d| d.id));
        let replaced = svc.replaced.as_ref().map(|r| (r.deployment.id, r.at));
        let trusted = svc.replaced.as_ref().and_then(|r| r.trusted.as_ref()).map(|d| d.id);
        self.store.later(move |tx| {
            tx.target_and_live(&key, target, live)?;
            tx.replaced(&key, replaced, trusted)
        });
    }

    pub(crate) fn save_demand(&self, key: &ServiceKey) {
        let Some(svc) = self.desired.services.get(key) else { return };
        let (key, demand) = (key.clone(), svc.demand);
        self.store.later(move |tx| tx.demand(&key, demand));
    }

    /// A service was used. For people only, so it is written down once a minute at most, and when there is an occasion.
    pub(crate) fn used(&mut self, key: &ServiceKey, at: Time) {
        const EACH: Duration = Duration::from_secs(60);
        let last = self.last_use.entry(key.clone()).or_default();
        last.at = last.at.max(at);
        if last.at >= last.saved.after(EACH) {
            self.save_use(key);
        }
    }

    /// Write down when a service was last used.
    pub(crate) fn save_use(&mut self, key: &ServiceKey) {
        if let Some(last) = self.last_use.get_mut(key).filter(|last| last.at > last.saved) {
            last.saved = last.at;
            let (key, at) = (key.clone(), last.at);
            self.store.later(move |tx| tx.used(&key, at));
        }
    }

    /// Of all services, before control ends.
    pub(crate) fn save_uses(&mut self) {
        let keys: Vec<_> = self.last_use.keys().cloned().collect();
        keys.iter().for_each(|key| self.save_use(key));
    }

    /// What there is to say of how a service notices sleep.
    pub(crate) fn watchdog(&self, key: &ServiceKey) -> Option<String> {
        let svc = self.desired.services.get(key)?;
        let mine = |w: &&Watchdog| {
            std::iter::once(&svc.target).chain(&svc.live).any(|d| d.process() == w.deployment)
        };
        let known = [&self.observed.watchdogs, &self.observed.pingers].map(|all| all.get(key).filter(mine));
        let now = self.clock.now();
        let said = known.into_iter().flatten().filter_map(|known| dormouse_planner::watchdog(known, now));
        let said: Vec<_> = said.collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Remember, or forget, what a deploy could not do for a service.
    pub(crate) fn set_note(&mut self, key: &ServiceKey, note: Option<String>) {
        let Some(project) = self.projects.get_mut(&key.project) else { return };
        let before = match &note {
            Some(note) => project.notes.insert(key.service.clone(), note.clone()),
            None => project.notes.remove(&key.service),
        };
        if before != note {
            let key = key.clone();
            self.store.later(move |tx| tx.note(&key, note.as_deref()));
        }
    }
}

/// What a service asks for, directly or through others, itself excluded.
fn closure(
    spec: &ProjectSpec,
    of: &ServiceName,
    asks: fn(&ServiceSpec) -> &BTreeSet<ServiceName>,
) -> BTreeSet<ServiceName> {
    let mut out = BTreeSet::new();
    let mut todo = vec![of];
    while let Some(next) = todo.pop() {
        for need in spec.services.get(next).into_iter().flat_map(|s| asks(s)) {
            if need != of && out.insert(need.clone()) {
                todo.push(need);
            }
        }
    }
    out
}
