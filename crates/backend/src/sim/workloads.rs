//! Running, sleeping and waking what is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use dormouse_model::{
    Activity, Answer as Heard, Depth, ExitStatus, Inspection, InstanceId, Limits, Phase, ProjectName,
    ServiceKey, Usage, WORKS,
};
use tokio::sync::mpsc;

use super::{
    Process, Sim, World,
    process::{Behaviour, Trouble},
};
use crate::{
    Capabilities, Ended, InstanceSpec, LogChunk, LogLine, Moment, NetworkSpec, ProbeAnswer, ProbeRequest,
    Stream, Workload, WorkloadError, WorkloadEvent, Workloads, address, conformance::Program, probe,
};

/// What a running process occupies, and what remains of it when it is paged out.
const RESIDENT: u64 = 100 << 20;
const PAGED: u64 = 4 << 20;
/// Its threads.
const TASKS: u64 = 3;

fn refused(what: &str) -> WorkloadError {
    WorkloadError::Host { what: what.to_owned(), source: "as the simulation wants it".into() }
}

impl World {
    fn process(&mut self, id: InstanceId) -> Result<&mut Process, WorkloadError> {
        self.processes.get_mut(&id).ok_or(WorkloadError::NoSuchInstance(id))
    }

    fn living(&mut self, id: InstanceId) -> Result<&mut Process, WorkloadError> {
        let p = self.process(id)?;
        match p.phase {
            Phase::Exited(_) => Err(WorkloadError::Ended(id)),
            Phase::Running | Phase::Asleep(_) => Ok(p),
        }
    }

    fn set_network(&mut self, spec: &NetworkSpec) -> Result<(), WorkloadError> {
        if self.refused.contains(&spec.project) {
            return Err(refused("making its network"));
        }
        self.networks.insert(spec.project.clone(), spec.clone());
        Ok(())
    }

    /// An address on the network of a project that no other instance has.
    fn address(&self, project: &ProjectName, id: InstanceId) -> Result<Ipv4Addr, WorkloadError> {
        let network = self.networks.get(project).ok_or_else(|| refused("starting it without a network"))?;
        let taken = self.processes.values().map(|p| p.addr).collect();
        let blocks: Vec<_> = network.blocks().collect();
        address::free(&blocks, &taken, id.0).ok_or_else(|| refused("finding an address for it"))
    }

    fn begin(&mut self, spec: &InstanceSpec) -> Result<Ipv4Addr, WorkloadError> {
        if let Some(there) = self.processes.get(&spec.id) {
            return Ok(there.addr);
        }
        let addr = self.address(&spec.key.project, spec.id)?;
        let program = spec.argv.as_deref().and_then(Program::of);
        let known = self.behaviours.get(&spec.deployment).cloned().unwrap_or_default();
        let Some(behaviour) = program.map_or(Some(known), Behaviour::of) else {
            let command = spec.argv.iter().flatten().next().cloned().unwrap_or_default();
            return Err(WorkloadError::Exec { command, why: "No such file or directory".to_owned() });
        };
        let said = match program {
            Some(Program::Serve) => vec![(Stream::Out, "hello"), (Stream::Err, "oops")],
            Some(Program::Stubborn) => vec![(Stream::Out, "deaf")],
            Some(Program::Web | Program::Exit | Program::Greedy | Program::Missing) => vec![],
            None => vec![(Stream::Out, "started")],
        };
        let at = self.now;
        let log: Vec<_> =
            said.into_iter().map(|(stream, text)| LogLine { at, stream, text: text.to_owned() }).collect();
        self.logs.insert(spec.id, log);
        self.next_pid += 1;
        self.processes.insert(
            spec.id,
            Process {
                spec: spec.clone(),
                addr,
                pid: self.next_pid,
                phase: Phase::Running,
                started_at: at,
                exited_at: None,
                behaviour,
                trouble: None,
                ran: Duration::ZERO,
                since: at,
                calls: Vec::new(),
                works: None,
                worked: Duration::ZERO,
                stirred: false,
                frozen_since: None,
            },
        );
        self.end_those_due(at);
        Ok(addr)
    }
}

impl Workloads for Sim {
    fn capabilities(&self) -> Capabilities {
        Capabilities { depths: self.with(|w| w.depths) }
    }

    async fn list(&self) -> Result<Vec<Workload>, WorkloadError> {
        let workload = |p: &Process| Workload {
            id: p.spec.id,
            key: p.spec.key.clone(),
            deployment: p.spec.deployment,
            image: p.spec.image.clone(),
            limits: p.spec.limits,
            addr: p.addr,
            pid: p.pid,
            phase: p.phase,
            started_at: p.started_at,
            exited_at: p.exited_at,
        };
        Ok(self.with(|w| w.processes.values().map(workload).collect()))
    }

    async fn ensure_networks(
        &self,
        specs: &[NetworkSpec],
    ) -> Result<BTreeMap<ProjectName, WorkloadError>, WorkloadError> {
        self.with(|w| {
            let living = w.processes.values().filter(|p| !matches!(p.phase, Phase::Exited(_)));
            let used: BTreeSet<_> = living.map(|p| p.spec.key.project.clone()).collect();
            let wanted: BTreeSet<_> = specs.iter().map(|s| &s.project).collect();
            w.networks.retain(|project, _| used.contains(project) || wanted.contains(project));
            let refused = specs.iter().filter_map(|s| Some((s.project.clone(), w.set_network(s).err()?)));
            Ok(refused.collect())
        })
    }

    async fn networks(&self) -> Result<Vec<NetworkSpec>, WorkloadError> {
        Ok(Self::networks(self))
    }

    async fn ensure_network(&self, spec: &NetworkSpec) -> Result<(), WorkloadError> {
        self.with(|w| w.set_network(spec))
    }

    async fn remove_network(&self, project: &ProjectName) -> Result<(), WorkloadError> {
        self.with(|w| {
            let living = |p: &Process| p.spec.key.project == *project && !matches!(p.phase, Phase::Exited(_));
            if w.processes.values().any(living) {
                return Err(refused("the network is in use"));
            }
            w.networks.remove(project);
            Ok(())
        })
    }

    async fn start(&self, spec: &InstanceSpec) -> Result<Ipv4Addr, WorkloadError> {
        let half = self.with(|w| {
            if w.missing.contains(&spec.image) {
                return Err(WorkloadError::NoSuchImage(spec.image.clone()));
            }
            if !w.networks.contains_key(&spec.key.project) {
                return Err(refused("the project has no network"));
            }
            Ok(w.faults.start_takes / 2)
        })?;
        self.pass(half).await;
        let addr = self.with(|w| {
            let permille = w.faults.start_fails;
            if w.rng.chance(permille) { Err(refused("starting it")) } else { w.begin(spec) }
        })?;
        self.pass(half).await;
        Ok(addr)
    }

    async fn stop(&self, id: InstanceId, grace: Duration) -> Result<Ended, WorkloadError> {
        let (obeys, takes) = self.with(|w| {
            let (now, takes) = (w.now, w.faults.stop_takes);
            let p = w.process(id)?;
            if matches!(p.phase, Phase::Asleep(_)) {
                p.go(Phase::Running, now);
            }
            Ok((p.behaviour.obeys && p.trouble != Some(Trouble::Hung), takes))
        })?;
        let (takes, how) = if obeys && takes <= grace {
            (takes, ExitStatus::Code(0))
        } else {
            (grace, ExitStatus::Signal(9))
        };
        self.pass(takes).await;
        self.with(|w| {
            let now = w.now;
            let p = w.process(id)?;
            if !matches!(p.phase, Phase::Exited(_)) {
                p.go(Phase::Exited(how), now);
            }
            match (p.phase, p.exited_at) {
                (Phase::Exited(status), at) => Ok(Ended { status, at: at.unwrap_or(now) }),
                (Phase::Running | Phase::Asleep(_), _) => Err(refused("stopping it")),
            }
        })
    }

    async fn sleep(&self, id: InstanceId, depth: Depth) -> Result<Depth, WorkloadError> {
        let half = self.with(|w| {
            w.living(id)?;
            if w.depths.frozen { Ok(w.faults.sleep_takes / 2) } else { Err(refused("freezing it")) }
        })?;
        self.pass(half).await;
        let paging = self.with(|w| {
            let faults = w.faults;
            if w.rng.chance(faults.sleep_fails) {
                return Err(refused("freezing it"));
            }
            let (now, can_page) = (w.now, w.depths.paged && !w.rng.chance(faults.page_out_fails));
            let p = w.living(id)?;
            if p.phase == Phase::Running {
                p.go(Phase::Asleep(Depth::Frozen), now);
            }
            Ok(can_page && depth != Depth::Frozen)
        })?;
        self.pass(half).await;
        self.with(|w| {
            let now = w.now;
            let p = w.living(id)?;
            if paging && p.phase == Phase::Asleep(Depth::Frozen) {
                p.go(Phase::Asleep(Depth::Paged), now);
            }
            match p.phase {
                Phase::Asleep(reached) => Ok(reached),
                Phase::Running | Phase::Exited(_) => Err(refused("it was woken meanwhile")),
            }
        })
    }

    async fn wake(&self, id: InstanceId) -> Result<(), WorkloadError> {
        let takes = self.with(|w| w.living(id).map(|_| ()).map(|()| w.faults.wake_takes))?;
        self.pass(takes).await;
        self.with(|w| {
            let (now, permille) = (w.now, w.faults.wake_fails);
            if w.rng.chance(permille) {
                return Err(refused("thawing it"));
            }
            w.living(id)?;
            w.look(id);
            let p = w.living(id)?;
            if p.phase != Phase::Running {
                p.go(Phase::Running, now);
            }
            Ok(())
        })
    }

    async fn dark_wake(&self, id: InstanceId, depth: Depth) -> Result<Moment, WorkloadError> {
        let share = self.with(|w| {
            w.look(id);
            let now = w.now;
            let p = w.living(id)?;
            match p.phase {
                Phase::Asleep(_) => {
                    p.frozen_since = Some(now);
                    Ok(if p.works.is_some() { 1000 } else { 0 })
                }
                Phase::Running | Phase::Exited(_) => Err(refused("it is awake")),
            }
        })?;
        let depth = if share >= WORKS { Depth::Frozen } else { depth };
        Ok(Moment { depth: self.sleep(id, depth).await?, share })
    }

    async fn set_limits(&self, id: InstanceId, limits: Limits) -> Result<(), WorkloadError> {
        self.with(|w| {
            let permille = w.faults.limits_fail;
            if w.rng.chance(permille) {
                return Err(refused("limiting it"));
            }
            let p = w.living(id)?;
            if limits.memory < RESIDENT {
                return Err(WorkloadError::DoesNotFit { needed: RESIDENT, limit: limits.memory });
            }
            p.spec.limits = limits;
            Ok(())
        })
    }

    async fn remove(&self, id: InstanceId) -> Result<(), WorkloadError> {
        self.with(|w| match w.processes.get(&id).map(|p| p.phase) {
            Some(Phase::Running | Phase::Asleep(_)) => Err(refused("it has not ended")),
            Some(Phase::Exited(_)) | None => {
                w.processes.remove(&id);
                Ok(())
            }
        })
    }

    async fn usage(&self, id: InstanceId) -> Result<Usage, WorkloadError> {
        self.with(|w| {
            let now = w.now;
            let p = w.process(id)?;
            let (resident_bytes, swapped_bytes) = match p.phase {
                Phase::Running | Phase::Asleep(Depth::Frozen) => (RESIDENT, 0),
                Phase::Asleep(Depth::Paged) => (PAGED, RESIDENT - PAGED),
                Phase::Asleep(Depth::Stopped) | Phase::Exited(_) => (0, 0),
            };
            let needed_bytes = resident_bytes + swapped_bytes;
            Ok(Usage {
                resident_bytes,
                swapped_bytes,
                needed_bytes,
                cpu: p.cpu(now),
                tasks: TASKS,
                disk: None,
            })
        })
    }

    async fn activity(&self, id: InstanceId) -> Result<Activity, WorkloadError> {
        self.with(|w| {
            let at = w.now;
            let p = w.process(id)?;
            let calls = if p.phase == Phase::Running { p.calls.clone() } else { Vec::new() };
            Ok(Activity { at, cpu: p.cpu(at), calls, naps: Vec::new() })
        })
    }

    async fn probe(&self, id: InstanceId, request: &ProbeRequest) -> Result<ProbeAnswer, WorkloadError> {
        let (addr, answer, outside) = self.with(|w| {
            let (now, outside) = (w.now, w.is_listened_for);
            w.process(id).map(|p| (p.addr, p.answer(now), outside))
        })?;
        if outside {
            return Ok(probe::ask(addr, request).await);
        }
        let answer = answer.to(&request.question);
        if answer == Heard::Silent {
            self.pass(request.limit).await;
        }
        Ok(answer.into())
    }

    async fn inspect(&self, id: InstanceId) -> Result<Inspection, WorkloadError> {
        self.with(|w| {
            let now = w.now;
            w.process(id).map(|p| p.inspect(now))
        })
    }

    async fn read_log(
        &self,
        _key: &ServiceKey,
        id: InstanceId,
        from: u64,
    ) -> Result<LogChunk, WorkloadError> {
        // Here a position is a number of lines.
        Ok(self.with(|w| {
            let log = w.logs.get(&id).map_or(&[][..], Vec::as_slice);
            let skip = usize::try_from(from).unwrap_or(usize::MAX).min(log.len());
            LogChunk { lines: log[skip..].to_vec(), next: u64::try_from(log.len()).unwrap_or(from) }
        }))
    }

    async fn remove_logs(&self, _key: &ServiceKey, ids: &[InstanceId]) -> Result<(), WorkloadError> {
        self.with(|w| w.logs.retain(|id, _| !ids.contains(id)));
        Ok(())
    }

    fn events(&self) -> mpsc::UnboundedReceiver<WorkloadEvent> {
        self.with(|w| {
            let stirred = w.processes.iter().filter(|(_, p)| p.stirred);
            w.events.listen(|| stirred.map(|(id, _)| WorkloadEvent::Stirred(*id)))
        })
    }
}
