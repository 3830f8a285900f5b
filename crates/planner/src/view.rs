//! One service with what exists of it.

use std::time::Duration;

use dormouse_model::{
    Deployment, Depth, DesiredService, End, InstanceRecord, Phase, ServiceKind, Time, Watchdog,
};

use crate::{
    awake, backoff,
    clock::Clock,
    index::Index,
    job::{self, Hold},
    look_in,
    standing::WORKER_SETTLE,
    trial, words,
};

/// A wanted service and its instances, sorted by what they are to it.
pub(crate) struct View<'a> {
    pub(crate) svc: &'a DesiredService,
    index: &'a Index<'a>,
    /// Neither ended nor draining.
    pub(crate) alive: Vec<&'a InstanceRecord>,
    pub(crate) draining: Vec<&'a InstanceRecord>,
    pub(crate) ends: &'a [End],
    pub(crate) watchdog: Option<&'a Watchdog>,
    pub(crate) pinger: Option<&'a Watchdog>,
    /// Last time something asked for it, or for one that needs it, to be awake.
    pub(crate) wake: Option<Time>,
    /// What keeps its target from being started.
    pub(crate) hold: Option<Hold>,
    pub(crate) clock: &'a Clock,
}

impl<'a> View<'a> {
    pub(crate) fn new(index: &'a Index<'a>, svc: &'a DesiredService, clock: &'a Clock) -> Self {
        let observed = index.observed;
        let mine = index.of(&svc.key).iter().copied().filter(|i| !ended(i));
        let (draining, alive) = mine.partition(|i| i.draining_since.is_some());
        Self {
            svc,
            index,
            alive,
            draining,
            ends: observed.ends_of(&svc.key),
            watchdog: observed.watchdogs.get(&svc.key),
            pinger: observed.pingers.get(&svc.key),
            wake: index.wake(&svc.key),
            hold: None,
            clock,
        }
    }

    /// With what keeps its target from being started.
    pub(crate) fn held(self, hold: Option<&Hold>) -> Self {
        Self { hold: hold.cloned(), ..self }
    }

    /// The deployment being replaced, while a rollout is under way.
    pub(crate) fn older(&self) -> Option<&'a Deployment> {
        self.svc.live.as_ref().filter(|live| live.id != self.svc.target.id)
    }

    /// Whether the target has been live.
    pub(crate) fn promoted(&self) -> bool {
        self.svc.is_live()
    }

    /// Whether another service of its project works on a request or a message.
    pub(crate) fn others_work(&self) -> bool {
        self.others().any(|i| i.traffic.in_flight > 0 || i.traffic.messages > 0)
    }

    /// Whether another service of its project works on a visitor's request or message.
    pub(crate) fn others_serve(&self, patience: Duration) -> bool {
        let hopes = |i: &InstanceRecord| {
            let said = i.traffic.last_client_byte.max(i.traffic.last_event);
            i.traffic.messages > 0 && said.is_some_and(|at| !self.clock.passed(at, patience))
        };
        self.others().any(|i| i.traffic.visits() > 0 || hopes(i))
    }

    /// Whether a visitor listens to another service of its project, which may have asked it for what he waits for.
    pub(crate) fn others_are_listened_to(&self) -> bool {
        let hopes = |i: &InstanceRecord| {
            let svc = self.index.desired.services.get(&i.key)?;
            look_in::hopes_until(i, &svc.target.spec.sleep)
        };
        self.others()
            .filter(|i| look_in::is_listened_to(i))
            .filter_map(hopes)
            .any(|until| !self.clock.reached(until))
    }

    /// Whether another service of its project has begun an answer to a third, or to it, that has not ended.
    pub(crate) fn others_answer(&self) -> bool {
        let awake = |i: &&InstanceRecord| asleep(i).is_none();
        self.others().filter(awake).any(|i| {
            let svc = self.index.desired.services.get(&i.key);
            svc.is_some_and(|svc| awake::unfinished(i, &svc.target.spec.sleep, self.clock))
        })
    }

    fn others(&self) -> impl Iterator<Item = &'a InstanceRecord> {
        let key = &self.svc.key;
        let all = self.index.beside(&key.project).iter().copied();
        all.filter(move |i| !ended(i) && i.key.service != key.service)
    }

    /// Whether somebody sent it to sleep with all others of its project, and nothing has asked for any of them since.
    pub(crate) fn rests_with_others(&self) -> bool {
        let (project, index) = (&self.svc.key.project, self.index);
        let all = index.services().iter().filter(|s| s.key.project == *project);
        let all: Vec<_> = all.filter(|s| s.target.spec.kind != ServiceKind::Job).collect();
        let rests = |s: &&&DesiredService| {
            let used = index.of(&s.key).iter().filter_map(|i| i.traffic.last_client_byte).max();
            s.demand.sleep_at > used.max(index.wake(&s.key)).max(Some(s.target.created_at))
        };
        all.len() > 1 && all.iter().all(rests)
    }

    /// Whether an instance takes traffic.
    pub(crate) fn ready(&self, i: &InstanceRecord, d: &Deployment) -> bool {
        match d.spec.kind {
            ServiceKind::Web => i.probe.ready_at.is_some() || asleep(i).is_some(),
            // Nobody can ask a worker: one that keeps running is taken to work.
            ServiceKind::Worker => asleep(i).is_some() || self.clock.passed(i.started_at, WORKER_SETTLE),
            // It is done when it has ended.
            ServiceKind::Job => false,
        }
    }

    /// Whether an instance shows that its deployment works.
    pub(crate) fn proven(&self, i: &InstanceRecord, d: &Deployment) -> bool {
        trial::proven(self, i, d)
    }

    /// The one instance of a deployment that is to exist: the oldest ready one, so that the choice never changes.
    pub(crate) fn keep(&self, d: &Deployment) -> Option<&'a InstanceRecord> {
        let mine = self.alive.iter().filter(|i| i.deployment == d.process());
        mine.min_by_key(|i| (!self.ready(i, d), i.started_at, i.id)).copied()
    }

    /// The deployment that takes the traffic.
    pub(crate) fn serving(&self) -> &'a Deployment {
        let target = &self.svc.target;
        let ready = |d: &Deployment| self.keep(d).is_some_and(|i| self.ready(i, d));
        let proven = self.keep(target).is_some_and(|i| self.proven(i, target));
        match self.older() {
            Some(older) if !proven && (ready(older) || !ready(target)) => older,
            Some(_) | None => target,
        }
    }

    /// Why the rollout of the target is to be given up, if there is something older to go back to.
    pub(crate) fn given_up(&self) -> Option<String> {
        self.given_up_after(self.ends)
    }

    /// The same, had its instances ended in these ways.
    pub(crate) fn given_up_after(&self, ends: &[End]) -> Option<String> {
        self.older()?;
        let target = &self.svc.target;
        match (&self.hold, target.spec.kind) {
            (Some(Hold::Failed(why)), _) => return Some(why.clone()),
            (None | Some(Hold::Waits), ServiceKind::Job) => {
                return job::failed(ends, target).map(|end| words::explain(end, &target.spec));
            }
            (None | Some(Hold::Waits), ServiceKind::Web | ServiceKind::Worker) => {}
        }
        let last = backoff::last(ends, target.process())?;
        let why = words::explain(last, &target.spec);
        match backoff::count(ends, target.process()) {
            _ if backoff::never_ready(last) => Some(why),
            n if n >= backoff::CRASH_LOOP => Some(words::times(&why, n)),
            _too_few => None,
        }
    }
}

/// Whether nothing of it runs any more.
pub(crate) fn ended(i: &InstanceRecord) -> bool {
    match i.phase {
        Phase::Exited(_) | Phase::Asleep(Depth::Stopped) => true,
        Phase::Running | Phase::Asleep(Depth::Frozen | Depth::Paged) => false,
    }
}

/// How deeply it sleeps, if it does.
pub(crate) fn asleep(i: &InstanceRecord) -> Option<Depth> {
    match i.phase {
        Phase::Asleep(depth @ (Depth::Frozen | Depth::Paged)) => Some(depth),
        Phase::Asleep(Depth::Stopped) | Phase::Running | Phase::Exited(_) => None,
    }
}
