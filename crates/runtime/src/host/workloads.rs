//! The seam, on this machine.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use dormouse_backend::{
    Capabilities, Ended, InstanceSpec, LogChunk, Moment, NetworkSpec, ProbeAnswer, ProbeRequest, Workload,
    WorkloadError, WorkloadEvent, Workloads, probe,
};
use dormouse_model::{
    Activity, Call, Depth, Depths, Inspection, InstanceId, Limits, ProjectName, ServiceKey, Usage, WORKS,
    clock,
};
use tokio::{sync::mpsc, task::spawn_blocking};
use tracing::warn;

use super::{Host, Inner, Networks, failed, inspect, instance::Instance, lock, logs};
use crate::activity;

impl<N: Networks> Host<N> {
    fn known(&self, id: InstanceId) -> Result<Arc<Instance>, WorkloadError> {
        self.inner.get(id).ok_or(WorkloadError::NoSuchInstance(id))
    }

    fn living(&self, id: InstanceId) -> Result<Arc<Instance>, WorkloadError> {
        let instance = self.known(id)?;
        if instance.has_ended() { Err(WorkloadError::Ended(id)) } else { Ok(instance) }
    }

    /// Whether a sleep of this depth pushes memory out here.
    fn pages(&self, depth: Depth) -> bool {
        match depth {
            Depth::Frozen => false,
            Depth::Paged | Depth::Stopped => self.inner.can_page.load(Ordering::SeqCst),
        }
    }
}

impl<N: Networks> Inner<N> {
    /// The calls an instance has open. A kernel that does not tell leaves the other evidence.
    async fn calls(&self, instance: &Instance, procs: Vec<u32>) -> Vec<Call> {
        let gateway = self.networks.gateway(&instance.record.spec.key.project);
        let seen = activity::calls(instance.record.process.pid(), gateway, procs).await;
        seen.unwrap_or_else(|e| {
            if !self.is_blind.swap(true, Ordering::Relaxed) {
                warn!("cannot see what calls instances have open (sock_diag): {e}");
            }
            Vec::new()
        })
    }
}

impl<N: Networks> Workloads for Host<N> {
    fn capabilities(&self) -> Capabilities {
        let depths = Depths { frozen: true, paged: self.inner.can_page.load(Ordering::SeqCst) };
        Capabilities { depths }
    }

    async fn list(&self) -> Result<Vec<Workload>, WorkloadError> {
        Ok(self.inner.all().iter().map(|i| i.workload()).collect())
    }

    async fn ensure_networks(
        &self,
        specs: &[NetworkSpec],
    ) -> Result<BTreeMap<ProjectName, WorkloadError>, WorkloadError> {
        let used = {
            let all = self.inner.all();
            let living = all.iter().filter(|i| !i.has_ended());
            living.map(|i| i.record.spec.key.project.clone()).collect()
        };
        let refused = self.inner.networks.ensure_all(specs, &used).await;
        let refused = refused.map_err(|e| failed("setting up the networks", e))?;
        let told = |(project, e): (ProjectName, _)| {
            let what = format!("setting up the network of {project}");
            (project, failed(what, e))
        };
        Ok(refused.into_iter().map(told).collect())
    }

    async fn networks(&self) -> Result<Vec<NetworkSpec>, WorkloadError> {
        Ok(self.inner.networks.all())
    }

    async fn ensure_network(&self, spec: &NetworkSpec) -> Result<(), WorkloadError> {
        let done = self.inner.networks.ensure(spec).await;
        done.map_err(|e| failed(format!("setting up the network of {}", spec.project), e))
    }

    async fn remove_network(&self, project: &ProjectName) -> Result<(), WorkloadError> {
        let done = self.inner.networks.remove(project).await;
        if done.is_ok() {
            self.inner.users.forget(project);
        }
        done.map_err(|e| failed(format!("removing the network of {project}"), e))
    }

    async fn start(&self, spec: &InstanceSpec) -> Result<Ipv4Addr, WorkloadError> {
        Box::pin(self.inner.start(spec)).await
    }

    async fn stop(&self, id: InstanceId, grace: Duration) -> Result<Ended, WorkloadError> {
        let instance = self.known(id)?;
        let _busy = instance.busy.lock().await;
        instance.stop(grace).await.map_err(|e| failed(format!("stopping instance {id}"), e))
    }

    async fn sleep(&self, id: InstanceId, depth: Depth) -> Result<Depth, WorkloadError> {
        let instance = self.living(id)?;
        let _busy = instance.busy.lock().await;
        let arrivals = instance.depth().is_none().then(|| self.inner.arrivals(&instance)).flatten();
        let (page, inner, sleeper) = (self.pages(depth), self.inner.clone(), instance.clone());
        let slept = spawn_blocking(move || sleeper.sleep(page, || inner.listen(&sleeper, arrivals))).await;
        let slept = slept.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        slept.map_err(|e| failed(format!("putting instance {id} to sleep"), e))
    }

    async fn dark_wake(&self, id: InstanceId, depth: Depth) -> Result<Moment, WorkloadError> {
        let instance = self.living(id)?;
        let _busy = instance.busy.lock().await;
        let (page, inner, sleeper) = (self.pages(depth), self.inner.clone(), instance.clone());
        let slept = spawn_blocking(move || {
            let share = sleeper.look_around()?;
            let arrivals = inner.arrivals(&sleeper);
            // Perhaps it is woken for that.
            let page = page && share < WORKS;
            let depth = sleeper.sleep_on(page, || inner.listen(&sleeper, arrivals))?;
            Ok(Moment { depth, share })
        });
        let slept = slept.await;
        let slept = slept.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        slept.map_err(|e| failed(format!("letting instance {id} run for a moment"), e))
    }

    async fn wake(&self, id: InstanceId) -> Result<(), WorkloadError> {
        self.living(id)?.wake().await.map_err(|e| failed(format!("waking instance {id}"), e))
    }

    async fn set_limits(&self, id: InstanceId, limits: Limits) -> Result<(), WorkloadError> {
        let instance = self.living(id)?;
        let set = spawn_blocking(move || instance.set_limits(limits)).await;
        let set = set.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        match set.map_err(|e| failed(format!("limiting instance {id}"), e))? {
            Ok(()) => Ok(()),
            Err(needed) => Err(WorkloadError::DoesNotFit { needed, limit: limits.memory }),
        }
    }

    async fn remove(&self, id: InstanceId) -> Result<(), WorkloadError> {
        let Some(instance) = self.inner.get(id) else { return Ok(()) };
        let gone = async {
            instance.kill().await?;
            let instance = instance.clone();
            spawn_blocking(move || {
                if let Some(group) = &instance.group {
                    group.remove()?;
                }
                instance.end_disk();
                instance.folder.remove()
            })
            .await
            .map_err(std::io::Error::other)?
        };
        gone.await.map_err(|e| failed(format!("removing instance {id}"), e))?;
        lock(&self.inner.instances).remove(&id);
        Ok(())
    }

    async fn usage(&self, id: InstanceId) -> Result<Usage, WorkloadError> {
        self.known(id)?.usage().map_err(|e| failed(format!("measuring instance {id}"), e))
    }

    async fn probe(&self, id: InstanceId, request: &ProbeRequest) -> Result<ProbeAnswer, WorkloadError> {
        Ok(probe::ask(self.known(id)?.record.addr, request).await)
    }

    async fn inspect(&self, id: InstanceId) -> Result<Inspection, WorkloadError> {
        let instance = self.known(id)?;
        inspect::inspect(&instance).await.map_err(|e| failed(format!("looking into instance {id}"), e))
    }

    async fn activity(&self, id: InstanceId) -> Result<Activity, WorkloadError> {
        let instance = self.known(id)?;
        let (mut cpu, mut calls, mut naps) = (Duration::ZERO, Vec::new(), Vec::new());
        if let Some(group) = &instance.group {
            let seen = group.stats().and_then(|stats| Ok((stats.cpu, group.procs()?)));
            let (used, procs) = seen.map_err(|e| failed(format!("measuring instance {id}"), e))?;
            cpu = used;
            if instance.depth().is_none() && !instance.has_ended() {
                calls = self.inner.calls(&instance, procs.clone()).await;
                // Who cannot be looked at does not sleep by the clock, as far as anybody knows.
                naps = spawn_blocking(move || activity::naps(&procs)).await.unwrap_or_default();
            }
        }
        Ok(Activity { at: clock::now(), cpu, calls, naps })
    }

    async fn read_log(&self, key: &ServiceKey, id: InstanceId, from: u64) -> Result<LogChunk, WorkloadError> {
        let paths = logs::paths(&self.inner.settings.state, key, id);
        let read = spawn_blocking(move || logs::read(&paths, from)).await;
        let read = read.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        read.map_err(|e| failed(format!("reading the log of instance {id}"), e))
    }

    async fn remove_logs(&self, key: &ServiceKey, ids: &[InstanceId]) -> Result<(), WorkloadError> {
        let (state, key, ids) = (self.inner.settings.state.clone(), key.clone(), ids.to_vec());
        let what = format!("removing logs of {key}");
        let removed = spawn_blocking(move || logs::remove(&state, &key, &ids)).await;
        removed.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| failed(what, e))
    }

    fn events(&self) -> mpsc::UnboundedReceiver<WorkloadEvent> {
        self.inner.events.listen(|| {
            let instances = lock(&self.inner.instances);
            let stirred = instances.iter().filter(|(_, i)| i.is_stirred());
            stirred.map(|(id, _)| WorkloadEvent::Stirred(*id)).collect::<Vec<_>>()
        })
    }
}
