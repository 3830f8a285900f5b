//! From what should be and what is to what is to be done.

use std::{collections::BTreeMap, time::Duration};

use dormouse_model::{
    Cause, Deployment, Depth, Depths, Desired, InstanceId, InstanceRecord, Observed, ProjectName, Question,
    ServiceKey, ServiceKind, StopReason, Time,
};

use crate::{
    Action, backoff, choice,
    clock::Clock,
    end::end_of,
    health, idle,
    index::Index,
    inspect, job, judge, look_in, probe,
    standing::{self, Standing},
    trial,
    trust::{Trust, trust},
    view::{View, asleep, ended},
    watchdog,
};

/// Time from taking an instance off the route table until the edge's count of what is in flight can be believed: the
/// edge reports at most once a second.
const SETTLE: Duration = Duration::from_millis(1000);
/// Time an instance gets to finish what is in flight when its deployment is not known any more.
const UNKNOWN_GRACE: Duration = Duration::from_secs(30);
/// Time between two tries to push out the memory of an instance that is only frozen.
const DEEPEN_AGAIN: Duration = Duration::from_secs(60);

/// What is to be done now. Carrying it out and planning again at the same time gives nothing, unless something else
/// happened. Wakes come first; the rest is in an order in which it may be carried out one by one.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: Time) -> Vec<Action> {
    plan_with(&Index::new(desired, observed), &Clock::new(now))
}

/// Everything there is to say of one project at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// As [`plan`].
    pub actions: Vec<Action>,
    /// As [`crate::probe_due`].
    pub questions: Vec<(InstanceId, Question)>,
    /// As [`crate::inspect_due`].
    pub looks: Vec<InstanceId>,
    /// As [`crate::standings`].
    pub standings: BTreeMap<ServiceKey, Standing>,
    /// As [`next_deadline`]: it holds until then, unless something of the project changes.
    pub next: Option<Time>,
}

impl Round {
    /// Whether there is nothing of the project.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { actions, questions, looks, standings, next } = self;
        actions.is_empty()
            && questions.is_empty()
            && looks.is_empty()
            && standings.is_empty()
            && next.is_none()
    }
}

/// What [`plan`] and its kin say of one project. Nothing of another has a part in it.
#[must_use]
pub fn round(desired: &Desired, observed: &Observed, project: &ProjectName, now: Time) -> Round {
    let (index, clock) = (Index::of_project(desired, observed, project), Clock::new(now));
    Round {
        actions: plan_with(&index, &clock),
        questions: probe::due_with(&index, &clock),
        looks: inspect::due_with(&index, &clock),
        standings: standing::standings_with(&index, &clock),
        next: clock.next(),
    }
}

/// The first time at which [`plan`], [`crate::probe_due`], [`crate::inspect_due`] or [`crate::standings`] will say something
/// else although nothing changes; `None` when they never will.
#[must_use]
pub fn next_deadline(desired: &Desired, observed: &Observed, now: Time) -> Option<Time> {
    let (index, clock) = (Index::new(desired, observed), Clock::new(now));
    plan_with(&index, &clock);
    probe::due_with(&index, &clock);
    inspect::due_with(&index, &clock);
    standing::standings_with(&index, &clock);
    clock.next()
}

fn plan_with(index: &Index<'_>, clock: &Clock) -> Vec<Action> {
    let (desired, holds) = (index.desired, job::holds(index, clock));
    let mut out = Vec::new();
    for &svc in index.services() {
        let view = |svc| View::new(index, svc, clock).held(holds.get(&svc.key));
        let key = svc.key.clone();
        let (mut before, mut stopped) = (None, Vec::new());
        match trust(&view(svc)) {
            Some(Trust::Lost { deployment, to, why, ending }) => {
                out.push(Action::RollBack { key: key.clone(), deployment, to, why });
                out.extend(ending.iter().map(|&(id, why)| Action::Stop { key: key.clone(), id, why }));
                before.insert(svc.clone()).roll_back(to, clock.now());
                stopped.extend(ending.into_iter().map(|(id, _)| id));
            }
            Some(Trust::Earned { deployment }) => out.push(Action::Settle { key, deployment }),
            None => {}
        }
        let mut view = view(before.as_ref().unwrap_or(svc));
        view.alive.retain(|i| !stopped.contains(&i.id));
        Planner { view, depths: desired.depths, out: &mut out }.plan();
    }
    for i in index.instances() {
        if ended(i) {
            out.push(Action::Remove { key: i.key.clone(), id: i.id });
        } else if !desired.services.contains_key(&i.key) {
            unwanted(i, clock, &mut out);
        }
    }
    out.sort_by_key(Action::rank);
    out
}

/// An instance of a service that should not exist.
fn unwanted(i: &InstanceRecord, clock: &Clock, out: &mut Vec<Action>) {
    let key = i.key.clone();
    match i.draining_since {
        // What was never ready has no traffic to wait for.
        None if i.probe.ready_at.is_some() || asleep(i).is_some() || i.traffic.in_flight > 0 => {
            out.push(Action::Drain { key, id: i.id });
        }
        None => out.push(Action::Stop { key, id: i.id, why: StopReason::Removed }),
        Some(since) => {
            let quiet = i.traffic.in_flight == 0 && clock.passed(since, SETTLE);
            if quiet || clock.passed(since, UNKNOWN_GRACE) {
                out.push(Action::Stop { key, id: i.id, why: StopReason::Removed });
            } else if asleep(i).is_some() && i.traffic.in_flight > 0 {
                out.push(Action::Wake { key, id: i.id });
            }
        }
    }
}

/// What is to exist of a deployment.
struct Wanted<'a> {
    deployment: &'a Deployment,
    kept: Vec<&'a InstanceRecord>,
    /// How many there are to be for now.
    most: usize,
    /// Whether nobody uses any of them.
    rests: bool,
}

struct Planner<'a> {
    view: View<'a>,
    depths: Depths,
    out: &'a mut Vec<Action>,
}

impl<'a> Planner<'a> {
    fn plan(mut self) {
        for i in self.view.draining.clone() {
            self.draining(i);
        }
        let target = &self.view.svc.target;
        let mut wanted = vec![target];
        wanted.extend(self.view.older());

        let ending = self.stop_what_does_not_work(&wanted);
        let given_up = self.given_up(&ending);
        let promotes = !given_up && !self.view.promoted() && self.works(target);
        if given_up {
            wanted.remove(0);
        } else if promotes {
            self.out.push(Action::Promote { key: self.key(), deployment: target.id });
            wanted.truncate(1);
        }
        let rolling = wanted.len() > 1;
        let all = wanted.iter().map(|d| self.wanted(d, rolling)).collect::<Vec<_>>();

        for i in self.view.alive.clone() {
            match all.iter().find(|w| w.deployment.process() == i.deployment) {
                Some(w) if w.kept.iter().any(|kept| kept.id == i.id) => self.kept(w, i, rolling),
                Some(w) => self.release(i, self.view.ready(i, w.deployment), StopReason::Surplus),
                None => {
                    let served = i.probe.ready_at.is_some() || asleep(i).is_some();
                    self.release(i, served || i.traffic.in_flight > 0, StopReason::Replaced);
                }
            }
        }
        // While one deployment takes the place of another, there is one more than either is to have.
        let most = wanted.iter().map(|d| d.replicas()).max().unwrap_or(1) + usize::from(rolling);
        let is_wanted = |i: &&&InstanceRecord| wanted.iter().any(|d| d.process() == i.deployment);
        let mut there = self.view.alive.iter().filter(is_wanted).count() + ending.len();
        for Wanted { deployment: d, kept, most: own, .. } in all {
            // Where none works, one is tried at a time; and the others follow what has just become live.
            let first = kept.is_empty() || kept.iter().any(|i| self.view.ready(i, d));
            let missing = kept.len() < own
                && there < most
                && first
                && !promotes
                && !ending.iter().any(|(i, _)| i.deployment == d.process());
            if missing
                && self.may_start(d)
                && idle::needs_instance(&self.view, d)
                && backoff::over(self.view.ends, d.process(), self.view.clock)
            {
                there += 1;
                self.out.push(Action::Start { key: self.key(), deployment: d.process() });
            }
        }
    }

    /// What is to exist of a deployment.
    fn wanted(&self, d: &'a Deployment, rolling: bool) -> Wanted<'a> {
        let (view, replicas) = (&self.view, d.replicas());
        let (keep, most) = match view.older().filter(|_| rolling).map(|older| choice::shares(view, older)) {
            // What is there of the target stays while it shows what it can.
            Some(shares) if d.id == view.svc.target.id => (replicas, shares.target),
            Some(shares) => (shares.older, shares.older),
            None => (replicas, replicas),
        };
        let kept = choice::keep(view, d, keep);
        let used = |i: &&InstanceRecord| view.ready(i, d) && judge::judge(view, d, i).awake.is_some();
        Wanted { deployment: d, most, rests: !kept.iter().any(used), kept }
    }

    /// Whether a deployment has shown that it works.
    fn works(&self, d: &Deployment) -> bool {
        match d.spec.kind {
            ServiceKind::Web | ServiceKind::Worker => {
                // The first shows that it works; what it replaces goes when all do.
                let most = if self.view.older().is_some() { d.replicas() } else { 1 };
                choice::shown(&self.view).len() >= most
            }
            ServiceKind::Job => job::done(self.view.ends, d),
        }
    }

    /// Whether nothing has to happen before a deployment is started.
    fn may_start(&self, d: &Deployment) -> bool {
        let held = d.id == self.view.svc.target.id && self.view.hold.is_some();
        match d.spec.kind {
            ServiceKind::Web | ServiceKind::Worker => !held,
            // It runs once, and not beside an earlier one. What was no job before serves until it is done.
            ServiceKind::Job => {
                let over = job::done(self.view.ends, d) || job::failed(self.view.ends, d).is_some();
                let serves = self.view.older().filter(|older| older.spec.kind != ServiceKind::Job);
                let is_earlier =
                    |i: &InstanceRecord| serves.is_none_or(|older| older.process() != i.deployment);
                let runs = self.view.alive.iter().chain(&self.view.draining).any(|i| is_earlier(i));
                !held && !over && !runs
            }
        }
    }

    /// Stops what fails its probes, takes it out of the view, and tells which they were and why.
    fn stop_what_does_not_work(
        &mut self,
        wanted: &[&'a Deployment],
    ) -> Vec<(&'a InstanceRecord, StopReason)> {
        let mut ending = Vec::new();
        for i in &self.view.alive {
            let Some(d) = wanted.iter().find(|d| d.process() == i.deployment) else { continue };
            if let Some(why) = health::verdict(&self.view, d, i) {
                ending.push((*i, why));
                self.out.push(Action::Stop { key: i.key.clone(), id: i.id, why });
            }
        }
        self.view.alive.retain(|i| ending.iter().all(|(gone, _)| gone.id != i.id));
        ending
    }

    /// Gives up the target if it does not work and something older does.
    fn given_up(&mut self, ending: &[(&'a InstanceRecord, StopReason)]) -> bool {
        let target = &self.view.svc.target;
        let mut ends = self.view.ends.to_vec();
        for (i, why) in ending.iter().filter(|(i, _)| i.deployment == target.process()) {
            let end = end_of(i, &target.spec, self.view.clock.now(), Cause::Stopped(*why));
            backoff::note_end(&mut ends, end);
        }
        let why = choice::given_up_after(&self.view, &ends);
        let given_up = why.is_some();
        if let Some(why) = why {
            self.out.push(Action::Fail { key: self.key(), deployment: target.id, why });
        }
        given_up
    }

    /// An instance that is to exist: has its limits, sleeps when idle, wakes when not.
    fn kept(&mut self, wanted: &Wanted<'_>, i: &InstanceRecord, rolling: bool) {
        let (key, id, d) = (self.key(), i.id, wanted.deployment);
        if i.limits != d.limits() {
            self.out.push(Action::SetLimits { key: key.clone(), id, limits: d.limits() });
        }
        let judged = judge::judge(&self.view, d, i);
        let idle = judged.awake.is_none();
        let depth = match d.spec.sleep.depth {
            // What is stopped says nothing more, and its connections are cut.
            Depth::Stopped if look_in::is_awaited(&self.view, d, i) => Depth::Paged,
            depth @ (Depth::Frozen | Depth::Paged | Depth::Stopped) => depth,
        };
        let depth = self.depths.reached(depth);
        match asleep(i) {
            Some(_) if !idle => self.out.push(Action::Wake { key, id }),
            Some(now)
                if watchdog::wants_to_look(&self.view, d, i)
                    || depth != Some(Depth::Stopped) && look_in::is_due(&self.view, d, i) =>
            {
                self.out.push(Action::DarkWake { key, id, depth: depth.unwrap_or(now) });
            }
            // Before it is put to sleep; with a rollout that is never done.
            None if judged.look && !rolling && self.view.ready(i, d) => {
                self.out.push(Action::Look { key, id });
            }
            // A rollout decides soon whether the instance is needed; until then it stays as it is.
            Some(_) | None if !idle || rolling || !trial::proven(&self.view, i, d) => {}
            // They fall asleep together.
            None if !wanted.rests => {}
            Some(_) | None if depth == Some(Depth::Stopped) => {
                self.out.push(Action::Stop { key, id, why: StopReason::Idle });
            }
            now @ Some(_) if now >= depth => {}
            Some(_) if i.slept_at.is_some_and(|at| !self.view.clock.passed(at, DEEPEN_AGAIN)) => {}
            Some(_) | None => {
                self.out.extend(depth.map(|depth| Action::Sleep { key, id, depth }));
            }
        }
    }

    /// Lets go of an instance: what took traffic is drained first.
    fn release(&mut self, i: &InstanceRecord, served: bool, why: StopReason) {
        let (key, id) = (self.key(), i.id);
        self.out.push(if served { Action::Drain { key, id } } else { Action::Stop { key, id, why } });
    }

    /// Ends an instance that takes no new traffic, when what it has is done or its time is up.
    fn draining(&mut self, i: &InstanceRecord) {
        let Some(since) = i.draining_since else { return };
        let (key, id, clock) = (self.key(), i.id, self.view.clock);
        let svc = self.view.svc;
        let known = [Some(&svc.target), svc.live.as_ref()]
            .into_iter()
            .flatten()
            .find(|d| d.process() == i.deployment);
        let why = if known.is_some() { StopReason::Surplus } else { StopReason::Replaced };
        // Open pages move to another instance in their own time.
        let waits = i.traffic.in_flight > 0 || i.traffic.connections > 0;
        let grace = known.unwrap_or(&svc.target).spec.stop_grace;
        if (!waits && clock.passed(since, SETTLE)) || clock.passed(since, grace) {
            self.out.push(Action::Stop { key, id, why });
        } else if asleep(i).is_some() && waits {
            let used = i.traffic.last_client_byte.max(self.view.wake) > Some(since);
            if i.traffic.in_flight > 0 || used {
                self.out.push(Action::Wake { key, id });
            }
        }
    }

    fn key(&self) -> ServiceKey {
        self.view.svc.key.clone()
    }
}
