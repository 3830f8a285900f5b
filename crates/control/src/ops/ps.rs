//! `dormouse ps`: where everything stands.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use dormouse_backend::{Builds, Workload, Workloads};
use dormouse_model::{
    DeployId, Depth, DiskUsage, InstanceId, InstanceRecord, Phase, ServiceKey, Time, Usage,
};
use dormouse_planner::{BuildFact, State as Planned};
use futures_util::future::join_all;

use crate::{Control, OpError, error::first_line, names, state::State, store::Part};

/// Where a service stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStanding {
    /// Its first build is queued or running.
    Building,
    /// Its first build failed.
    Failed,
    /// An instance is on its way.
    Starting,
    /// It serves.
    Ready,
    /// A job is on its way to its end.
    Running,
    /// A job has ended well.
    Done,
    /// It sleeps.
    Asleep(Depth),
    /// It is being removed.
    Draining,
    /// No process, by choice.
    Stopped,
    /// It keeps ending.
    Crashed,
    /// It runs, and the database does not know it.
    Quarantined,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceStatus {
    /// Which.
    pub id: InstanceId,
    /// Where it stands: starting, ready, asleep or draining.
    pub standing: ServiceStanding,
    /// The deploy it is of, if that is known.
    pub deploy: Option<DeployId>,
    /// Process id of its sandbox's init.
    pub pid: Option<u32>,
    /// Its memory.
    pub usage: Option<Usage>,
}

/// A line of `ps`.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceStatus {
    /// Which service.
    pub key: ServiceKey,
    /// Where it stands.
    pub standing: ServiceStanding,
    /// Its public URLs.
    pub urls: Vec<String>,
    /// Process id of the init of [`Self::instance`].
    pub pid: Option<u32>,
    /// What those use that serve, together.
    pub usage: Option<Usage>,
    /// How long its last wake took, in milliseconds.
    pub last_wake_ms: Option<f64>,
    /// The deploy whose deployment serves.
    pub deploy: Option<DeployId>,
    /// An instance that serves, or is on its way.
    pub instance: Option<InstanceId>,
    /// How many take requests, also asleep.
    pub ready: u32,
    /// How many are to.
    pub replicas: u32,
    /// Each that there is, by their numbers.
    pub instances: Vec<InstanceStatus>,
    /// Last byte from a client, or from a calling service.
    pub last_activity: Option<Time>,
    /// What keeps it awake, a few words.
    pub awake: Option<String>,
    /// Unasked-for ends of this deployment that still count for back-off.
    pub restarts: u32,
    /// What is wrong, or worth knowing.
    pub reason: Option<String>,
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Every service of every project.
    ///
    /// # Errors
    /// When the server is stopping, or the backend cannot say what exists.
    pub async fn ps(&self) -> Result<Vec<ServiceStatus>, OpError> {
        let mut all = self.call(|state| statuses(state)).await?;
        let pids: HashMap<_, _> = self.workloads.list().await?.into_iter().map(|w| (w.id, w.pid)).collect();
        let ids = all.iter().flat_map(|s| s.instances.iter().map(|i| i.id).chain(s.instance));
        let ids: BTreeSet<_> = ids.collect();
        // One may end at any moment; then there is nothing to say.
        let usages = ids.iter().map(|id| async { Some((*id, self.workloads.usage(*id).await.ok()?)) });
        let usages: HashMap<_, _> = join_all(usages).await.into_iter().flatten().collect();
        let pid = |id: InstanceId| pids.get(&id).copied().filter(|pid| *pid > 0);
        for status in &mut all {
            status.pid = status.instance.and_then(pid);
            for i in &mut status.instances {
                (i.pid, i.usage) = (pid(i.id), usages.get(&i.id).copied());
            }
            let serving = status.instances.iter().filter(|i| serves(i.standing)).map(|i| i.id);
            let mut counted: Vec<_> = serving.collect();
            if counted.is_empty() {
                counted.extend(status.instance);
            }
            for usage in counted.iter().filter_map(|id| usages.get(id)) {
                if let Some(disk) = usage.disk.filter(DiskUsage::is_full) {
                    status.reason.get_or_insert_with(|| no_room(disk));
                }
                status.usage = Some(status.usage.map_or(*usage, |sum| together(sum, *usage)));
            }
        }
        Ok(all)
    }
}

/// Whether one that stands so takes requests.
fn serves(standing: ServiceStanding) -> bool {
    match standing {
        ServiceStanding::Ready | ServiceStanding::Asleep(_) => true,
        ServiceStanding::Building
        | ServiceStanding::Failed
        | ServiceStanding::Starting
        | ServiceStanding::Running
        | ServiceStanding::Done
        | ServiceStanding::Draining
        | ServiceStanding::Stopped
        | ServiceStanding::Crashed
        | ServiceStanding::Quarantined => false,
    }
}

/// What two use together; each has a disk of its own.
fn together(a: Usage, b: Usage) -> Usage {
    Usage {
        resident_bytes: a.resident_bytes + b.resident_bytes,
        swapped_bytes: a.swapped_bytes + b.swapped_bytes,
        ..a
    }
}

/// What a full disk is full of.
fn no_room(disk: DiskUsage) -> String {
    if disk.lacks_files() {
        format!("disk full: it has all {} files that `disk` in its manifest allows", disk.files)
    } else if disk.withheld_bytes > 0 {
        format!(
            "disk full: the server's own is nearly full, so {} MiB of what `disk` in its manifest allows are withheld",
            disk.withheld_bytes >> 20
        )
    } else {
        format!("disk full: it has written the {} MiB that `disk` in its manifest allows", disk.bytes >> 20)
    }
}

/// How long an unasked-for end is worth telling of, once its service is back.
const LATELY: Duration = Duration::from_secs(3600);

/// How it ended last, if that was a short while ago: a service that heals itself should not hide that it had to.
fn ended_lately(state: &State, key: &ServiceKey) -> Option<String> {
    let last = state.observed.ends_of(key).last()?;
    let age = state.clock.now().since(last.at);
    let spec = &state.deployment(key, last.deployment)?.spec;
    let minutes = age.as_secs() / 60;
    (age < LATELY)
        .then(|| format!("started again {minutes} min ago: {}", dormouse_planner::cause(last, spec)))
}

/// Why what has been starting for a while is not ready.
fn keeps_starting(state: &State, instance: Option<InstanceId>) -> Option<String> {
    let record = state.observed.instances.get(&instance?)?;
    let spec = &state.deployment(&record.key, record.deployment)?.spec;
    dormouse_planner::waiting(record, spec, state.clock.now()).map(|why| first_line(&why))
}

fn has_been_live(state: &State, key: &ServiceKey) -> bool {
    state.desired.services.get(key).is_some_and(|svc| svc.live.is_some())
}

fn statuses(state: &State) -> Vec<ServiceStatus> {
    let now = state.clock.now();
    let standings = dormouse_planner::standings(&state.desired, &state.observed, now);
    let awake = dormouse_planner::keeps_awake(&state.desired, &state.observed, now);
    let mut out = Vec::new();
    for (name, project) in &state.projects {
        for (service, spec) in project.services() {
            let key = ServiceKey::new(name, service);
            let standing = standings.get(&key);
            let deployment = standing.map(|s| s.deployment);
            let instance = standing.and_then(|s| s.instance);
            let mine = || state.observed.of(&key);
            let unapplied = mine().find_map(|i| state.unapplied.get(&i.id));
            let note = project.notes.get(service).or(unapplied).cloned();
            let keeps = instance.and_then(|id| awake.get(&id));
            let keeps_words = |why| dormouse_planner::awake(why, now, |addr| state.service_at(name, addr));
            let (word, why) = match (standing.map(|s| &s.state), state.facts.builds.get(&key)) {
                (None, _) if project.removing.is_some() => (ServiceStanding::Draining, None),
                (None, Some(BuildFact::Failed { reason })) => (ServiceStanding::Failed, Some(reason.clone())),
                (None, Some(BuildFact::Running) | None) => (ServiceStanding::Building, None),
                (Some(Planned::Starting), _) => (ServiceStanding::Starting, keeps_starting(state, instance)),
                (Some(Planned::Ready), _) => {
                    let unasked = keeps.filter(|why| !why.is_use()).map(keeps_words);
                    let why = match (ended_lately(state, &key), state.watchdog(&key)) {
                        (Some(ended), Some(notices)) => Some(format!("{ended}; {notices}")),
                        (ended, notices) => ended.or(notices),
                    };
                    let why = why.or(unasked);
                    (ServiceStanding::Ready, why)
                }
                (Some(Planned::Asleep(depth)), _) => {
                    let shallow = *depth == Depth::Frozen
                        && spec.sleep.depth == Depth::Paged
                        && !state.desired.depths.paged;
                    let why = "no swap on this host: it keeps its memory while it sleeps";
                    (
                        ServiceStanding::Asleep(*depth),
                        shallow.then(|| why.to_owned()).or_else(|| state.watchdog(&key)),
                    )
                }
                (Some(Planned::Running), _) => (ServiceStanding::Running, None),
                (Some(Planned::Done), _) => (ServiceStanding::Done, None),
                (Some(Planned::Stopped), _) => (ServiceStanding::Stopped, None),
                // Of what never was live the newest deploy counts, and a note is of a newer one than what is tried again.
                (Some(Planned::Crashed { .. }), _)
                    if project.notes.contains_key(service) && !has_been_live(state, &key) =>
                {
                    (ServiceStanding::Crashed, None)
                }
                (Some(Planned::Crashed { reason }), _) => (ServiceStanding::Crashed, Some(reason.clone())),
            };
            let ends = state.observed.ends_of(&key);
            let serving = deployment.and_then(|id| state.wanted(&key, id));
            let process = serving.map(dormouse_model::Deployment::process);
            let restarts = ends.iter().filter(|e| Some(e.deployment) == process).count();
            let face = project.face().filter(|_| project.removing.is_none());
            let shown = |f: &dormouse_model::ProjectSpec| {
                names::hosts(f, f.services.get(service).map_or(spec, AsRef::as_ref), &state.settings.domain)
            };
            let urls = face.map(shown).unwrap_or_default();
            let instance = instance.or_else(|| mine().map(|i| i.id).next_back());
            let taking = standing.map(|s| s.serving.as_slice()).unwrap_or_default();
            let one = |i: &InstanceRecord| {
                let takes = taking.iter().any(|(id, _)| *id == i.id);
                InstanceStatus {
                    id: i.id,
                    standing: match i.phase {
                        _ if i.draining_since.is_some() => ServiceStanding::Draining,
                        Phase::Asleep(depth) => ServiceStanding::Asleep(depth),
                        Phase::Running if takes => ServiceStanding::Ready,
                        Phase::Running | Phase::Exited(_) => ServiceStanding::Starting,
                    },
                    deploy: state.deployment(&key, i.deployment).map(|d| d.deploy),
                    pid: None,
                    usage: None,
                }
            };
            let there = |i: &&InstanceRecord| !matches!(i.phase, Phase::Exited(_));
            let last_activity = state.last_use.get(&key).map(|last| last.at);
            out.push(ServiceStatus {
                standing: word,
                urls: urls.iter().map(|host| state.settings.url(host)).collect(),
                pid: None,
                usage: None,
                last_wake_ms: state.last_wake.get(&key).copied(),
                deploy: serving.map(|d| d.deploy),
                instance,
                ready: u32::try_from(taking.len()).unwrap_or(u32::MAX),
                replicas: serving.map_or(spec.replicas, |d| d.spec.replicas),
                instances: mine().filter(there).map(one).collect(),
                last_activity: last_activity.map(|at| state.clock.shown(at)),
                awake: keeps.filter(|_| word == ServiceStanding::Ready).map(keeps_words),
                restarts: u32::try_from(restarts).unwrap_or(u32::MAX),
                reason: match (why, note) {
                    (Some(why), Some(note)) if !note.contains(&why) => Some(format!("{why}; {note}")),
                    (why, note) => note.or(why),
                },
                key,
            });
        }
    }
    out.extend(state.quarantined.values().map(|w| quarantined(state, w)));
    unreadable(state, &mut out);
    out
}

/// Say of each service what of it cannot be read, also of one that nothing else tells of.
fn unreadable(state: &State, out: &mut Vec<ServiceStatus>) {
    let missing = |key: &ServiceKey| {
        let mut all = state.unreadable.iter().filter(|u| !u.replaced && u.concerns(key));
        let known = state.desired.services.contains_key(key);
        all.find(|u| (u.hides_what_runs() && !known) || u.part == Part::Variable)
            .map(|u| format!("{}\n  hint: {}", u.what(), u.hint()))
    };
    for status in out.iter_mut() {
        if let Some(missing) = missing(&status.key) {
            if status.standing == ServiceStanding::Building {
                status.standing = ServiceStanding::Failed;
            }
            if status.standing != ServiceStanding::Quarantined {
                status.reason = Some(missing);
            }
        }
    }
    for key in state.known_keys() {
        let Some(missing) = missing(&key).filter(|_| !out.iter().any(|s| s.key == key)) else { continue };
        out.push(nothing_known(key, ServiceStanding::Failed, missing));
    }
}

fn nothing_known(key: ServiceKey, standing: ServiceStanding, reason: String) -> ServiceStatus {
    ServiceStatus {
        key,
        standing,
        urls: Vec::new(),
        pid: None,
        usage: None,
        last_wake_ms: None,
        deploy: None,
        instance: None,
        ready: 0,
        replicas: 1,
        instances: Vec::new(),
        last_activity: None,
        awake: None,
        restarts: 0,
        reason: Some(reason),
    }
}

/// What nothing is known of but that it runs.
fn quarantined(state: &State, workload: &Workload) -> ServiceStatus {
    let project = &workload.key.project;
    let again =
        format!("deploy {project} again; `dormouse down {project} --quarantined` then ends what this is");
    let hidden = state.unreadable.iter().find(|u| u.hides_what_runs() && u.concerns(&workload.key));
    let (why, what) = if let Some(hidden) = hidden.filter(|u| !u.replaced) {
        (
            hidden.what(),
            format!("{}; `dormouse down {project} --quarantined` then ends what this is", hidden.hint()),
        )
    } else if state.projects.get(project).is_some_and(|p| p.face().is_some()) {
        (
            "the server's database does not know the version it is".to_owned(),
            format!("`dormouse down {project} --quarantined` ends it"),
        )
    } else {
        ("the server's database does not know its project".to_owned(), again)
    };
    let reason = match hidden.is_some_and(|u| !u.replaced) {
        true => format!("{} runs on, and nothing is sent to it: {why}\n  hint: {what}", workload.id),
        false => format!("{} runs on, but {why}, so nothing is sent to it\n  hint: {what}", workload.id),
    };
    let known = nothing_known(workload.key.clone(), ServiceStanding::Quarantined, reason);
    ServiceStatus { instance: Some(workload.id), ..known }
}
