//! What must hold at every step, said without the help of the planner.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dormouse_backend::sim::{Answer, Sim, Trouble};
use dormouse_model::{
    Cause, Deployment, DeploymentId, Desired, DesiredService, Endpoint, ExitStatus, InstanceId,
    InstanceRecord, Observed, Phase, ServiceKey, ServiceKind, StopReason, Streams, Time,
};
use dormouse_planner::{Action, next_deadline, plan, probe_due, standings};

use crate::{
    apply::apply,
    edge::Table,
    edges::Edges,
    outside::Outside,
    store::{Kept, Store},
};

/// What is true of the world.
pub(crate) struct Truth<'a> {
    pub(crate) sim: &'a Sim,
    pub(crate) store: &'a Store,
    pub(crate) edges: &'a Edges,
    pub(crate) outside: &'a Outside,
}

/// What is true, whether control knows it or not.
#[derive(Default)]
pub(crate) struct Rules {
    /// Instances that do not work, though they have not ended.
    pub(crate) troubled: BTreeMap<InstanceId, Trouble>,
    /// Deployments that answer nothing while they work on a request.
    pub(crate) one_by_one: BTreeSet<DeploymentId>,
    pub(crate) workers: BTreeSet<DeploymentId>,
    pub(crate) jobs: BTreeSet<DeploymentId>,
    /// Deployments that are ready only after their time: control may stop one just when it is.
    pub(crate) slow: BTreeSet<DeploymentId>,
    /// How often each instance was looked in on since it fell asleep.
    looks: BTreeMap<(InstanceId, Time), u32>,
    steps: u64,
}

type Held = Result<(), String>;

fn must(holds: bool, what: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(what()) }
}

impl Rules {
    pub(crate) fn one_by_one(&self, deployment: DeploymentId) -> bool {
        self.one_by_one.contains(&deployment)
    }

    /// Takes traffic or could, woken if need be.
    fn serves(&self, i: &InstanceRecord, now: Time) -> bool {
        let ready = match i.phase {
            Phase::Running if self.workers.contains(&i.deployment) => {
                now.since(i.started_at) >= Duration::from_secs(3)
            }
            Phase::Running => i.probe.ready_at.is_some(),
            Phase::Asleep(_) => true,
            Phase::Exited(_) => false,
        };
        ready && i.draining_since.is_none() && !self.jobs.contains(&i.deployment)
    }

    /// Shows that its deployment works.
    fn proves(&self, svc: &DesiredService, i: &InstanceRecord, now: Time) -> bool {
        let asleep = matches!(i.phase, Phase::Asleep(_));
        let ran = |span| now.since(i.started_at) >= Duration::from_secs(span);
        let replaces = svc.live.as_ref().is_some_and(|live| live.process() != i.deployment);
        let steady =
            i.probe.ready_at.map(|first| i.probe.failed_at.map_or(first, |failed| first.max(failed)));
        let seen = i.probe.last_ok.min(i.inside.looked_at).zip(steady);
        let again = seen.is_some_and(|(at, since)| at.since(since).as_secs() >= 5);
        let long = match i.probe.speaks_http {
            _ if self.workers.contains(&i.deployment) => ran(10),
            Some(false) if replaces => ran(10),
            Some(_) | None => !replaces || again,
        };
        self.serves(i, now) && (asleep || long)
    }

    /// The same, or takes a part of the traffic already, while one after the other of several is replaced.
    fn shows(&self, svc: &DesiredService, i: &InstanceRecord, observed: &Observed, now: Time) -> bool {
        let live = svc.live.as_ref().filter(|l| l.id != svc.target.id).map(Deployment::process);
        let beside = observed
            .instances
            .values()
            .any(|o| o.key == i.key && Some(o.deployment) == live && self.serves(o, now));
        let takes = i.traffic.last_client_byte.is_some() && svc.target.replicas() > 1 && beside;
        self.proves(svc, i, now) || takes && self.serves(i, now)
    }

    /// A request is not refused or left waiting while an instance could take it, and one deployment takes them all.
    pub(crate) fn table(&self, desired: &Desired, observed: &Observed, table: &Table, now: Time) -> Held {
        for (key, svc) in &desired.services {
            let wanted =
                |id| id == svc.target.process() || svc.live.as_ref().is_some_and(|l| l.process() == id);
            let mine = || observed.instances.values().filter(|i| i.key == *key && self.serves(i, now));
            let able: Vec<_> = mine().filter(|i| wanted(i.deployment)).collect();
            match &table[key] {
                Endpoint::Ready { targets } => {
                    let ours = |i: &InstanceRecord| i.deployment == svc.target.process();
                    let shown = able.iter().filter(|i| ours(i) && self.shows(svc, i, observed, now)).count();
                    let newest = shown >= svc.target.replicas() || able.iter().all(|i| ours(i));
                    let old = able.iter().any(|i| !ours(i));
                    let mut taken = BTreeSet::new();
                    for target in targets {
                        let i = able.iter().find(|i| i.id == target.instance);
                        let i = i.ok_or_else(|| format!("{key} sends to {}", target.instance))?;
                        must(taken.insert(i.id), || format!("{key} sends to {} twice", i.id))?;
                        must(!newest || ours(i), || {
                            format!("{key} sends to {} though its target is ready", i.deployment)
                        })?;
                        let beside = ours(i) && !newest && old;
                        must(!beside || self.shows(svc, i, observed, now), || {
                            format!("{key} sends to {}, which has not shown that it works", i.id)
                        })?;
                        must(target.asleep || i.phase == Phase::Running, || {
                            format!("{} is shown awake", i.id)
                        })?;
                    }
                    let most = wanted_of(svc);
                    let mine = if newest { able.iter().filter(|i| ours(i)).count() } else { 1 };
                    let enough = if newest { svc.target.replicas().min(mine) } else { 1 };
                    must((enough..=most + 1).contains(&taken.len()), || {
                        format!("{key} has targets {targets:?} of {able:?}")
                    })?;
                }
                other @ (Endpoint::Stopped
                | Endpoint::Starting
                | Endpoint::Building
                | Endpoint::Crashed { .. }
                | Endpoint::Failed { .. }) => {
                    must(able.is_empty(), || format!("{key} is {other:?} though it could serve"))?
                }
            }
        }
        Ok(())
    }

    /// The plan makes sense by itself.
    pub(crate) fn plan(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        actions: &[Action],
        now: Time,
    ) -> Held {
        let mut subjects = BTreeSet::new();
        for action in actions {
            must(subjects.insert(action.subject()), || format!("two actions on one subject: {actions:?}"))?;
        }
        for action in actions {
            if let dormouse_planner::Subject::Instance(id) = action.subject() {
                let known = observed.instances.get(&id).is_some_and(|i| i.key == *action.key());
                must(known, || format!("`{action}`, which does not exist"))?;
            }
        }
        self.nothing_is_missing(desired, observed, actions, now)?;
        self.is_looked_in(desired, observed, actions, now)?;
        if !actions.is_empty() {
            let (mut after, mut seen) = (desired.clone(), observed.clone());
            apply(actions, &mut after, &mut seen, 1_000_000, now);
            let mut rest = plan(&after, &seen, now);
            // Of several instances that are missing, the next is started when the one before is there.
            for more in 1..10 {
                if rest.is_empty() || !rest.iter().all(|a| matches!(a, Action::Start { .. })) {
                    break;
                }
                apply(&rest, &mut after, &mut seen, 1_000_000 + more * 1000, now);
                rest = plan(&after, &seen, now);
            }
            // The others need not stay awake for one that is let go of.
            let lets_go = |key: &ServiceKey| {
                let of = |a: &Action| {
                    matches!(a, Action::Stop { .. } | Action::Drain { .. } | Action::Fail { .. })
                };
                actions.iter().any(|a| of(a) && a.key() == key)
            };
            rest.retain(|action| {
                let calm = matches!(
                    action,
                    Action::Look { .. }
                        | Action::Sleep { .. }
                        | Action::DarkWake { .. }
                        | Action::Stop { why: StopReason::Idle, .. }
                );
                !(calm && lets_go(action.key()))
            });
            // A job does not run beside an earlier one, which has ended only in `apply`.
            let ends = |key: &ServiceKey| {
                actions
                    .iter()
                    .any(|a| matches!(a, Action::Stop { .. } | Action::Drain { .. }) && a.key() == key)
            };
            rest.retain(|action| !(is_job(desired, action.key()) && ends(action.key())));
            // What is stopped works on nothing any more, which others may have been kept awake by.
            let worked = |id: &InstanceId| {
                observed.instances[id].traffic.in_flight > 0 || observed.instances[id].traffic.messages > 0
            };
            if actions.iter().any(|a| matches!(a, Action::Stop { id, .. } if worked(id))) {
                rest.retain(|action| !matches!(action, Action::Look { .. } | Action::Sleep { .. }));
            }
            must(rest.is_empty(), || format!("after {actions:?} the plan still has {rest:?}"))?;
        }

        self.steps += 1;
        if actions.is_empty() && self.steps.is_multiple_of(7) {
            let horizon = next_deadline(desired, observed, now).map_or(now.0 + 3_600_000, |t| t.0 - 1);
            let later = Time(horizon);
            let early = plan(desired, observed, later);
            must(early.is_empty(), || {
                format!("{early:?} before the deadline, {:?} from now", later.since(now))
            })?;
            must(standings(desired, observed, now) == standings(desired, observed, later), || {
                "a standing changes before the deadline".to_owned()
            })?;
            must(probe_due(desired, observed, now) == probe_due(desired, observed, later), || {
                "a probe is due before the deadline".to_owned()
            })?;
        }
        Ok(())
    }

    /// The plan has what has to be done at once.
    fn nothing_is_missing(
        &self,
        desired: &Desired,
        observed: &Observed,
        actions: &[Action],
        now: Time,
    ) -> Held {
        let mine = |key: ServiceKey| {
            observed.instances.values().filter(move |i| i.key == key && i.draining_since.is_none())
        };
        for svc in desired.services.values().filter(|svc| svc.demand.wake_at == Some(now)) {
            for key in std::iter::once(&svc.key).chain(&svc.needs) {
                let Some(needed) = desired.services.get(key) else { continue };
                let live =
                    |i: &&InstanceRecord| needed.live.as_ref().is_some_and(|l| l.process() == i.deployment);
                let asleep = |i: &&InstanceRecord| matches!(i.phase, Phase::Asleep(_));
                let again = needed.demand.sleep_at >= Some(now);
                let replaced = needed.live.as_ref().is_some_and(|l| l.id != needed.target.id);
                let mut all: Vec<_> =
                    mine(key.clone()).filter(live).filter(|i| self.serves(i, now)).collect();
                all.sort_by_key(|i| (i.started_at, i.id));
                for i in all.into_iter().take(needed.target.replicas()).filter(asleep) {
                    let woken = actions.iter().any(|a| matches!(a, Action::Wake { id, .. } if *id == i.id));
                    must(woken || again || replaced, || {
                        format!("{} is asked for, and {} sleeps on", svc.key, i.id)
                    })?;
                }
            }
        }
        for svc in desired.services.values() {
            let health = &svc.target.spec.health;
            let own = |i: &&InstanceRecord| i.deployment == svc.target.process() && self.serves(i, now);
            for i in mine(svc.key.clone()).filter(own) {
                let grace = health.interval * health.failures;
                let deaf =
                    i.phase == Phase::Running && i.probe.is_refused() && i.probe.failures >= health.failures;
                let woken = i.woken_at.is_some_and(|at| now.since(at) < grace);
                let stopped = actions.iter().any(|a| matches!(a, Action::Stop { id, .. } if *id == i.id));
                must(!deaf || woken || stopped, || format!("{} refuses connections, and stays", i.id))?;
            }
        }
        Ok(())
    }

    /// What is about to be done is right, given what is true.
    pub(crate) fn begin(
        &mut self,
        now: Time,
        truth: &Truth<'_>,
        observed: &Observed,
        action: &Action,
    ) -> Held {
        let Truth { sim, store, edges, .. } = truth;
        let wrong = |why: &str| Err(format!("`{action}`: {why}"));
        match action {
            Action::Start { key, deployment } if is_job(&store.desired, key) => {
                let ran = store.ends.get(key).into_iter().flatten().filter(|e| e.deployment == *deployment);
                let mut ran = ran.filter(|e| !matches!(e.how, Cause::NotStarted { .. }));
                must(ran.next().is_none(), || format!("`{action}`, which has run"))?;
                let others = crate::control::list(sim)
                    .into_iter()
                    .any(|w| w.key == *key && !matches!(w.phase, Phase::Exited(_)));
                must(!others, || format!("`{action}` beside another"))
            }
            Action::Start { key, deployment } => {
                for job in &store.desired.services[key].after {
                    self.is_done(store, key, *deployment, job)?;
                }
                let svc = &store.desired.services[key];
                let all = crate::control::list(sim);
                let there = |process: DeploymentId| {
                    let mine = all.iter().filter(|w| w.deployment == process && w.key == *key);
                    let draining =
                        |id| store.kept.get(&id).is_some_and(|k: &Kept| k.draining_since.is_some());
                    mine.filter(|w| !matches!(w.phase, Phase::Exited(_)) && !draining(w.id)).count()
                };
                let wanted = |d: &&Deployment| d.process() == *deployment;
                let d = std::iter::once(&svc.target).chain(&svc.live).find(wanted);
                let most = d.map_or(0, Deployment::replicas);
                must(there(*deployment) < most, || format!("`{action}`, of which there are enough"))?;
                // What was left over is on its way out.
                let older = svc.live.as_ref().filter(|l| l.id != svc.target.id);
                let sum = there(svc.target.process()).min(svc.target.replicas())
                    + older.map_or(0, |o| there(o.process()).min(o.replicas()));
                must(sum < wanted_of(svc) + usize::from(older.is_some()), || {
                    format!("`{action}`, though there are {sum} of {}", wanted_of(svc))
                })?;
                let older = svc.live.as_ref().is_some_and(|l| l.id != svc.target.id);
                let tries = store.ends.get(key).into_iter().flatten().filter(|e| e.deployment == *deployment);
                must(!older || *deployment != svc.target.process() || rounds(tries) < 3, || {
                    format!("`{action}`, which should have been given up")
                })?;
                let wait = back_off(store, key, *deployment);
                must(wait.is_none_or(|at| now >= at), || format!("`{action}` before its back-off is over"))
            }
            Action::Wake { id, .. } => must(matches!(sim.phase(*id), Some(Phase::Asleep(_)) | None), || {
                format!("`{action}`, which is awake")
            }),
            Action::SetLimits { key, id, limits } => {
                let known =
                    |d: &&dormouse_model::Deployment| d.process() == observed.instances[id].deployment;
                let svc = &store.desired.services[key];
                let wanted = std::iter::once(&svc.target).chain(&svc.live).find(known).map(|d| d.limits());
                must(wanted == Some(*limits) && observed.instances[id].limits != *limits, || {
                    format!("`{action}`, where {wanted:?} is wanted")
                })
            }
            Action::Look { id, .. } => {
                let i = &observed.instances[id];
                // As far as it was told: what comes in the same millisecond may be heard after it.
                let used = i.traffic.last_client_byte == Some(now);
                must(i.phase == Phase::Running && self.serves(i, now) && !used, || format!("`{action}`"))
            }
            Action::DarkWake { key, id, .. } => {
                let i = &observed.instances[id];
                let known = store.watchdogs.get(key).filter(|w| w.deployment == i.deployment);
                let due = known.is_some_and(|w| i.slept_at.is_none_or(|at| now.since(at) >= w.limit));
                let asleep = matches!(sim.phase(*id), Some(Phase::Asleep(_)) | None);
                must(due || self.is_look_in(now, &store.desired, observed, i), || {
                    format!("`{action}`, whose time is not up")
                })?;
                must(asleep, || format!("`{action}`, which is awake"))
            }
            Action::Sleep { key, id, .. } => {
                let svc = &store.desired.services[key];
                // One that is given up is over, though the start that failed last has yet to return.
                let tries =
                    store.ends.get(key).into_iter().flatten().filter(|e| e.deployment == svc.target.id);
                let over = svc.live.as_ref().is_some_and(|l| l.id == svc.target.id) || rounds(tries) >= 3;
                must(over, || format!("`{action}` during a rollout"))?;
                let i = &observed.instances[id];
                must(self.serves(i, now), || format!("`{action}`, which is not ready"))?;
                let tried = i.slept_at.is_some_and(|at| now.since(at) < Duration::from_secs(30));
                must(i.phase == Phase::Running || !tried, || {
                    format!("`{action}`, which was tried just now")
                })?;
                let siblings = observed.instances.values().filter(|o| {
                    o.id != i.id && o.deployment == i.deployment && self.serves(o, now) && o.key == *key
                });
                let older = |o: &&InstanceRecord| (o.started_at, o.id) < (i.started_at, i.id);
                // One that sleeps already may sleep deeper.
                let falls = i.phase == Phase::Running;
                let busy = siblings.filter(older).find(|o| falls && o.traffic.in_flight > 0);
                must(busy.is_none(), || {
                    format!("`{action}`, and {:?} works on a request", busy.map(|o| o.id))
                })?;
                self.unused(now, truth, i, key, action)
            }
            Action::Drain { key, id } => self.another(now, store, observed, key, *id, action),
            Action::Stop { key, id, why } => {
                let i = &observed.instances[id];
                match why {
                    StopReason::Idle => self.unused(now, truth, i, key, action),
                    StopReason::Hung | StopReason::Unhealthy => {
                        must(self.troubled.contains_key(id), || format!("`{action}`, which works"))
                    }
                    StopReason::NeverReady => {
                        let ready = sim.answer(*id) == Answer::Healthy && !self.slow.contains(&i.deployment);
                        must(!ready && edges.in_flight(*id) == 0, || format!("`{action}`, which is ready"))
                    }
                    StopReason::Replaced | StopReason::Surplus | StopReason::Removed => {
                        let cut = edges.in_flight(*id);
                        match i.draining_since {
                            Some(since) if now.since(since) < grace(store, key) && cut > 0 => {
                                wrong("it still works on requests")
                            }
                            None if self.serves(i, now) && !self.workers.contains(&i.deployment) => {
                                wrong("it was not drained")
                            }
                            Some(_) | None => Ok(()),
                        }
                    }
                }
            }
            Action::Promote { key, deployment } if is_job(&store.desired, key) => {
                let ends = store.ends.get(key).into_iter().flatten();
                let done = Cause::Exited(ExitStatus::Code(0));
                must(ends.into_iter().any(|e| e.deployment == *deployment && e.how == done), || {
                    format!("`{action}`, which is not done")
                })
            }
            Action::Promote { key, deployment } => {
                let svc = &store.desired.services[key];
                let mine = observed.instances.values().filter(|i| i.deployment == *deployment);
                let shown = mine.filter(|i| self.shows(svc, i, observed, now)).count();
                let most = if svc.live.is_some() { svc.target.replicas() } else { 1 };
                let ready = shown >= most;
                must(ready && svc.target.id == *deployment, || format!("`{action}`"))
            }
            Action::Fail { key, deployment, .. } => {
                let svc = &store.desired.services[key];
                let older = svc.live.as_ref().is_some_and(|l| l.id != *deployment);
                must(older && svc.target.id == *deployment, || {
                    format!("`{action}` with nothing to go back to")
                })?;
                let mine = observed.instances.values().filter(|i| i.deployment == *deployment);
                let works = mine.filter(|i| self.proves(svc, i, now)).count() >= svc.target.replicas();
                must(!works, || format!("`{action}`, which works"))
            }
            Action::RollBack { key, deployment, to, .. } => {
                let svc = &store.desired.services[key];
                let known = svc.replaced.iter().flat_map(|r| r.trusted.iter().chain([&r.deployment]));
                let before = known.into_iter().find(|d| d.id == *to).map(Deployment::process);
                let live = svc.live.as_ref().unwrap().process();
                let ends = || store.ends.get(key).into_iter().flatten().filter(|e| e.deployment == live);
                let waited = ends().any(|e| e.how == Cause::Stopped(StopReason::NeverReady));
                // The end that decides may be that of one which does not work, and is about to be stopped for it.
                let sick = |i: &InstanceRecord| !self.serves(i, now) || self.troubled.contains_key(&i.id);
                let mut mine = observed.instances.values().filter(|i| i.deployment == live);
                let late = mine.clone().any(|i| !self.serves(i, now));
                let bad = waited || late || rounds(ends()) + usize::from(mine.clone().any(sick)) >= 3;
                must(svc.live.as_ref().is_some_and(|l| l.id == *deployment), || format!("`{action}`"))?;
                must(before.is_some_and(|id| id != live), || {
                    format!("`{action}`, with nothing to go back to")
                })?;
                let several = svc.live.as_ref().is_some_and(|l| l.replicas() > 1);
                must(bad && (several || mine.all(sick)), || format!("`{action}`, which works"))
            }
            Action::Settle { key, .. } => {
                let at = store.desired.services[key].replaced.as_ref().map(|r| r.at);
                must(at.is_some_and(|at| now.since(at) >= Duration::from_secs(300)), || format!("`{action}`"))
            }
            Action::Remove { id, .. } => {
                must(matches!(sim.phase(*id), Some(Phase::Exited(_))), || format!("`{action}`, which runs"))
            }
        }
    }

    /// A new deployment is started only when the job of the same deploy has ended well.
    fn is_done(&self, store: &Store, key: &ServiceKey, deployment: DeploymentId, job: &ServiceKey) -> Held {
        let svc = &store.desired.services[key];
        let live = svc.live.as_ref().is_some_and(|live| live.process() == deployment);
        let Some(job) = store.desired.services.get(job).filter(|_| !live) else { return Ok(()) };
        let mut ends = store.ends.get(&job.key).into_iter().flatten();
        let well = ends.any(|e| e.deployment == job.target.id && e.how == Cause::Exited(ExitStatus::Code(0)));
        let live = job.live.as_ref().is_some_and(|live| live.id == job.target.id);
        let before = job.live.as_ref().is_some_and(|live| live.deploy >= svc.target.deploy);
        let same = job.target.deploy >= svc.target.deploy;
        must(before || same && (well || live), || {
            format!("{deployment} of {key} starts before its job is done")
        })
    }

    /// Until when somebody who listens may wait for a word of an instance, or of one that asks it.
    fn awaited_until(&self, svc: &DesiredService, observed: &Observed, i: &InstanceRecord) -> Option<Time> {
        let web = !self.workers.contains(&i.deployment) && !self.jobs.contains(&i.deployment);
        let mut visited = observed.instances.values().filter(|o| o.traffic.connections > o.traffic.private);
        let mut all = std::iter::once(&svc.target).chain(&svc.live);
        let policy = all.find(|d| d.process() == i.deployment)?.spec.sleep;
        let counts = web && policy.streams == Streams::Count && i.traffic.connections > 0;
        let said = i.traffic.last_client_byte.filter(|_| counts && visited.next().is_some())?;
        Some(said.after(policy.patience))
    }

    /// Whether a dark wake looks in on what somebody waits for: seldom, and not for ever.
    fn is_look_in(&mut self, now: Time, desired: &Desired, observed: &Observed, i: &InstanceRecord) -> bool {
        let until = desired.services.get(&i.key).and_then(|svc| self.awaited_until(svc, observed, i));
        let Some(until) = until else { return false };
        let (Some(last), Some(begun)) = (i.slept_at, i.asleep_since) else { return true };
        let looks = self.looks.entry((i.id, begun)).or_default();
        *looks += 1;
        last < until && (now.since(begun) >= Duration::from_secs(10) || now >= until) && *looks <= 8
    }

    /// Nobody listens for ever to what sleeps: it runs for a moment before it has slept for twice as long.
    fn is_looked_in(&self, desired: &Desired, observed: &Observed, actions: &[Action], now: Time) -> Held {
        for i in observed.instances.values().filter(|i| matches!(i.phase, Phase::Asleep(_))) {
            let (Some(svc), Some(last), Some(begun)) =
                (desired.services.get(&i.key), i.slept_at, i.asleep_since)
            else {
                continue;
            };
            let listened = i.traffic.connections > i.traffic.private;
            let told = svc.demand.sleep_at > i.traffic.last_client_byte;
            let alone = observed.instances.values().filter(|o| o.key == i.key).count() == 1;
            let ours = svc.target.process() == i.deployment && svc.live.as_ref() == Some(&svc.target);
            let until = self.awaited_until(svc, observed, i).filter(|_| listened && !told && alone && ours);
            let span = (last.since(begun) * 2).max(Duration::from_secs(10));
            let due = until.is_some_and(|until| now <= until) && now.since(begun) >= span;
            let wakes =
                |a: &Action| matches!(a, Action::Wake { .. } | Action::DarkWake { .. } | Action::Stop { .. });
            let subject = dormouse_planner::Subject::Instance(i.id);
            let heard = actions.iter().any(|a| a.subject() == subject && wakes(a));
            must(!due || heard, || format!("{} sleeps, and somebody listens to it", i.id))?;
        }
        Ok(())
    }

    /// Draining an instance that takes traffic leaves another one that does.
    fn another(
        &self,
        now: Time,
        store: &Store,
        observed: &Observed,
        key: &ServiceKey,
        id: InstanceId,
        action: &Action,
    ) -> Held {
        let Some(svc) = store.desired.services.get(key) else { return Ok(()) };
        let live = svc.live.as_ref().map(dormouse_model::Deployment::process);
        if Some(observed.instances[&id].deployment) != live {
            // A promotion took the traffic away from it; that its successor was ready is checked there.
            return Ok(());
        }
        let others: Vec<_> = observed
            .instances
            .values()
            .filter(|i| i.id != id && self.serves(i, now) && i.key == *key && Some(i.deployment) == live)
            .collect();
        must(!others.is_empty(), || format!("`{action}`, the last one that serves"))?;
        let wanted = svc.target.replicas();
        if svc.is_live() {
            let older = |i: &&&InstanceRecord| i.started_at <= observed.instances[&id].started_at;
            let kept = others.iter().filter(older).count();
            return must(kept >= wanted, || format!("`{action}`, and {kept} of {wanted} are older"));
        }
        // One of a version that is replaced one by one: as many as there are to be go on serving.
        let new = observed.instances.values().filter(|i| {
            i.deployment == svc.target.process()
                && i.draining_since.is_none()
                && self.shows(svc, i, observed, now)
        });
        let serve = others.len() + new.count();
        let had = svc.live.as_ref().map_or(0, Deployment::replicas);
        // Those that were left over go at any time.
        must(serve >= wanted || others.len() >= had, || format!("`{action}`, and {serve} of {wanted} serve"))
    }

    /// Going to sleep disturbs nobody.
    fn unused(
        &self,
        now: Time,
        truth: &Truth<'_>,
        i: &InstanceRecord,
        key: &ServiceKey,
        action: &Action,
    ) -> Held {
        let (Truth { store, edges, outside, .. }, id) = (truth, i.id);
        must(edges.in_flight(id) == 0, || format!("`{action}` with requests in flight"))?;
        must(!edges.shown_awake(id), || format!("`{action}` behind the edge's back"))?;
        let svc = &store.desired.services[key];
        let policy = &svc.target.spec.sleep;
        let said = edges.last_event(id).filter(|_| policy.streams == Streams::Count);
        let silence = edges.last_client_byte(id).max(said).map(|at| now.since(at));
        must(edges.messages(id) == 0 || silence.is_none_or(|s| s >= policy.patience), || {
            format!("`{action}`, which owes a reply since {silence:?}")
        })?;
        let Some(used) = edges.last_client_byte(id).max(svc.demand.wake_at) else { return Ok(()) };
        let told = svc.demand.sleep_at.is_some_and(|at| at > used);
        let idle = svc.target.spec.sleep.after.is_some_and(|after| now.since(used) >= after);
        must(told || idle, || format!("`{action}`, which was used {:?} ago", now.since(used)))?;
        // What it said just now, the edge has not told yet.
        let said = said.map(|at| now.since(at)).filter(|ago| *ago > Duration::from_millis(1500));
        must(told || said.is_none_or(|ago| policy.after.is_some_and(|after| ago >= after)), || {
            format!("`{action}`, which said something {said:?} ago")
        })?;
        if told || i.phase != Phase::Running {
            return Ok(());
        }
        // What began after the last look has to be told by its bytes.
        let seen = |at: &Time| now.since(*at) > Duration::from_secs(4);
        let of_interest = edges.last_client_byte(id).is_some_and(|at| now.since(at) < policy.patience);
        let waits = outside.waits_since(id).filter(seen).map(|at| now.since(at));
        must(!of_interest || waits.is_none_or(|ago| ago >= policy.patience), || {
            format!("`{action}`, which waits for an answer since {waits:?}")
        })?;
        let works = outside.works_since(id).max(i.woken_at).filter(seen);
        must(outside.works_since(id).is_none() || works.is_none(), || format!("`{action}`, which works"))
    }

    /// Nothing sleeps on somebody's request.
    pub(crate) fn nobody_waits_in_vain(&self, sim: &Sim, edges: &Edges) -> Held {
        let asleep = |id: &InstanceId| matches!(sim.phase(*id), Some(Phase::Asleep(_)));
        match edges.busy().find(asleep) {
            Some(id) => Err(format!("{id} sleeps on a request")),
            None => Ok(()),
        }
    }
}

/// How many instances there are to be of a service, as long as it is not replaced.
fn wanted_of(svc: &DesiredService) -> usize {
    svc.live.as_ref().map_or(0, Deployment::replicas).max(svc.target.replicas())
}

fn is_job(desired: &Desired, key: &ServiceKey) -> bool {
    desired.services.get(key).is_some_and(|svc| svc.target.spec.kind == ServiceKind::Job)
}

fn grace(store: &Store, key: &ServiceKey) -> Duration {
    store.desired.services.get(key).map_or(Duration::from_secs(30), |svc| svc.target.spec.stop_grace)
}

/// How often it ended: those that had been there when one ended count with it.
fn rounds<'a>(ends: impl Iterator<Item = &'a dormouse_model::End>) -> usize {
    let mut began = None;
    let mut begins = |end: &&dormouse_model::End| {
        let later = began.is_none_or(|began| end.started_at.is_none_or(|started| started >= began));
        if later {
            began = Some(end.at);
        }
        later
    };
    ends.filter(|end| begins(end)).count()
}

/// When the next start may be: half a second after the first end in a row, twice as long after each more of what was started
/// since, at most a minute.
fn back_off(store: &Store, key: &ServiceKey, deployment: DeploymentId) -> Option<Time> {
    let ends = store.ends.get(key)?.iter().filter(|e| e.deployment == deployment);
    let mut wait = None;
    let mut span = Duration::from_millis(500);
    let mut began = None;
    for end in ends {
        let healthy = end.ready_for.is_some_and(|d| d >= Duration::from_secs(300));
        if wait.is_none() || healthy {
            (span, began) = (Duration::from_millis(500), Some(end.at));
        } else if began.is_none_or(|began| end.started_at.is_none_or(|started| started >= began)) {
            (span, began) = ((span * 2).min(Duration::from_secs(60)), Some(end.at));
        }
        wait = Some(end.at.after(span));
    }
    wait
}
