//! One service with what exists of it.

use std::time::Duration;

use dormouse_model::{
    Deployment, DeploymentId, Depth, DesiredService, End, InstanceRecord, Phase, ServiceKind, SleepPolicy,
    Time, Watchdog,
};

use crate::{clock::Clock, index::Index};

/// A worker that has run for this long counts as ready.
pub(crate) const WORKER_SETTLE: Duration = Duration::from_secs(3);

/// What keeps a target from being started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// A job is not done yet, or another service not ready.
    Waits,
    /// That has failed: what there is to say of what waits for it, in one line.
    Failed(String),
}

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

    /// The wanted deployment that an instance is of.
    pub(crate) fn deployment_of(&self, i: &InstanceRecord) -> Option<&'a Deployment> {
        std::iter::once(&self.svc.target).chain(self.older()).find(|d| d.process() == i.deployment)
    }

    /// Whether the target has been live.
    pub(crate) fn promoted(&self) -> bool {
        self.svc.is_live()
    }

    /// Whether it can sleep on this host: with its memory, unless it is to go without.
    pub(crate) fn can_sleep(&self, d: &Deployment) -> bool {
        self.index.desired.depths.reached(d.spec.sleep.depth).is_some()
    }

    /// Last time something asked for the instances of a process: of several of them, what one is asked keeps all awake.
    pub(crate) fn asked_for(&self, process: DeploymentId) -> Option<Time> {
        let mine = self.alive.iter().filter(|i| i.deployment == process);
        mine.filter_map(|i| i.traffic.last_client_byte).max().max(self.wake)
    }

    /// How its service sleeps.
    pub(crate) fn sleep_of(&self, i: &InstanceRecord) -> Option<&'a SleepPolicy> {
        self.index.desired.services.get(&i.key).map(|svc| &svc.target.spec.sleep)
    }

    /// What there is of the other services of its project.
    pub(crate) fn others(&self) -> impl Iterator<Item = &'a InstanceRecord> {
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
