//! A small control: carries out what the planner says, and knows nothing better.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    net::Ipv4Addr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use dormouse_backend::{
    Ended, InstanceSpec, Moment, Workload, WorkloadError, WorkloadEvent, Workloads,
    sim::{Answer, Sim},
};
use dormouse_model::{
    Activity, Cause, Depth, EdgeId, Inside, InstanceId, InstanceRecord, Observed, Phase, Probe, Question,
    Sighting, Stir, StopReason, Time, Tracked, Verdict, WORKS, Worked,
};
use dormouse_planner::{
    Action, Edges, Facts, Subject, end_of, endpoints, inspect_due, next_deadline, note_answer, note_end,
    note_sighting, note_stir, plan, probe_due,
};
use tokio::sync::mpsc;

use crate::{
    Tally,
    edge::Table,
    outside::Outside,
    rules::{Rules, Truth},
    store::Store,
};

/// Time after which what failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// Time by which a sleep may be longer than wanted: what is under way has to end first, or failed.
const SLACK: Duration = Duration::from_secs(5);
/// Time a probe waits for its answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How an operation on the hands ended.
enum Done {
    Woken(Result<(), WorkloadError>),
    Started(Result<Ipv4Addr, WorkloadError>),
    Slept(Result<Depth, WorkloadError>, Depth),
    LookedIn(Result<Moment, WorkloadError>),
    Looked(Result<Activity, WorkloadError>),
    Stopped(Result<Ended, WorkloadError>),
    Removed(Result<(), WorkloadError>),
    Limited(Result<(), WorkloadError>),
}

struct Work {
    future: Pin<Box<dyn Future<Output = Done>>>,
    /// Whether it may be given up for a wake.
    sleeps: bool,
}

/// What is remembered of an instance.
#[derive(Default)]
struct Seen {
    probe: Probe,
    woken_at: Option<Time>,
    wake_failed_at: Option<Time>,
    slept_at: Option<Time>,
    asleep_since: Option<Time>,
    worked: Option<Worked>,
    activity: Option<Activity>,
    earlier: Option<Activity>,
    stirred: Option<Stir>,
    looked_at: Option<Time>,
}

/// What is forgotten when control ends.
pub(crate) struct Control {
    seen: BTreeMap<InstanceId, Seen>,
    events: mpsc::UnboundedReceiver<WorkloadEvent>,
    /// What the edges have confirmed and carried.
    pub(crate) edges: Edges,
    /// Those that were not shown a table yet.
    fresh: BTreeSet<EdgeId>,
    /// The table that has to be confirmed before anything is done; `None` once it was.
    trusts_after: Option<u64>,
    busy: BTreeMap<Subject, Work>,
    held: BTreeMap<Subject, Time>,
    /// Instances shown asleep, and since which table.
    falling: BTreeMap<InstanceId, u64>,
    probing: BTreeMap<InstanceId, (Time, Question, Answer)>,
    published: Option<Table>,
    pub(crate) observed: Observed,
    deadline: Option<Time>,
    /// Since when it has been there.
    since: Option<Time>,
}

/// What control works with.
pub(crate) struct World<'a> {
    pub(crate) now: Time,
    pub(crate) sim: &'a Sim,
    pub(crate) store: &'a mut Store,
    pub(crate) edges: &'a mut crate::edges::Edges,
    pub(crate) outside: &'a Outside,
    pub(crate) rules: &'a mut Rules,
    pub(crate) tally: &'a mut Tally,
    pub(crate) story: &'a mut Vec<String>,
    /// Whether the story is wanted.
    pub(crate) tell: bool,
    /// How long a table is on its way to the edges.
    pub(crate) lags: [Duration; 4],
}

impl World<'_> {
    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.tell {
            self.story.push(format!(
                "{:>9.3}  {}",
                self.now.since(crate::history::BEGIN).as_secs_f64(),
                what()
            ));
        }
    }
}

/// Runs what needs no time.
pub(crate) fn now_or_never<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this takes time"),
    }
}

pub(crate) fn list(sim: &Sim) -> Vec<Workload> {
    now_or_never(sim.list()).expect("listing never fails")
}

impl Control {
    /// `edges` live, and may know tables of an earlier control.
    pub(crate) fn new(sim: &Sim, edges: impl Iterator<Item = EdgeId>) -> Self {
        let mut known = Edges::default();
        edges.for_each(|id| known.expect(id));
        Self {
            seen: BTreeMap::new(),
            events: sim.events(),
            edges: known,
            fresh: BTreeSet::new(),
            trusts_after: Some(u64::MAX),
            busy: BTreeMap::new(),
            held: BTreeMap::new(),
            falling: BTreeMap::new(),
            probing: BTreeMap::new(),
            published: None,
            observed: Observed::default(),
            deadline: None,
            since: None,
        }
    }

    pub(crate) fn hear_connected(&mut self, id: EdgeId) {
        self.edges.connected(id);
        self.fresh.insert(id);
    }

    pub(crate) fn next_event(&self) -> Option<Time> {
        let probes = self.probing.values().map(|(at, ..)| *at);
        probes.chain(self.held.values().copied()).chain(self.deadline).min()
    }

    /// Does everything there is to do now.
    pub(crate) fn tick(&mut self, w: &mut World<'_>) -> Result<(), String> {
        self.since.get_or_insert(w.now);
        self.held.retain(|_, until| *until > w.now);
        let (mut noticed, mut stirred) = (Vec::new(), Vec::new());
        while let Ok(event) = self.events.try_recv() {
            match event {
                WorkloadEvent::Noticed(id, seen) => noticed.push((id, seen)),
                WorkloadEvent::Stirred(id) => stirred.push(id),
                // Who has ended is found when looking at all.
                WorkloadEvent::Ended(_)
                | WorkloadEvent::Killed(..)
                | WorkloadEvent::Repaired(_)
                | WorkloadEvent::Disk(_) => {}
            }
        }
        self.hear_watchdogs(w, noticed)?;
        self.learn(w);
        self.hear_stirs(w, stirred);
        for round in 0.. {
            if round > 50 {
                return Err("control cannot settle".to_owned());
            }
            let mut changed = self.finish(w) | self.look_into(w);
            self.look(w);
            self.publish(w)?;
            if self.trusts() {
                changed |= self.carry_out(w)?;
            }
            if !changed {
                break;
            }
        }
        self.probe(w);
        self.deadline = next_deadline(&w.store.desired, &self.observed, w.now);
        Ok(())
    }

    /// Takes in whose supervisors noticed a sleep: of a length that was known to be noticed, only if nobody was there to
    /// cut it, or could.
    fn hear_watchdogs(
        &mut self,
        w: &mut World<'_>,
        noticed: Vec<(InstanceId, Sighting)>,
    ) -> Result<(), String> {
        for (id, seen) in noticed {
            let Some(i) = self.observed.instances.get(&id) else { continue };
            let Sighting::Restarts { slept, .. } = seen else { continue };
            *w.tally.entry("sleep noticed").or_default() += 1;
            let known = w
                .store
                .watchdogs
                .get(&i.key)
                .filter(|known| known.deployment == i.deployment && known.verdict != Verdict::Refuted)
                // Another instance may have shown it while this one slept.
                .filter(|known| known.at <= w.now.before(slept));
            let cannot = self.seen.get(&id).and_then(|seen| seen.wake_failed_at);
            let there = self.since.max(cannot).is_some_and(|since| w.now.since(since) > slept);
            if let Some(known) = known
                && i.draining_since.is_none()
                && there
                && slept > known.limit + SLACK
            {
                return Err(format!("{id} was frozen for {slept:?}, and may be for {:?}", known.limit));
            }
            if let Some(watchdog) = note_sighting(w.store.watchdogs.get(&i.key), i, w.now, seen) {
                w.store.watchdogs.insert(i.key.clone(), watchdog);
            }
        }
        Ok(())
    }

    fn trusts(&mut self) -> bool {
        let told = |generation| self.edges.confirmed() >= generation;
        self.trusts_after = self.trusts_after.filter(|generation| !told(*generation));
        self.trusts_after.is_none()
    }

    /// Polls what is under way.
    fn finish(&mut self, w: &mut World<'_>) -> bool {
        let mut done = Vec::new();
        for (subject, work) in &mut self.busy {
            if let Poll::Ready(d) = work.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                done.push((subject.clone(), d));
            }
        }
        let any = !done.is_empty();
        for (subject, outcome) in done {
            self.busy.remove(&subject);
            self.done(w, subject, outcome);
        }
        any
    }

    fn done(&mut self, w: &mut World<'_>, subject: Subject, outcome: Done) {
        let failed = match (&subject, outcome) {
            (Subject::Instance(id), Done::Woken(result)) => {
                let seen = self.seen.entry(*id).or_default();
                *(if result.is_ok() { &mut seen.woken_at } else { &mut seen.wake_failed_at }) = Some(w.now);
                result.err()
            }
            (Subject::Instance(id), Done::Slept(result, asked)) => {
                self.falling.remove(id);
                if result.as_ref().is_ok_and(|d| *d < asked) {
                    *w.tally.entry("only frozen").or_default() += 1;
                }
                self.seen.entry(*id).or_default().slept_at = Some(w.now);
                result.err()
            }
            (Subject::Instance(id), Done::LookedIn(result)) => {
                if let Ok(Moment { share, .. }) = result {
                    let worked = (share >= WORKS).then_some(Worked { at: w.now, share });
                    *w.tally.entry("found at work").or_default() += u64::from(worked.is_some());
                    self.seen.entry(*id).or_default().worked = worked;
                }
                result.err()
            }
            (Subject::Instance(id), Done::Looked(result)) => match result {
                Ok(activity) => {
                    let seen = self.seen.entry(*id).or_default();
                    seen.earlier = seen.activity.replace(activity);
                    None
                }
                Err(e) => Some(e),
            },
            (Subject::Deployment(key, deployment), Done::Started(result)) => {
                if let Err(e) = &result {
                    *w.tally.entry("start failed").or_default() += 1;
                    let how = Cause::NotStarted { why: e.to_string() };
                    let end = dormouse_model::End {
                        deployment: *deployment,
                        at: w.now,
                        how,
                        ready_for: None,
                        started_at: None,
                        detail: None,
                    };
                    note_end(w.store.ends.entry(key.clone()).or_default(), end);
                }
                None
            }
            (_, Done::Limited(result)) => {
                if result.is_err() {
                    *w.tally.entry("limits failed").or_default() += 1;
                }
                result.err()
            }
            (_, Done::Stopped(result)) => result.err(),
            (_, Done::Removed(result)) => result.err(),
            (
                _,
                Done::Woken(_) | Done::Slept(..) | Done::LookedIn(_) | Done::Started(_) | Done::Looked(_),
            ) => None,
        };
        if let Some(e) = failed {
            w.tell(|| format!("{subject:?} failed: {e}"));
            self.held.insert(subject, w.now.after(AGAIN));
        }
    }

    /// What exists, as far as control knows.
    fn look(&mut self, w: &mut World<'_>) {
        let mut instances = BTreeMap::new();
        for workload in list(w.sim) {
            let kept = w.store.kept.entry(workload.id).or_default();
            let seen = self.seen.entry(workload.id).or_default();
            let i = InstanceRecord {
                id: workload.id,
                key: workload.key,
                deployment: workload.deployment,
                limits: workload.limits,
                addr: workload.addr,
                phase: workload.phase,
                started_at: workload.started_at,
                woken_at: seen.woken_at,
                slept_at: seen.slept_at,
                asleep_since: seen.asleep_since,
                worked: seen.worked,
                draining_since: kept.draining_since,
                exited_at: workload.exited_at,
                probe: Probe { ready_at: kept.ready_at, ..seen.probe.clone() },
                traffic: self.edges.traffic(workload.id),
                inside: Inside { looked_at: seen.looked_at, ..Inside::default() },
                activity: seen.activity.clone(),
                earlier: seen.earlier.clone(),
                beats: None,
                silence: None,
                stirred: seen.stirred,
            };
            if let (Phase::Exited(how), None, Some(at)) = (i.phase, i.draining_since, i.exited_at)
                && let Some(svc) = w.store.desired.services.get(&i.key)
            {
                let end = end_of(&i, &svc.target.spec, at, Cause::Exited(how));
                note_end(w.store.ends.entry(i.key.clone()).or_default(), end);
                kept.draining_since = Some(at);
                *w.tally.entry("crash").or_default() += 1;
                if w.tell {
                    let t = w.now.since(crate::history::BEGIN).as_secs_f64();
                    w.story.push(format!("{t:>9.3}  {} {} ended: {how:?}", i.key, i.id));
                }
            }
            instances.insert(i.id, i);
        }
        let watchdogs = w.store.watchdogs.clone();
        self.observed = Observed {
            instances: instances.into(),
            ends: w.store.ends.clone().into(),
            watchdogs: watchdogs.into(),
            pingers: Tracked::default(),
            answers: Tracked::default(),
        };
    }

    fn publish(&mut self, w: &mut World<'_>) -> Result<(), String> {
        let key = |id| self.observed.instances.get(id).map(|i| (*id, i.key.clone()));
        let falling_asleep = self.falling.keys().filter_map(key).collect();
        let facts = Facts { falling_asleep, ..Facts::default() };
        let table = endpoints(&w.store.desired, &self.observed, &facts, w.now);
        w.rules.table(&w.store.desired, &self.observed, &table, w.now)?;
        if self.published.as_ref() != Some(&table) {
            w.store.generation += 1;
            if self.published.is_none() {
                self.trusts_after = Some(w.store.generation);
            }
            self.fresh.clear();
            w.edges.publish(None, |n| w.now.after(w.lags[n]), w.store.generation, &table);
            w.tell(|| format!("table {table:?}"));
            self.published = Some(table);
        }
        if let Some(table) = &self.published {
            for id in std::mem::take(&mut self.fresh) {
                w.edges.publish(Some(id), |n| w.now.after(w.lags[n]), w.store.generation, table);
            }
        }
        for shown in self.falling.values_mut().filter(|g| **g == u64::MAX) {
            *shown = w.store.generation;
        }
        Ok(())
    }

    /// Plans and begins. True when planning again may give something else.
    fn carry_out(&mut self, w: &mut World<'_>) -> Result<bool, String> {
        let actions = plan(&w.store.desired, &self.observed, w.now);
        w.rules.plan(&w.store.desired, &self.observed, &actions, w.now)?;
        let wanted: BTreeSet<InstanceId> = actions
            .iter()
            .filter_map(|a| match a {
                Action::Sleep { id, .. } | Action::Stop { id, why: StopReason::Idle, .. } => Some(*id),
                Action::Wake { .. }
                | Action::Look { .. }
                | Action::Start { .. }
                | Action::Promote { .. }
                | Action::Fail { .. }
                | Action::RollBack { .. }
                | Action::Settle { .. }
                | Action::Drain { .. }
                | Action::DarkWake { .. }
                | Action::SetLimits { .. }
                | Action::Stop { .. }
                | Action::Remove { .. } => None,
            })
            .collect();
        let busy = &self.busy;
        let before = self.falling.len();
        self.falling.retain(|id, _| wanted.contains(id) || busy.contains_key(&Subject::Instance(*id)));
        let mut changed = self.falling.len() != before;
        if changed {
            *w.tally.entry("sleep called off").or_default() += 1;
        }
        for action in actions {
            let subject = action.subject();
            if self.held.contains_key(&subject) {
                continue;
            }
            if let Some(work) = self.busy.get(&subject) {
                if !(work.sleeps && matches!(action, Action::Wake { .. })) {
                    continue;
                }
                *w.tally.entry("wake cut in").or_default() += 1;
                self.busy.remove(&subject);
                if let Subject::Instance(id) = subject {
                    self.falling.remove(&id);
                }
            }
            changed |= self.begin(w, &action)?;
        }
        Ok(changed)
    }

    /// Whether the edge has confirmed that it treats an instance as asleep; asks it to, if not.
    fn sealed(&mut self, id: InstanceId) -> (bool, bool) {
        match self.falling.get(&id) {
            Some(generation) => (*generation <= self.edges.confirmed(), false),
            None => {
                self.falling.insert(id, u64::MAX);
                (false, true)
            }
        }
    }

    fn begin(&mut self, w: &mut World<'_>, action: &Action) -> Result<bool, String> {
        if matches!(action, Action::Sleep { .. } | Action::Stop { why: StopReason::Idle, .. })
            && let Subject::Instance(id) = action.subject()
        {
            let (sealed, asked) = self.sealed(id);
            if !sealed {
                return Ok(asked);
            }
        }
        let truth = Truth { sim: w.sim, store: w.store, edges: w.edges, outside: w.outside };
        w.rules.begin(w.now, &truth, &self.observed, action)?;
        w.tell(|| action.to_string());
        if let Subject::Instance(id) = action.subject()
            && matches!(action, Action::Sleep { .. })
            && w.edges.messages(id) > 0
        {
            *w.tally.entry("out of patience").or_default() += 1;
        }
        *w.tally.entry(kind(action)).or_default() += 1;
        if let Action::DarkWake { key, .. } = action
            && !w.store.watchdogs.contains_key(key)
        {
            *w.tally.entry("looked in").or_default() += 1;
        }
        let sim = w.sim.clone();
        let mut work = |future, sleeps| self.busy.insert(action.subject(), Work { future, sleeps });
        match action.clone() {
            Action::Wake { id, .. } => {
                work(Box::pin(async move { Done::Woken(sim.wake(id).await) }), false);
            }
            Action::Start { key, deployment } => {
                let svc = &w.store.desired.services[&key];
                let d = [Some(&svc.target), svc.live.as_ref()]
                    .into_iter()
                    .flatten()
                    .find(|d| d.process() == deployment);
                let d = d.ok_or("a start of an unknown deployment")?.clone();
                let spec = InstanceSpec {
                    id: w.store.next_instance(),
                    key,
                    deployment,
                    image: d.image,
                    argv: None,
                    env: BTreeMap::new(),
                    limits: d.spec.limits,
                };
                work(Box::pin(async move { Done::Started(sim.start(&spec).await) }), false);
            }
            Action::Promote { key, .. } => {
                let svc = w.store.desired.services.get_mut(&key).unwrap();
                svc.promote(w.now);
                return Ok(true);
            }
            Action::RollBack { key, to, .. } => {
                w.store.desired.services.get_mut(&key).unwrap().roll_back(to, w.now);
                return Ok(true);
            }
            Action::Settle { key, .. } => {
                w.store.desired.services.get_mut(&key).unwrap().replaced = None;
                return Ok(true);
            }
            Action::Fail { key, .. } => {
                let svc = w.store.desired.services.get_mut(&key).unwrap();
                svc.target = svc.live.clone().unwrap();
                return Ok(true);
            }
            Action::Drain { key, id } => {
                let svc = w.store.desired.services.get(&key);
                let older = svc.filter(|svc| !svc.is_live()).and_then(|svc| svc.live.as_ref());
                if older.is_some_and(|d| d.process() == self.observed.instances[&id].deployment) {
                    *w.tally.entry("rolled one of several").or_default() += 1;
                }
                w.store.kept.entry(id).or_default().draining_since.get_or_insert(w.now);
                return Ok(true);
            }
            Action::Look { id, .. } => {
                work(Box::pin(async move { Done::Looked(sim.activity(id).await) }), false);
            }
            Action::Sleep { id, depth, .. } => {
                if self.observed.instances[&id].phase == Phase::Running {
                    let seen = self.seen.entry(id).or_default();
                    (seen.asleep_since, seen.worked) = (Some(w.now), None);
                }
                let sleep = async move { Done::Slept(sim.sleep(id, depth).await, depth) };
                work(Box::pin(sleep), true);
            }
            Action::DarkWake { id, depth, .. } => {
                self.seen.entry(id).or_default().slept_at = Some(w.now);
                work(Box::pin(async move { Done::LookedIn(sim.dark_wake(id, depth).await) }), true);
            }
            Action::SetLimits { id, limits, .. } => {
                work(Box::pin(async move { Done::Limited(sim.set_limits(id, limits).await) }), false);
            }
            Action::Stop { key, id, why } => {
                let grace = Duration::from_secs(10);
                work(Box::pin(async move { Done::Stopped(sim.stop(id, grace).await) }), false);
                self.falling.remove(&id);
                w.store.kept.entry(id).or_default().draining_since.get_or_insert(w.now);
                if why.counts() {
                    let i = &self.observed.instances[&id];
                    let spec = &w.store.desired.services[&key].target.spec;
                    let end = end_of(i, spec, w.now, Cause::Stopped(why));
                    note_end(w.store.ends.entry(key).or_default(), end);
                }
            }
            Action::Remove { id, .. } => {
                work(Box::pin(async move { Done::Removed(sim.remove(id).await) }), false);
            }
        }
        Ok(true)
    }

    fn learn(&mut self, w: &mut World<'_>) {
        let over: Vec<_> = self
            .probing
            .iter()
            .filter(|(_, p)| p.0 <= w.now)
            .map(|(id, p)| (*id, p.1.clone(), p.2))
            .collect();
        for (id, asked, begun) in over {
            self.probing.remove(&id);
            let answer = if begun == Answer::Silent { begun } else { w.sim.answer(id) };
            let answer = answer.to(&asked);
            let Some(i) = self.observed.instances.get_mut(&id) else { continue };
            let Some(svc) = w.store.desired.services.get(&i.key) else { continue };
            if note_answer(i, svc, &asked, answer, w.now) {
                w.store.kept.entry(id).or_default().ready_at.get_or_insert(w.now);
            }
            self.seen.entry(id).or_default().probe = i.probe.clone();
        }
    }

    /// Bytes arrived for some that sleep.
    fn hear_stirs(&mut self, w: &mut World<'_>, stirred: Vec<InstanceId>) {
        for id in stirred {
            *w.tally.entry("stir").or_default() += 1;
            self.look(w);
            let Some(mut record) = self.observed.instances.get(&id).cloned() else { continue };
            note_stir(&w.store.desired, &mut record, w.now);
            self.seen.entry(id).or_default().stirred = record.stirred;
        }
    }

    /// Looks into who is due: there is nothing to be seen in anybody. True when planning again may give something else.
    fn look_into(&mut self, w: &World<'_>) -> bool {
        let due = inspect_due(&w.store.desired, &self.observed, w.now);
        for id in &due {
            self.seen.entry(*id).or_default().looked_at = Some(w.now);
        }
        !due.is_empty()
    }

    fn probe(&mut self, w: &mut World<'_>) {
        for (id, asked) in probe_due(&w.store.desired, &self.observed, w.now) {
            if self.probing.contains_key(&id) {
                continue;
            }
            let deployment = self.observed.instances[&id].deployment;
            let answer = match w.sim.answer(id) {
                Answer::Healthy if w.rules.one_by_one(deployment) && w.edges.in_flight(id) > 0 => {
                    Answer::Silent
                }
                answer @ (Answer::Healthy | Answer::Refused | Answer::Silent) => answer,
            };
            let waits = answer == Answer::Silent && asked != Question::Connection;
            let takes = if waits { PROBE_TIMEOUT } else { Duration::from_millis(5) };
            self.probing.insert(id, (w.now.after(takes), asked, answer));
        }
    }
}

/// What an action is counted as.
fn kind(action: &Action) -> &'static str {
    match action {
        Action::Wake { .. } => "wake",
        Action::Start { .. } => "start",
        Action::Promote { .. } => "promote",
        Action::Fail { .. } => "fail",
        Action::RollBack { .. } => "roll back",
        Action::Settle { .. } => "settle",
        Action::Drain { .. } => "drain",
        Action::SetLimits { .. } => "set limits",
        Action::Look { .. } => "look",
        Action::Sleep { .. } => "sleep",
        Action::DarkWake { .. } => "dark wake",
        Action::Remove { .. } => "remove",
        Action::Stop { why, .. } => match why {
            StopReason::Replaced => "stop: replaced",
            StopReason::Surplus => "stop: surplus",
            StopReason::Removed => "stop: removed",
            StopReason::Idle => "stop: idle",
            StopReason::NeverReady => "stop: never ready",
            StopReason::Unhealthy => "stop: unhealthy",
            StopReason::Hung => "stop: hung",
        },
    }
}
