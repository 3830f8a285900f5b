//! What happens to a platform.

use std::{collections::BTreeSet, time::Duration};

use dormouse_backend::{
    InstanceSpec, Workloads,
    sim::{Behaviour, Faults, Rng, Trouble},
};
use dormouse_model::{
    Ask, Demand, DeployId, Deployment, DeploymentId, Depth, DesiredService, ExitStatus, HealthSpec, ImageId,
    Limits, Phase, Serves, ServiceKey, ServiceKind, ServiceSpec, SleepPolicy, Streams, Visibility,
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
                self.store.desired.depths.paged = can_page;
                self.sim.set_can_page(can_page);
            }
        }
        Ok(())
    }

    pub(crate) fn deploy(&mut self) {
        let key: ServiceKey = self.rng.pick(&NAMES).parse().unwrap();
        let job = self.job.clone().filter(|_| self.rng.chance(400));
        self.deploy_after(key, job);
    }

    /// A new job, which ends in one way or another, or never.
    fn deploy_job(&mut self, key: &ServiceKey) {
        let id = self.store.next_deployment();
        let rng = &mut self.rng;
        let how = *rng.pick(&[ExitStatus::Code(0), ExitStatus::Code(0), ExitStatus::Code(1)]);
        let ends = rng.chance(900).then(|| (ms(rng, 0, 10_000), how));
        let obeys = rng.chance(900);
        let does = Behaviour { ready_after: None, ends, obeys, ..Behaviour::default() };
        self.tell(|| format!("deploy {key} {id}: {does:?}"));
        self.sim.behave(id, does);
        self.rules.jobs.insert(id);
        self.target(key, id, DeployId(id.0 + 1), BTreeSet::new());
    }

    /// A job that failed at first stays so until people deploy again.
    pub(crate) fn deploy_what_failed(&mut self) {
        let Some(job) = self.job.clone() else { return };
        let waits = |svc: &&DesiredService| !svc.is_live() && (svc.key == job || svc.after.contains(&job));
        let stuck: Vec<_> =
            self.store.desired.services.values().filter(waits).map(|s| s.key.clone()).collect();
        if stuck.is_empty() {
            return;
        }
        let id = self.store.next_deployment();
        let ends = Some((Duration::from_millis(300), ExitStatus::Code(0)));
        self.sim.behave(id, Behaviour { ready_after: None, ends, ..Behaviour::default() });
        self.rules.jobs.insert(id);
        let deploy = DeployId(id.0 + 1);
        self.target(&job, id, deploy, BTreeSet::new());
        for key in stuck.into_iter().filter(|key| *key != job) {
            let id = self.store.next_deployment();
            let ready = Some(Duration::from_millis(300));
            self.sim.behave(id, Behaviour { ready_after: ready, ..Behaviour::default() });
            if self.workers.contains(&key) {
                self.rules.workers.insert(id);
            }
            self.target(&key, id, deploy, [job.clone()].into());
        }
    }

    fn deploy_after(&mut self, key: ServiceKey, job: Option<ServiceKey>) {
        if let Some(job) = &job {
            self.count("deployed after a job");
            self.deploy_job(job);
        }
        let id = self.store.next_deployment();
        let behaviour = self.behaviour();
        if self.rng.chance(300) {
            self.rules.one_by_one.insert(id);
        }
        if self.workers.contains(&key) {
            self.rules.workers.insert(id);
        }
        self.tell(|| format!("deploy {key} {id}: {behaviour:?}"));
        let ready_after = behaviour.ready_after;
        self.sim.behave(id, behaviour);
        self.target(&key, id, DeployId(id.0), job.into_iter().collect());
        let start_timeout = self.store.desired.services[&key].target.spec.health.start_timeout;
        if ready_after.is_some_and(|after| after >= start_timeout) {
            self.rules.slow.insert(id);
        }
    }

    /// Something new is wanted of a service.
    fn target(&mut self, key: &ServiceKey, id: DeploymentId, deploy: DeployId, after: BTreeSet<ServiceKey>) {
        let target = Deployment {
            id,
            deploy,
            image: ImageId("sha256:aa".into()),
            spec: self.spec(key).into(),
            created_at: self.now,
            continues: None,
        };
        let others = NAMES.iter().map(|n| n.parse::<ServiceKey>().unwrap());
        let needs = others.filter(|n| n > key && self.rng.chance(400)).collect();
        let fresh = DesiredService {
            key: key.clone(),
            target: target.clone(),
            live: None,
            replaced: None,
            demand: Demand::default(),
            needs,
            after: BTreeSet::new(),
        };
        let services = &mut self.store.desired.services;
        let svc = DesiredService { target, after, ..services.remove(key).unwrap_or(fresh) };
        services.insert(key.clone(), svc);
    }

    /// A deploy that changes nothing that a process is started with.
    fn change_policy(&mut self) {
        let Some(key) = self.any_server() else { return };
        let id = self.store.next_deployment();
        let memory = *self.rng.pick(&[256, 512, 1024]) << 20;
        let mut spec = self.spec(&key);
        spec.limits.memory = memory;
        let svc = self.store.desired.services.get_mut(&key).unwrap();
        let Some(live) = svc.live.as_ref() else { return };
        let scaled = spec.replicas != live.spec.replicas;
        let new = Deployment { id, spec: spec.into(), continues: Some(live.process()), ..live.clone() };
        (svc.target, svc.live) = (new.clone(), Some(new));
        self.tell(|| format!("deploy {key} {id} without a restart"));
        self.count("deployed without a restart");
        if scaled {
            self.count("scaled");
        }
    }

    fn spec(&mut self, key: &ServiceKey) -> ServiceSpec {
        let rng = &mut self.rng;
        let after = *rng.pick(&[None, Some(2), Some(5), Some(5), Some(20)]);
        ServiceSpec {
            name: key.service.clone(),
            kind: match () {
                () if self.workers.contains(key) => ServiceKind::Worker,
                () if self.job.as_ref() == Some(key) => ServiceKind::Job,
                () => ServiceKind::Web,
            },
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
            replicas: if self.job.as_ref() == Some(key) { 1 } else { *rng.pick(&[1, 1, 2, 3]) },
            needs: [].into(),
            after: [].into(),
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

    /// Anything but a job.
    fn any_server(&mut self) -> Option<ServiceKey> {
        self.store.any_service(&mut self.rng).filter(|key| self.job.as_ref() != Some(key))
    }

    fn any_web(&mut self) -> Option<ServiceKey> {
        self.store.any_service(&mut self.rng).filter(|key| self.has_port(key))
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
        let Some(key) = self.any_server() else { return };
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
