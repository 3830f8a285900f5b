//! Starting: what the store says should be, and what the backend says is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use dormouse_backend::{Workload, Workloads};
use dormouse_model::{
    Depth, Desired, DesiredService, Inside, InstanceRecord, Observed, Phase, Probe, ProjectName, Replaced,
    RouteTable, ServiceKey, ServiceName, Time, Tracked, Traffic,
};
use dormouse_planner::{BuildFact, Edges, Facts};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};
use tracing::{info, warn};

use super::{Advice, Msg, Reconciler, TRUST, not_later::not_later, quarantine::strangers, rounds::Rounds};
use crate::{
    ControlSettings, OpError,
    deploys::{DeployStep, EventLog, GaveWay, Logs},
    error::chain,
    events::Events,
    id::Block,
    names,
    ops::give_way,
    state::{Coming, LastUse, Project, Removing, Rollout, State},
    store::{EndedRow, Snapshot, Store},
};

/// Through what the reconciler hears: its own way to say something to itself, and what others say.
pub(crate) type Ears =
    (mpsc::UnboundedSender<Msg>, mpsc::UnboundedReceiver<Msg>, mpsc::UnboundedReceiver<oneshot::Sender<()>>);

impl<W: Workloads> Reconciler<W> {
    /// Take over what an earlier process left: from the store what should be, from the backend what is. The first
    /// table is complete: nothing that serves is missing from it.
    pub(crate) async fn adopt(
        settings: Arc<ControlSettings>,
        store: Store,
        mut snapshot: Snapshot,
        workloads: Arc<W>,
        advice: Advice,
        logs: &Logs,
        (outbox, inbox, pulses): Ears,
    ) -> Result<Self, OpError> {
        // Before the list, so that no exit falls in between.
        let events = workloads.events();
        let mut all = workloads.list().await?;
        not_later(settings.clock.now(), &mut snapshot, &mut all);
        let epoch = snapshot.epoch;
        let known: HashMap<_, _> =
            snapshot.instances.iter().map(|row| (row.id, (row.ready_at, row.draining_since))).collect();
        let mut state = state(settings, store, snapshot, logs)?;
        let (strangers, all) = strangers(&state, all).await?;
        let there = workloads.networks().await?;
        state.keep_grown(&strangers, &there);
        let networks = networks(&state, &*workloads).await;
        state.quarantine(strangers, &there);
        info!(instances = all.len(), projects = state.projects.len(), "took over what is there");
        let ended: Vec<_> = all.iter().filter(|w| matches!(w.phase, Phase::Exited(_))).cloned().collect();
        for workload in all {
            let (ready_at, draining_since) = known.get(&workload.id).copied().unwrap_or_default();
            adopt(&mut state, workload, ready_at, draining_since);
        }
        // Larger than any table of an earlier run, whatever the clock says.
        let generation = epoch << 32;
        let first = RouteTable { generation, ..RouteTable::default() };
        let (tables, _) = watch::channel(Arc::new(first));
        let mut this = Self {
            state,
            workloads,
            advice,
            inbox,
            pulses,
            outbox,
            events,
            tables,
            turns: watch::channel(()).0,
            moved: true,
            tasks: JoinSet::new(),
            works: 0,
            busy: HashMap::new(),
            cut: BTreeSet::new(),
            held: HashMap::new(),
            rounds: Rounds::default(),
            starting: BTreeSet::new(),
            early_exits: BTreeSet::new(),
            networks,
            seals: BTreeMap::new(),
            probes: HashMap::new(),
            looks: BTreeSet::new(),
            waiters: Vec::new(),
            asked: BTreeMap::new(),
            woke: BTreeMap::new(),
            edges: Edges::default(),
            trust_at: Instant::now() + TRUST,
            tails: BTreeMap::new(),
        };
        this.survey(this.state.clock.now());
        // Whoever begins is shown a table even when there is nothing in it.
        this.rounds.has_news = true;
        this.publish();
        this.hear(Msg::Listed(Ok(ended)));
        Ok(this)
    }

    pub(crate) fn tables(&self) -> watch::Sender<Arc<RouteTable>> {
        self.tables.clone()
    }

    pub(crate) fn turns(&self) -> watch::Sender<()> {
        self.turns.clone()
    }
}

/// Make the projects' networks be as they should, and no others; those of which that is known now.
async fn networks<W: Workloads>(state: &State, workloads: &W) -> BTreeSet<ProjectName> {
    let wanted: Vec<_> = state.projects.iter().filter_map(|(name, p)| p.network(name)).collect();
    match workloads.ensure_networks(&wanted).await {
        Ok(failed) => {
            for (project, error) in &failed {
                warn!(%project, error = %chain(error), "cannot set up the network");
            }
            wanted.into_iter().map(|n| n.project).filter(|project| !failed.contains_key(project)).collect()
        }
        // Each is tried again when something of it starts.
        Err(error) => {
            warn!(error = %chain(&error), "cannot set up the networks");
            BTreeSet::new()
        }
    }
}

/// One instance that exists. An ended one is taken in as running, so that its end is then noted like any other.
pub(super) fn adopt(
    state: &mut State,
    workload: Workload,
    mut ready_at: Option<Time>,
    draining_since: Option<Time>,
) {
    let Workload { id, key, deployment, limits, addr, phase, started_at, image: _, pid: _, exited_at: _ } =
        workload;
    let phase = match phase {
        Phase::Exited(_) | Phase::Asleep(Depth::Stopped) => Phase::Running,
        // Only what was ready is put to sleep.
        Phase::Asleep(Depth::Frozen | Depth::Paged) => {
            ready_at = ready_at.or(Some(started_at));
            phase
        }
        Phase::Running => phase,
    };
    // The trial of a new version begins anew, by the rules by which it began.
    let speaks_http = state.speaks_http(&key, deployment);
    let found_at = Some(state.clock.now());
    let record = InstanceRecord {
        id,
        key,
        deployment,
        limits,
        addr,
        phase,
        started_at,
        woken_at: None,
        slept_at: None,
        asleep_since: None,
        worked: None,
        draining_since,
        exited_at: None,
        probe: Probe { ready_at, speaks_http, found_at, ..Probe::default() },
        traffic: Traffic::default(),
        inside: Inside::default(),
        activity: None,
        earlier: None,
        beats: None,
        silence: None,
        stirred: None,
    };
    state.observed.instances.insert(id, record);
}

/// The store's content in our words.
fn state(
    settings: Arc<ControlSettings>,
    store: Store,
    snapshot: Snapshot,
    logs: &Logs,
) -> Result<State, OpError> {
    let clock = settings.clock.clone();
    let file = |what: &str, source| OpError::File { what: what.to_owned(), source };
    let events = Events::open(settings.clone()).map_err(|e| file("begin to write down events", e))?;
    let mut state = State {
        settings,
        events,
        store,
        clock,
        projects: Tracked::default(),
        desired: Desired::default(),
        observed: Observed::default(),
        quarantined: BTreeMap::new(),
        unreadable: snapshot.unreadable,
        facts: Facts::default(),
        log_tails: BTreeMap::new(),
        history: BTreeMap::new(),
        last_wake: BTreeMap::new(),
        last_use: BTreeMap::new(),
        speaks_http: BTreeMap::new(),
        instances: Block::new(snapshot.instance_block),
        unapplied: BTreeMap::new(),
    };
    for row in snapshot.projects {
        let removing = row.removing.map(|drop_logs| Removing { drop_logs, ..Removing::default() });
        let project = Project {
            blocks: row.blocks,
            origin: row.origin,
            spec: row.spec,
            done: row.done,
            failed: row.failed,
            removing,
            ..Project::default()
        };
        state.projects.insert(row.name, project);
    }
    let deployments: BTreeMap<_, _> = snapshot.deployments.into_iter().map(|d| (d.id, d)).collect();
    for row in snapshot.services {
        let Some(project) = state.projects.get_mut(&row.key.project) else { continue };
        if let Some(vip) = row.vip {
            project.vips.insert(row.key.service.clone(), vip);
        }
        if let Some(at) = row.used_at {
            state.last_use.insert(row.key.clone(), LastUse { at, saved: at });
        }
        if let Some(note) = row.note {
            project.notes.insert(row.key.service.clone(), note);
        }
        if project.removing.is_some() {
            continue;
        }
        let find = |id| deployments.get(&id).cloned();
        match row.target.and_then(find) {
            Some(target) => {
                let live = row.live.and_then(find);
                let svc = DesiredService {
                    key: row.key.clone(),
                    target,
                    live,
                    replaced: row.replaced.and_then(|(id, at)| {
                        Some(Replaced { deployment: find(id)?, at, trusted: row.trusted.and_then(find) })
                    }),
                    demand: row.demand,
                    needs: BTreeSet::new(),
                    after: BTreeSet::new(),
                };
                state.desired.services.insert(row.key, svc);
            }
            None => {
                if let Some(reason) = project.notes.get(&row.key.service).cloned() {
                    state.facts.builds.insert(row.key, BuildFact::Failed { reason });
                }
            }
        }
    }
    state.fill_in();
    let names: Vec<_> = state.projects.keys().cloned().collect();
    for name in &names {
        state.refresh_needs(name);
    }
    for row in snapshot.instances {
        state.history.entry(row.key).or_default().push(row.id);
    }
    state.observed.ends = snapshot.ends.into_iter().collect();
    state.observed.watchdogs = snapshot.watchdogs.into_iter().collect();
    state.observed.pingers = snapshot.pingers.into_iter().collect();
    state.observed.answers = snapshot.answers.into_iter().collect();
    for row in snapshot.unfinished {
        let Some(project) = state.projects.get_mut(&row.spec.name) else { continue };
        let path = state.settings.events(row.id);
        let log = EventLog::open(path, state.clock.clone()).map_err(|e| file("open a deploy's log", e))?;
        let log = Arc::new(log);
        logs.add(row.id, &log);
        let rollout = row.rolling.then(|| {
            let pending: BTreeMap<_, _> = row.deployments.into_iter().collect();
            // Given up, but whoever follows was not told. What is on its way is not: what is said there is of an earlier deploy.
            let gone = |service: &&ServiceName| {
                let svc = state.desired.services.get(&ServiceKey::new(&row.spec.name, service));
                pending.contains_key(*service) && svc.is_none_or(|svc| svc.target.deploy != row.id)
            };
            let given_up = project.notes.iter().filter(|(service, _)| gone(service));
            let given_up = given_up.map(|(s, why)| (s.clone(), why.clone())).collect();
            Rollout { pending, given_up, ..Rollout::default() }
        });
        if rollout.is_none() && project.removing.is_none() {
            for service in row.spec.services.keys() {
                let key = ServiceKey::new(&row.spec.name, service);
                state.facts.builds.insert(key, BuildFact::Running);
            }
        }
        let id = row.id;
        let coming = Coming { id, spec: row.spec, log, driver: None, rollout };
        if let Some(older) = project.coming.replace(coming) {
            give_way(&state, &older, GaveWay::To(id));
        }
    }
    tell_ends(&state, &snapshot.ended);
    state.tell_unreadable();
    Ok(state)
}

/// Whoever follows a deploy is told its end, also when an earlier process was killed between writing it down and saying it.
fn tell_ends(state: &State, ended: &[EndedRow]) {
    for row in ended {
        let path = state.settings.events(row.id);
        if EventLog::has_end(&path).unwrap_or(true) {
            continue;
        }
        let log = match EventLog::open(path, state.clock.clone()) {
            Ok(log) => log,
            Err(error) => {
                warn!(%error, deploy = %row.id, "cannot write down how it ended");
                continue;
            }
        };
        let done = state.projects.get(&row.project).and_then(|p| p.done.as_ref()).filter(|_| row.done);
        log.say(
            None,
            match (done, &row.build) {
                (Some(spec), _) => DeployStep::Done { urls: names::urls(spec, &state.settings) },
                (None, Some((service, why))) => {
                    DeployStep::Failed { reason: format!("the build of {service} failed: {why}") }
                }
                (None, None) => {
                    DeployStep::Failed { reason: "it ended while the server was restarted".to_owned() }
                }
            },
        );
    }
}
