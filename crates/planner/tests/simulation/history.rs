//! One history: chaos for a while, then calm, then everything has to be as it was asked for.

use std::{collections::BTreeSet, time::Duration};

use dormouse_backend::{
    NetworkSpec, Workload, Workloads,
    sim::{Behaviour, Faults, Rng, Sim},
};
use dormouse_model::{
    Deployment, DeploymentId, Depth, Depths, DesiredService, Phase, ServiceKey, Streams, Time,
};

use crate::{
    Broken, Tally,
    control::{Control, World, list, now_or_never},
    edge::Heard,
    edges::Edges,
    outside::Outside,
    rules::Rules,
    store::Store,
};

/// When histories begin.
pub(crate) const BEGIN: Time = Time(1_000_000_000);
/// How long the chaos lasts.
const CHAOS: Duration = Duration::from_secs(100);
/// Time in which everything has to recover: the longest back-off, start timeout, patience of a client, grace, and
/// second try to page out.
const RECOVERY: Duration = Duration::from_secs(240);
/// Time in which a last request to every service has to be answered, and everything to fall asleep again.
const LAST: Duration = Duration::from_secs(120);

/// Edges at a time.
const MOST_EDGES: usize = 4;

pub(crate) struct History {
    seed: u64,
    tells: bool,
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    pub(crate) sim: Sim,
    pub(crate) store: Store,
    pub(crate) edges: Edges,
    pub(crate) outside: Outside,
    pub(crate) rules: Rules,
    pub(crate) control: Option<Control>,
    /// Services without a port.
    pub(crate) workers: BTreeSet<ServiceKey>,
    /// A service that runs once at each deploy of it, if there is one, which others wait for.
    pub(crate) job: Option<ServiceKey>,
    control_back_at: Option<Time>,
    chaos_at: Option<Time>,
    tally: Tally,
    story: Vec<String>,
}

impl History {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut rng = Rng::new(seed);
        let sim = Sim::new(rng.draw(), BEGIN);
        let network = NetworkSpec {
            project: "shop".parse().unwrap(),
            gateway: [10, 9, 1, 1].into(),
            prefix: 24,
            more: vec![],
            vips: vec![],
        };
        now_or_never(sim.ensure_network(&network)).unwrap();
        let mut store = Store::default();
        store.desired.depths = Depths::ALL;
        sim.set_faults(calm());
        let workers = if rng.chance(300) { ["shop/db".parse().unwrap()].into() } else { BTreeSet::new() };
        let job = rng.chance(400).then(|| "shop/job".parse().unwrap());
        let control = Control::new(&sim, std::iter::empty());
        Self {
            seed,
            tells,
            now: BEGIN,
            rng,
            sim,
            store,
            edges: Edges::new(BEGIN),
            outside: Outside::default(),
            rules: Rules::default(),
            control: Some(control),
            workers,
            job,
            control_back_at: None,
            chaos_at: Some(BEGIN),
            tally: Tally::new(),
            story: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.tells {
            self.story.push(format!("{:>9.3}  {}", self.now.since(BEGIN).as_secs_f64(), what()));
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub(crate) fn run(mut self) -> Result<Tally, Box<Broken>> {
        match self.live() {
            Ok(()) => Ok(self.tally),
            Err(why) => {
                let why = format!("{why}, {:?} after its beginning", self.now.since(BEGIN));
                Err(Box::new(Broken { seed: self.seed, why, story: self.story }))
            }
        }
    }

    fn live(&mut self) -> Result<(), String> {
        self.deploy();
        self.run_until(BEGIN.after(CHAOS))?;
        self.calm_down();
        self.run_until(BEGIN.after(CHAOS + RECOVERY))?;
        self.all_is_well()?;
        let servers: Vec<_> =
            self.store.desired.services.keys().filter(|key| self.has_port(key)).cloned().collect();
        for key in servers {
            self.edges.request(key, Duration::from_millis(50), self.now);
        }
        self.run_until(BEGIN.after(CHAOS + RECOVERY + LAST))?;
        self.all_is_well()
    }

    fn run_until(&mut self, end: Time) -> Result<(), String> {
        loop {
            self.step()?;
            let next = [
                self.chaos_at,
                self.control_back_at,
                self.sim.next_event(),
                self.edges.next_event(),
                self.outside.next_event(),
                self.control.as_ref().and_then(Control::next_event),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            if next >= end {
                self.now = end;
                self.sim.advance_to(end);
                return Ok(());
            }
            self.now = next.max(Time(self.now.0 + 1));
            self.sim.advance_to(self.now);
        }
    }

    fn step(&mut self) -> Result<(), String> {
        if self.chaos_at.is_some_and(|at| at <= self.now) {
            self.something_happens()?;
            self.chaos_at = Some(self.now.after(Duration::from_millis(1 + self.rng.below(8000))));
        }
        if self.control_back_at.is_some_and(|at| at <= self.now) {
            self.control_back_at = None;
            self.control = Some(Control::new(&self.sim, self.edges.ids()));
            self.edges.control_back(|| self.now.after(Duration::from_millis(self.rng.below(100))));
            self.tell(|| "control is back".to_owned());
        }
        self.outside.step(self.now, &self.sim);
        // What one of them does may concern the other at once.
        for round in 0..2 {
            let heard = self.edges.step(self.now, &self.sim, &mut self.tally)?;
            if round > 0 && heard.is_empty() {
                break;
            }
            let Some(control) = &mut self.control else { break };
            for heard in heard {
                match heard {
                    Heard::Connected(id) => control.hear_connected(id),
                    Heard::Report(id, report) => drop(control.edges.report(id, report)),
                    Heard::Gone(id) => drop(control.edges.gone(id)),
                    Heard::Wake(key) => {
                        if let Some(svc) = self.store.desired.services.get_mut(&key) {
                            svc.demand.wake_at = Some(self.now);
                        }
                    }
                }
            }
            let mut world = World {
                now: self.now,
                sim: &self.sim,
                store: &mut self.store,
                edges: &mut self.edges,
                outside: &self.outside,
                rules: &mut self.rules,
                tally: &mut self.tally,
                story: &mut self.story,
                tell: self.tells,
                lags: std::array::from_fn(|_| Duration::from_millis(self.rng.below(20))),
            };
            *world.tally.entry("step").or_default() += 1;
            control.tick(&mut world)?;
        }
        self.rules.nobody_waits_in_vain(&self.sim, &self.edges)
    }

    /// Control is killed: what it was doing stays half done, and what it did not write down is forgotten.
    pub(crate) fn control_dies(&mut self) {
        self.tell(|| "control dies".to_owned());
        self.count("control restarted");
        self.control = None;
        self.edges.control_gone();
        self.control_back_at = Some(self.now.after(Duration::from_millis(self.rng.below(3000))));
    }

    /// A server takes over from another: a new edge begins, and the old one carries what it has to its end.
    pub(crate) fn hand_over(&mut self) {
        if self.edges.count() >= MOST_EDGES {
            return;
        }
        self.tell(|| "the edge hands over".to_owned());
        *self.tally.entry("edge handed over").or_default() += 1;
        let at = self.connects_at();
        self.edges.hand_over(self.now, at);
    }

    pub(crate) fn edge_dies(&mut self) {
        self.tell(|| "the edge dies".to_owned());
        *self.tally.entry("edge killed").or_default() += 1;
        let at = self.connects_at();
        self.edges.kill(self.now, at);
    }

    /// When a new edge finds control.
    fn connects_at(&mut self) -> Option<Time> {
        let at = self.now.after(Duration::from_millis(self.rng.below(100)));
        self.control.is_some().then_some(at)
    }

    /// From now on nothing happens by itself, and everything that is started works.
    fn calm_down(&mut self) {
        self.tell(|| "calm".to_owned());
        self.chaos_at = None;
        self.sim.set_faults(calm());
        self.sim.set_can_page(true);
        self.outside.calm_down(self.now, &self.sim);
        self.store.desired.depths = Depths::ALL;
        let works = Behaviour { ready_after: Some(Duration::from_millis(300)), ..Behaviour::default() };
        for id in 1..=self.store.last_deployment {
            self.sim.behave(DeploymentId(id), works.clone());
        }
        self.deploy_what_failed();
    }

    /// Whether requests are sent to it.
    pub(crate) fn has_port(&self, key: &ServiceKey) -> bool {
        !self.workers.contains(key) && self.job.as_ref() != Some(key)
    }

    /// The last time something asked for a service or for one that needs it.
    fn woken(&self, key: &ServiceKey) -> Option<Time> {
        let services = self.store.desired.services.values();
        services.filter(|s| s.key == *key || s.needs.contains(key)).filter_map(|s| s.demand.wake_at).max()
    }

    /// Whether somebody sent all services to sleep, and nothing has asked for one since.
    fn rest_together(&self) -> bool {
        let all = self.store.desired.services.values();
        let servers: Vec<_> = all.filter(|s| self.job.as_ref() != Some(&s.key)).collect();
        let rests = |svc: &DesiredService| {
            let mine = list(&self.sim).into_iter().filter(|w| w.key == svc.key);
            let used = mine.filter_map(|w| self.edges.last_client_byte(w.id)).max();
            svc.demand.sleep_at > used.max(self.woken(&svc.key)).max(Some(svc.target.created_at))
        };
        servers.len() > 1 && servers.into_iter().all(rests)
    }

    /// Whether its supervisor notices any sleep that is worth it.
    fn notices_all(&self, key: &ServiceKey, d: &Deployment) -> bool {
        let known = self.store.watchdogs.get(key).filter(|w| w.deployment == d.process());
        known.is_some_and(|w| w.limit < Duration::from_secs(5))
    }

    fn all_is_well(&self) -> Result<(), String> {
        let open = self.edges.open();
        if open > 0 {
            return Err(format!("{open} requests are still not answered"));
        }
        let mut left = list(&self.sim);
        // What services that were sent to sleep together say to each other is for later.
        let rests = self.rest_together();
        if let Some(w) = left.iter().find(|w| self.sim.stirred(w.id)).filter(|_| !rests) {
            return Err(format!("{} sleeps on bytes that arrived", w.id));
        }
        for (key, svc) in &self.store.desired.services {
            let target = &svc.target;
            if svc.live.as_ref() != Some(target) {
                return Err(format!("{key} is still rolling out"));
            }
            let (mine, others): (Vec<_>, _) = left.into_iter().partition(|w| w.key == *key);
            left = others;
            if self.job.as_ref() == Some(key) {
                match mine.as_slice() {
                    [] => continue,
                    still => return Err(format!("{key} is done, and is {still:?}")),
                }
            }
            let sleep = target.spec.sleep;
            let said = mine.iter().filter(|w| self.edges.is_listened_to(w.id));
            let said = said.filter_map(|w| self.edges.last_client_byte(w.id)).max();
            let hopes = said.filter(|_| sleep.streams == Streams::Count);
            let hopes = hopes.is_some_and(|at| self.now.since(at) < sleep.patience);
            let asleep = match sleep.depth {
                // Whoever listens would be cut off.
                Depth::Stopped if hopes && svc.demand.sleep_at < said => Some(Phase::Asleep(Depth::Paged)),
                Depth::Stopped => None,
                depth @ (Depth::Frozen | Depth::Paged) => Some(Phase::Asleep(depth)),
            };
            // What was told to sleep, and not used since, sleeps without an idle time too.
            let used = mine.iter().filter_map(|w| self.edges.last_client_byte(w.id)).max();
            let active = used.max(self.woken(key)).max(Some(target.created_at));
            let told = svc.demand.sleep_at > active;
            let sleeps =
                (sleep.after.is_some() || told) && !(asleep.is_some() && self.notices_all(key, target));
            let wanted = if sleeps { asleep } else { Some(Phase::Running) };
            let ours = |w: &Workload| w.deployment == target.process() && w.limits == target.limits();
            // Of what sleeps without a process only those stay that somebody listens to.
            let some = asleep.is_none() || sleep.depth == Depth::Stopped;
            let enough = mine.len() == target.replicas() || some && mine.len() < target.replicas();
            if !(mine.is_empty() || enough && mine.iter().all(ours)) {
                let n = target.replicas();
                return Err(format!("{key} should be {n} of {}, and is {mine:?}", target.id));
            }
            let all = if mine.is_empty() { vec![None] } else { mine.iter().map(|w| Some(w.phase)).collect() };
            for is in all {
                // Workers have no idle time.
                let worker = self.workers.contains(key) && [asleep, Some(Phase::Running)].contains(&is);
                // What slept deeper by an earlier policy stays as it is.
                let deeper = target.continues.is_some()
                    && (wanted, is)
                        == (Some(Phase::Asleep(Depth::Frozen)), Some(Phase::Asleep(Depth::Paged)));
                // While somebody listens to another service, who may wait for this one.
                let perhaps = sleep.depth == Depth::Stopped && is == Some(Phase::Asleep(Depth::Paged));
                let perhaps = perhaps && mine.iter().any(|w| self.edges.has_socket(w.id));
                if wanted != is && !worker && !deeper && !perhaps {
                    return Err(format!("{key} should be {wanted:?}, and is {mine:?}"));
                }
            }
        }
        if left.is_empty() { Ok(()) } else { Err(format!("left over: {left:?}")) }
    }
}

/// A host on which things take their time, and work.
fn calm() -> Faults {
    Faults {
        start_takes: Duration::from_millis(30),
        sleep_takes: Duration::from_millis(300),
        wake_takes: Duration::from_millis(5),
        stop_takes: Duration::from_millis(200),
        ..Faults::default()
    }
}
