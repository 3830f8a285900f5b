//! Starting an instance.

use std::{collections::BTreeMap, fs, io, net::Ipv4Addr, path::Path, sync::Arc};

use dormouse_backend::{InstanceSpec, WorkloadError, address};
use dormouse_images::ImageError;
use dormouse_model::{InstanceId, clock};

use super::{
    Inner, Networks, failed,
    instance::Instance,
    lock, logs,
    record::{Folder, Record},
};
use crate::{
    Process, Profile, Resolver, SandboxError,
    cgroup::{Place, Share},
    disk::Disk,
    sandbox::{
        exit, launch,
        names::{hosts, resolv_conf},
        users::Users,
        wire::{self, Go, Launch},
    },
};

/// Forgets that an instance is being started.
struct Starting<'a, N>(&'a Inner<N>, InstanceId);

impl<N> Drop for Starting<'_, N> {
    fn drop(&mut self) {
        lock(&self.0.starting).remove(&self.1);
    }
}

impl<N: Networks> Inner<N> {
    /// An address that no other instance has or is about to have; that of one that is there, or being started, with `false`.
    fn place(&self, spec: &InstanceSpec) -> Result<(Ipv4Addr, bool), WorkloadError> {
        let blocks = self.networks.blocks(&spec.key.project);
        let mut starting = lock(&self.starting);
        let instances = lock(&self.instances);
        let there =
            instances.get(&spec.id).map(|i| i.record.addr).or_else(|| starting.get(&spec.id).copied());
        if let Some(addr) = there {
            return Ok((addr, false));
        }
        let taken = instances.values().map(|i| i.record.addr).chain(starting.values().copied()).collect();
        let addr = address::free(&blocks, &taken, spec.id.0).ok_or_else(|| {
            failed(
                format!("finding an address for instance {}", spec.id),
                "its project's network has none that is free",
            )
        })?;
        starting.insert(spec.id, addr);
        Ok((addr, true))
    }

    pub(super) async fn start(self: &Arc<Self>, spec: &InstanceSpec) -> Result<Ipv4Addr, WorkloadError> {
        let (addr, is_new) = self.place(spec)?;
        if !is_new {
            return Ok(addr);
        }
        let _starting = Starting(self, spec.id);
        let folder = Folder::new(&self.settings.state, spec.id);
        let group = self
            .groups
            .create(&Place::of(&spec.key.project, spec.id.to_string()), &spec.limits, Share::App)
            .map_err(|e| failed("making the instance's control groups", e))?;
        let started = async {
            let users = self.users.of(&spec.key.project);
            let wanted = self.prepare(spec, addr, &folder, users)?;
            let connect = |netns| async move {
                self.networks.attach(&spec.key.project, &netns, addr).await.map_err(|e| {
                    SandboxError::host("connecting the instance to its network", io::Error::other(e))
                })?;
                Ok(Go::default())
            };
            let launched = launch::launch(&wanted, &group, connect).await.map_err(told)?;
            let record = Record {
                // The process has its command and its environment; what is secret in them is not for the disk.
                spec: InstanceSpec { argv: None, env: BTreeMap::new(), ..spec.clone() },
                addr,
                users,
                // One that has ended already has left its record; any number will do then.
                process: Process::find(launched.pid)
                    .map_err(|e| failed("looking at the instance's process", e))?
                    .unwrap_or_else(|| Process::gone(launched.pid)),
                disk: launched.disk,
                started_at: clock::now(),
            };
            folder.save(&record).map_err(|e| failed("recording the instance", e))?;
            Instance::adopt(record, folder.clone(), Some(group.clone()), self.events.clone())
                .map_err(|e| failed("watching the instance", e))
        };
        match started.await {
            Ok(instance) => {
                let instance = Arc::new(instance);
                lock(&self.instances).insert(spec.id, instance.clone());
                self.watch(instance);
                Ok(addr)
            }
            Err(e) => {
                let cleared = tokio::task::spawn_blocking(move || {
                    group.kill().and_then(|()| group.remove()).and_then(|()| folder.remove())
                });
                if let Ok(Err(e)) = cleared.await {
                    tracing::warn!("what is left of a failed start stays: {e}");
                }
                Err(e)
            }
        }
    }

    fn prepare(
        &self,
        spec: &InstanceSpec,
        addr: Ipv4Addr,
        folder: &Folder,
        users: Users,
    ) -> Result<Launch, WorkloadError> {
        let image = self.settings.images.image(&spec.image).map_err(|e| match e {
            ImageError::NoSuchImage(id) => WorkloadError::NoSuchImage(id),
            other @ (ImageError::Io { .. } | ImageError::NoSuchLayer(_) | ImageError::Damaged { .. }) => {
                failed("reading the image", other)
            }
        })?;
        let make = |path: &Path| {
            fs::create_dir_all(path).map_err(|e| failed(format!("making {}", path.display()), e))
        };
        let root = folder.root();
        make(&root.join("upper"))?;
        make(&root.join("work"))?;
        let disk = self.disks.of(spec.limits.disk).map_err(|e| failed("making the instance's disk", e))?;
        exit::prepare(&folder.exit()).map_err(|e| failed("preparing the instance's record", e))?;
        let [log, old_log] = logs::paths(&self.settings.state, &spec.key, spec.id);
        if let Some(dir) = log.parent() {
            make(dir)?;
        }
        for file in [&log, &old_log] {
            fs::write(file, "").map_err(|e| failed(format!("making {}", file.display()), e))?;
        }
        let mut env = self.settings.env.clone();
        env.extend(image.config.env);
        env.extend(spec.env.clone());
        let workdir = if image.config.workdir.is_empty() { "/" } else { &image.config.workdir };
        let service = spec.key.service.as_str();
        Ok(Launch {
            hostname: service.to_owned(),
            lowers: image.layers,
            base: root,
            upper: "upper".into(),
            work: "work".into(),
            disk: disk.map(|template| Disk { template, image: folder.disk() }),
            argv: spec.argv.clone().unwrap_or(image.config.cmd),
            env: env.into_iter().collect(),
            cwd: workdir.into(),
            mounts: self.settings.mounts.clone(),
            hosts: hosts(service, Some(addr)),
            resolv_conf: resolv_conf(Resolver::Gateway, self.networks.gateway(&spec.key.project)),
            profile: Profile::App,
            users,
            native_aio: self.settings.native_aio,
            record: Some(wire::Record {
                log,
                old_log,
                exit: folder.exit(),
                rotate_at: logs::ROTATE_AT,
                boot: clock::boot(),
            }),
        })
    }
}

fn told(e: SandboxError) -> WorkloadError {
    match e {
        SandboxError::Exec { command, why } => WorkloadError::Exec { command, why },
        SandboxError::Host { what, source } => failed(what, source),
    }
}
