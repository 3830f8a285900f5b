//! What happens to a platform.

use std::time::Duration;

use dormouse_backend::{
    InstanceSpec, Workloads,
    sim::{Behaviour, Faults, Rng, Trouble},
};
use dormouse_model::{
    Ask, Demand, DeployId, Deployment, Depth, DesiredService, ExitStatus, HealthSpec, ImageId, Limits, Phase,
    Serves, ServiceKey, ServiceKind, ServiceSpec, SleepPolicy, Streams, Visibility,
    server::{How, Server},
};

use crate::{control::now_or_never, history::History, outside::any_running};

const NAMES: [&str; 3] = ["shop/api", "shop/db", "shop/web"];

fn ms(rng: &mut Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(from + rng.below(to - from))
}

impl History {
    /// One thing that happens.
    pub(crate) fn something_happens(&mut self) -> Result<(), String> {
        match self.rng.below(100) {
            // Without control nobody hears what people want.
            0..15 | 52..64 if self.control.is_none() => {}
            0..4 => self.change_policy(),
            4..12 => self.deploy(),
            12..15 => self.remove_service(),
            15..40 => self.traffic(),
            40..46 => self.socket()?,
            46..52 => self.acts_by_itself(),
            52..58 => self.user_says(true),
            58..64 => self.user_says(false),
            64..74 => self.crash(),
            74..79 => self.trouble(),
            79..89 => self.control_dies(),
            89..94 => self.faults(),
            94..96 => self.leftover(),
            96..98 => {
                self.hand_over();
                // Control is replaced too.
                if self.control.is_some() && self.rng.chance(500) {
                    self.control_dies();
                }
            }
            98 => self.edge_dies(),
            _ => {
                let can_page = self.rng.chance(800);
                self.store.desired.can_page = can_page;
                self.sim.set_can_page(can_page);
            }
        }
        Ok(())
    }

    pub(crate) fn deploy(&mut self) {
        let key: ServiceKey = self.rng.pick(&NAMES).parse().unwrap();
        let id = self.store.next_deployment();
        let behaviour = self.behaviour();
        if self.rng.chance(300) {
            self.rules.one_by_one.insert(id);
        }
        if self.workers.contains(&key) {
            self.rules.workers.insert(id);
        }
        let spec = self.spec(&key);
        if behaviour.ready_after.is_some_and(|after| after >= spec.health.start_timeout) {
            self.rules.slow.insert(id);
        }
        self.tell(|| format!("deploy {key} {id}: {behaviour:?}"));
        self.sim.behave(id, behaviour);
        let target = Deployment {
            id,
            deploy: DeployId(id.0),
            image: ImageId("sha256:aa".into()),
            spec,
            created_at: self.now,
            continues: None,
        };
        let needs =
            NAMES.iter().map(|n| n.parse().unwrap()).filter(|n| *n > key && self.rng.chance(400)).collect();
        let fresh = DesiredService {
            key: key.clone(),
            target: target.clone(),
            live: None,
            demand: Demand::default(),
            needs,
        };
        let svc = self.store.desired.services.entry(key).or_insert(fresh);
        svc.target = target;
    }

    /// A deploy that changes nothing that a process is started with.
    fn change_policy(&mut self) {
        let Some(key) = self.store.any_service(&mut self.rng) else { return };
        let id = self.store.next_deployment();
        let memory = *self.rng.pick(&[256, 512, 1024]) << 20;
        let mut spec = self.spec(&key);
        spec.limits.memory = memory;
        let svc = self.store.desired.services.get_mut(&key).unwrap();
        let Some(live) = svc.live.as_ref() else { return };
        let new = Deployment { id, spec, continues: Some(live.process()), ..live.clone() };
        (svc.target, svc.live) = (new.clone(), Some(new));
        self.tell(|| format!("deploy {key} {id} without a restart"));
        self.count("deployed without a restart");
    }

    fn spec(&mut self, key: &ServiceKey) -> ServiceSpec {
        let rng = &mut self.rng;
        let after = *rng.pick(&[None, Some(2), Some(5), Some(5), Some(20)]);
        ServiceSpec {
            name: key.service.clone(),
            kind: if self.workers.contains(key) { ServiceKind::Worker } else { ServiceKind::Web },
            source: ".".to_owned(),
            start: None,
            package: None,
            requirements: None,
            install: Vec::new(),
            workdir: None,
            origins: dormouse_model::Origins::default(),
            port: 8000,
            health: HealthSpec {
                ask: if rng.chance(300) { Ask::Path("/up".to_owned()) } else { Ask::default() },
                server: Some(Serves { by: Server::Other, how: How::Command }),
                interval: Duration::from_secs(5),
                timeout: Duration::from_secs(1),
                start_timeout: Duration::from_secs(15),
                failures: 3,
                hang_timeout: Duration::from_secs(25),
            },
            needs: [].into(),
            limits: Limits::default(),
            env: [].into(),
            stored: [].into(),
            visibility: Visibility::Public,
            sleep: SleepPolicy {
                after: after.map(Duration::from_secs),
                depth: *rng.pick(&[Depth::Frozen, Depth::Paged, Depth::Paged, Depth::Stopped]),
                streams: *rng.pick(&[Streams::Count, Streams::Count, Streams::Ignore]),
                patience: Duration::from_secs(*rng.pick(&[8, 900, 900])),
            },
            stop_grace: Duration::from_secs(10),
            packages: [].into(),
            left_out: [].into(),
            include: [].into(),
            aliases: [].into(),
        }
    }

    fn behaviour(&mut self) -> Behaviour {
        let rng = &mut self.rng;
        let how = *rng.pick(&[ExitStatus::Code(1), ExitStatus::Signal(11), ExitStatus::OutOfMemory]);
        let healthy = Behaviour { ready_after: Some(ms(rng, 20, 3000)), ..Behaviour::default() };
        match rng.below(100) {
            0..12 => {
                Behaviour { ready_after: None, ends: Some((ms(rng, 10, 3000), how)), ..Behaviour::default() }
            }
            12..18 => Behaviour { ready_after: None, ..healthy },
            18..28 => Behaviour { ends: Some((ms(rng, 3000, 30_000), how)), ..healthy },
            28..35 => Behaviour { ready_after: Some(ms(rng, 5000, 20_000)), ..healthy },
            35..40 => Behaviour { obeys: false, ..healthy },
            // Noticed by the way it is woken, or so short that it has to stay awake.
            40..52 => Behaviour { patience: Some(ms(rng, 6000, 20_000)), ..healthy },
            _ => healthy,
        }
    }

    fn remove_service(&mut self) {
        if let Some(key) = self.store.any_service(&mut self.rng) {
            self.tell(|| format!("down {key}"));
            self.store.desired.services.remove(&key);
            self.store.ends.remove(&key);
            self.store.watchdogs.remove(&key);
            for svc in self.store.desired.services.values_mut() {
                svc.needs.remove(&key);
            }
        }
    }

    fn any_web(&mut self) -> Option<ServiceKey> {
        self.store.any_service(&mut self.rng).filter(|key| !self.workers.contains(key))
    }

    fn traffic(&mut self) {
        let Some(key) = self.any_web() else { return };
        for _ in 0..=self.rng.below(3) {
            let takes = if self.rng.chance(200) {
                ms(&mut self.rng, 5000, 20_000)
            } else {
                ms(&mut self.rng, 1, 500)
            };
            self.tell(|| format!("request to {key} that takes {takes:?}"));
            self.edges.request(key.clone(), takes, self.now);
        }
    }

    fn socket(&mut self) -> Result<(), String> {
        let Some(key) = self.any_web() else { return Ok(()) };
        self.tell(|| format!("a socket of {key}"));
        for _ in 0..=self.rng.below(3) {
            self.edges.socket(&key, &mut self.rng, self.now, &self.sim)?;
        }
        Ok(())
    }

    fn acts_by_itself(&mut self) {
        let Some(id) = any_running(&mut self.rng, &self.sim) else { return };
        if self.rng.chance(700) {
            self.tell(|| format!("{id} calls somebody"));
            self.outside.call(id, &mut self.rng, self.now, &self.sim);
        } else {
            let takes = ms(&mut self.rng, 1000, 30_000);
            self.tell(|| format!("{id} works for {takes:?}"));
            self.outside.work(id, takes, self.now, &self.sim);
        }
    }

    fn user_says(&mut self, wake: bool) {
        let Some(key) = self.store.any_service(&mut self.rng) else { return };
        self.tell(|| format!("user: {} {key}", if wake { "wake" } else { "sleep" }));
        let demand = &mut self.store.desired.services.get_mut(&key).unwrap().demand;
        *(if wake { &mut demand.wake_at } else { &mut demand.sleep_at }) = Some(self.now);
    }

    fn crash(&mut self) {
        let alive: Vec<_> = crate::control::list(&self.sim)
            .into_iter()
            .filter(|w| !matches!(w.phase, Phase::Exited(_)))
            .map(|w| w.id)
            .collect();
        if !alive.is_empty() {
            let id = *self.rng.pick(&alive);
            let how = *self.rng.pick(&[ExitStatus::Signal(9), ExitStatus::OutOfMemory, ExitStatus::Lost]);
            self.sim.crash(id, how);
        }
    }

    fn trouble(&mut self) {
        let ready: Vec<_> = crate::control::list(&self.sim)
            .into_iter()
            .filter(|w| w.phase == Phase::Running)
            .map(|w| w.id)
            .collect();
        if !ready.is_empty() {
            let id = *self.rng.pick(&ready);
            let trouble = *self.rng.pick(&[Trouble::Hung, Trouble::Hung, Trouble::Deaf]);
            self.tell(|| format!("{id} is {trouble:?}"));
            self.sim.trouble(id, trouble);
            self.rules.troubled.insert(id, trouble);
        }
    }

    /// An instance that control did not ask for: left over from a start nobody remembers.
    fn leftover(&mut self) {
        let Some(key) = self.store.any_service(&mut self.rng) else { return };
        let svc = &self.store.desired.services[&key];
        let d = svc.live.as_ref().unwrap_or(&svc.target).clone();
        let spec = InstanceSpec {
            id: self.store.next_instance(),
            key,
            deployment: d.process(),
            image: d.image,
            argv: None,
            env: [].into(),
            limits: d.spec.limits,
            addr: [10, 9, 1, 64].into(),
        };
        self.tell(|| format!("{} of {} is left over", spec.id, spec.deployment));
        self.sim.set_faults(Faults::default());
        now_or_never(self.sim.start(&spec)).unwrap();
        self.faults();
    }

    fn faults(&mut self) {
        let rng = &mut self.rng;
        let permille = |rng: &mut Rng| if rng.chance(500) { 0 } else { 400 };
        let faults = Faults {
            start_takes: ms(rng, 2, 100),
            sleep_takes: ms(rng, 50, 800),
            wake_takes: ms(rng, 2, 50),
            stop_takes: ms(rng, 1, 2000),
            build_takes: Duration::ZERO,
            start_fails: permille(rng),
            sleep_fails: permille(rng),
            page_out_fails: permille(rng),
            wake_fails: permille(rng),
            limits_fail: permille(rng),
            build_fails: 0,
        };
        self.tell(|| format!("{faults:?}"));
        self.sim.set_faults(faults);
    }
}
