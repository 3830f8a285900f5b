//! The hands, in memory: with a clock of its own, chance that can be repeated, and faults on demand.
//!
//! With no times set in [`Faults`] everything happens at once, and the simulator can be used under any executor.
//! Otherwise, and for the grace of an instance that does not obey, somebody has to move its clock
//! ([`Sim::advance_to`]).

mod builds;
mod clock;
mod process;
mod rng;
mod workloads;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_model::{Call, DeploymentId, Depths, ExitStatus, ImageId, InstanceId, Phase, ProjectName, Time};

use crate::{Damage, HostDisk, NetworkSpec, Notifier, Repair, WorkloadEvent};
use clock::{Timers, Until};
use process::Process;

use crate::InstanceSpec;
pub use builds::{MARK, Simulated};
pub use process::{Answer, Behaviour, Trouble};
pub use rng::Rng;

/// How long things take, and how often they go wrong, in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// How long a start takes.
    pub start_takes: Duration,
    /// How long going to sleep takes; half of it to freeze, half to push the memory out.
    pub sleep_takes: Duration,
    /// How long a wake takes.
    pub wake_takes: Duration,
    /// How long an instance takes to end when asked to.
    pub stop_takes: Duration,
    /// How long a build takes.
    pub build_takes: Duration,
    /// Starts that the host refuses.
    pub start_fails: u32,
    /// Sleeps that fail as a whole.
    pub sleep_fails: u32,
    /// Sleeps that get no further than frozen.
    pub page_out_fails: u32,
    /// Wakes that fail.
    pub wake_fails: u32,
    /// Changes of limits that fail.
    pub limits_fail: u32,
    /// Builds that fail.
    pub build_fails: u32,
}

/// The simulator. Clones share one world.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<World>>);

pub(crate) struct World {
    now: Time,
    rng: Rng,
    faults: Faults,
    depths: Depths,
    /// Whether others listen at the instances' addresses.
    is_listened_for: bool,
    next_pid: u32,
    processes: BTreeMap<InstanceId, Process>,
    logs: BTreeMap<InstanceId, Vec<crate::LogLine>>,
    networks: BTreeMap<ProjectName, NetworkSpec>,
    refused: BTreeSet<ProjectName>,
    missing: BTreeSet<ImageId>,
    behaviours: BTreeMap<DeploymentId, Behaviour>,
    events: Notifier,
    timers: Timers,
}

impl Sim {
    /// A host with swap, on which nothing fails, at `now`.
    #[must_use]
    pub fn new(seed: u64, now: Time) -> Self {
        Self(Arc::new(Mutex::new(World {
            now,
            rng: Rng::new(seed),
            faults: Faults::default(),
            depths: Depths::ALL,
            is_listened_for: false,
            next_pid: 1000,
            processes: BTreeMap::new(),
            logs: BTreeMap::new(),
            networks: BTreeMap::new(),
            refused: BTreeSet::new(),
            missing: BTreeSet::new(),
            behaviours: BTreeMap::new(),
            events: Notifier::default(),
            timers: Timers::default(),
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets time pass for an operation.
    async fn pass(&self, takes: Duration) {
        let at = self.now().after(takes);
        Until::new(Arc::clone(&self.0), at).await;
    }

    /// The time on the virtual clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.with(|w| w.now)
    }

    /// The next time at which something happens by itself.
    #[must_use]
    pub fn next_event(&self) -> Option<Time> {
        self.with(|w| w.processes.values().filter_map(|p| p.end().map(|e| e.0)).chain(w.timers.next()).min())
    }

    /// Moves the clock forward; instances whose time has come end on the way, each at its own time.
    pub fn advance_to(&self, to: Time) {
        let due = self.with(|w| {
            w.end_those_due(to);
            w.now = to.max(w.now);
            let now = w.now;
            w.timers.take(now)
        });
        due.into_iter().for_each(std::task::Waker::wake);
    }

    /// From now on, things take and fail as described.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|w| w.faults = faults);
    }

    /// Whether the host has swap.
    pub fn set_can_page(&self, can_page: bool) {
        self.with(|w| w.depths.paged = can_page);
    }

    /// How deeply instances can sleep.
    pub fn set_depths(&self, depths: Depths) {
        self.with(|w| w.depths = depths);
    }

    /// Others listen at the addresses of the instances, and probes go there.
    pub fn listen_outside(&self) {
        self.with(|w| w.is_listened_for = true);
    }

    /// Somebody takes the host's swap away: what was in it is read back.
    pub fn take_swap_away(&self) {
        self.with(|w| {
            w.depths.paged = false;
            let now = w.now;
            let paged =
                w.processes.values_mut().filter(|p| p.phase == Phase::Asleep(dormouse_model::Depth::Paged));
            paged.for_each(|p| p.go(Phase::Asleep(dormouse_model::Depth::Frozen), now));
        });
    }

    /// How instances of a deployment behave that are started from now on.
    pub fn behave(&self, deployment: DeploymentId, behaviour: Behaviour) {
        self.with(|w| w.behaviours.insert(deployment, behaviour));
    }

    /// Whether a project's network cannot be made or changed.
    pub fn refuse_network(&self, project: &ProjectName, refused: bool) {
        self.with(|w| if refused { w.refused.insert(project.clone()) } else { w.refused.remove(project) });
    }

    /// The kernel kills so many of an instance's processes for want of memory; the rest runs on.
    pub fn kill_some(&self, id: InstanceId, processes: u64) {
        self.with(|w| w.events.tell(WorkloadEvent::Killed(id, processes)));
    }

    /// Somebody damages these projects' networks, and they are made again.
    pub fn repair(&self, damage: Damage, projects: &[ProjectName], took: Duration) {
        let repair = Repair { damage, projects: projects.iter().cloned().collect(), took };
        self.with(|w| w.events.tell(WorkloadEvent::Repaired(repair)));
    }

    /// The host's disk has less or more room than before.
    pub fn set_disk(&self, disk: HostDisk) {
        self.with(|w| w.events.tell(WorkloadEvent::Disk(disk)));
    }

    /// The private networks there are.
    #[must_use]
    pub fn networks(&self) -> Vec<NetworkSpec> {
        self.with(|w| w.networks.values().cloned().collect())
    }

    /// Takes an image out of the store.
    pub fn forget_image(&self, image: ImageId) {
        self.with(|w| w.missing.insert(image));
    }

    /// Ends an instance as if by itself. Nothing happens to one that has ended, or that does not exist.
    pub fn crash(&self, id: InstanceId, how: ExitStatus) {
        self.with(|w| {
            let now = w.now;
            w.end(id, how, now);
        });
    }

    /// Makes an instance stop working, without ending.
    pub fn trouble(&self, id: InstanceId, trouble: Trouble) {
        self.with(|w| {
            if let Some(p) = w.processes.get_mut(&id) {
                p.trouble = Some(trouble);
            }
        });
    }

    /// The connections that an instance has opened are these from now on.
    pub fn set_calls(&self, id: InstanceId, calls: Vec<Call>) {
        self.with(|w| {
            if let Some(p) = w.processes.get_mut(&id) {
                p.calls = calls;
            }
        });
    }

    /// Whether an instance works without a pause from now on, while it is awake.
    pub fn set_working(&self, id: InstanceId, works: bool) {
        self.with(|w| {
            let now = w.now;
            if let Some(p) = w.processes.get_mut(&id) {
                p.worked = p.cpu(now) - p.awake(now) / 100;
                p.works = works.then_some(now);
            }
        });
    }

    /// Bytes arrive for an instance.
    pub fn arrive(&self, id: InstanceId) {
        self.with(|w| {
            let Some(p) = w.processes.get_mut(&id) else { return };
            let asleep = matches!(p.phase, Phase::Asleep(_));
            if asleep && !std::mem::replace(&mut p.stirred, true) {
                w.events.tell(WorkloadEvent::Stirred(id));
            }
        });
    }

    /// Whether an instance sleeps on bytes that arrived for it.
    #[must_use]
    pub fn stirred(&self, id: InstanceId) -> bool {
        self.with(|w| w.processes.get(&id).is_some_and(|p| p.stirred))
    }

    /// Where an instance is; `None` when it does not exist.
    #[must_use]
    pub fn phase(&self, id: InstanceId) -> Option<Phase> {
        self.with(|w| w.processes.get(&id).map(|p| p.phase))
    }

    /// What an instance was started with; `None` when it does not exist.
    #[must_use]
    pub fn spec(&self, id: InstanceId) -> Option<InstanceSpec> {
        self.with(|w| w.processes.get(&id).map(|p| p.spec.clone()))
    }

    /// What a probe of an instance gets now.
    #[must_use]
    pub fn answer(&self, id: InstanceId) -> Answer {
        self.with(|w| w.processes.get(&id).map_or(Answer::Refused, |p| p.answer(w.now)))
    }
}

impl World {
    /// Ends a process, and tells about it.
    fn end(&mut self, id: InstanceId, how: ExitStatus, at: Time) {
        let Some(p) = self.processes.get_mut(&id).filter(|p| !matches!(p.phase, Phase::Exited(_))) else {
            return;
        };
        p.go(Phase::Exited(how), at);
        self.events.tell(WorkloadEvent::Ended(id));
    }

    /// A supervisor looks at its processes, for the first time since they were frozen.
    fn look(&mut self, id: InstanceId) {
        if let Some(seen) = self.processes.get(&id).and_then(|p| p.look(self.now)) {
            self.events.tell(WorkloadEvent::Noticed(id, seen));
        }
    }

    fn end_those_due(&mut self, to: Time) {
        while let Some((at, how, id)) = self
            .processes
            .iter()
            .filter_map(|(id, p)| p.end().map(|(at, how)| (at, how, *id)))
            .filter(|(at, ..)| *at <= to)
            .min_by_key(|(at, _, id)| (*at, *id))
        {
            self.end(id, how, at);
        }
    }
}

#[cfg(test)]
mod tests;
