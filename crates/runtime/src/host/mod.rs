//! This machine as a place for instances.

mod inspect;
mod instance;
mod kills;
mod logs;
mod missed;
mod networks;
mod record;
mod rise;
mod shortage;
mod sleep;
mod start;
mod stirs;
pub(crate) mod takers;
mod users;
mod workloads;

use std::{
    collections::BTreeMap,
    fs, io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use dormouse_backend::{Notifier, WorkloadError, WorkloadEvent};
use dormouse_images::Store;
use dormouse_model::{InstanceId, Limits};

use crate::{
    Mount, SandboxError,
    cgroup::{self, Groups},
    disk::Templates,
    sandbox::tag,
};
use instance::Instance;
pub(crate) use networks::BuildNetwork;
pub use networks::{BuildLink, Loopback, NetworkError, Networks};
use record::Folder;
pub(crate) use record::running;
use users::ProjectUsers;

/// How this machine is to be used.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The server's state folder; must exist.
    pub state: PathBuf,
    /// Where images come from.
    pub images: Store,
    /// Whether there is swap to push memory to, until [`Host::set_can_page`] says otherwise.
    pub can_page: bool,
    /// Host files every instance sees, such as the bundle of certificate authorities.
    pub mounts: Vec<Mount>,
    /// Environment below the image's and the service's own.
    pub env: BTreeMap<String, String>,
    /// Whether instances may ask the kernel for asynchronous file IO (`io_setup`), of which a host has one small budget.
    pub native_aio: bool,
}

/// Instances on this machine. Dropping it leaves them running; the next one finds them again.
pub struct Host<N> {
    inner: Arc<Inner<N>>,
}

/// The same instances.
impl<N> Clone for Host<N> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

struct Inner<N> {
    settings: HostSettings,
    groups: Box<dyn Groups>,
    networks: N,
    instances: Mutex<BTreeMap<InstanceId, Arc<Instance>>>,
    /// Those being started, and the addresses that they will have.
    starting: Mutex<BTreeMap<InstanceId, Ipv4Addr>>,
    /// Also the networks'.
    events: Notifier,
    can_page: AtomicBool,
    /// Whether it was said that the kernel does not tell of connections.
    is_blind: AtomicBool,
    users: ProjectUsers,
    disks: Arc<Templates>,
}

impl<N> Drop for Inner<N> {
    fn drop(&mut self) {
        self.groups.remove_top();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: impl Into<String>, source: impl Into<NetworkError>) -> WorkloadError {
    WorkloadError::Host { what: what.into(), source: source.into() }
}

impl<N: Networks> Host<N> {
    /// Use this machine, and adopt what an earlier server with the same state folder left running. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// When the state folder cannot be read, or the host has no usable control groups.
    pub fn open(settings: HostSettings, networks: N) -> Result<Self, SandboxError> {
        let state = &settings.state;
        let err = |what: &str| format!("{what} in {}", state.display());
        let run = state.join("run");
        fs::create_dir_all(&run).map_err(|e| SandboxError::host(err("making `run`"), e))?;
        let tag = tag(state).map_err(|e| SandboxError::host(err("looking"), e))?;
        let groups = cgroup::detect(&tag).map_err(|e| SandboxError::host("setting up control groups", e))?;
        let disks = Arc::new(Templates::new(state));
        let first = disks.clone();
        // Not the first start is to wait for it.
        tokio::task::spawn_blocking(move || first.of(Limits::default().disk));
        let host = Self {
            inner: Arc::new(Inner {
                groups,
                events: networks.notifier(),
                networks,
                instances: Mutex::default(),
                starting: Mutex::default(),
                can_page: AtomicBool::new(settings.can_page),
                is_blind: AtomicBool::new(false),
                users: ProjectUsers::new(&tag),
                disks,
                settings,
            }),
        };
        host.adopt().map_err(|e| SandboxError::host("adopting running instances", e))?;
        host.inner.watch_disk();
        Ok(host)
    }

    /// Swap has come, or is gone. What was in swap that is gone has been read back: see how deeply each instance sleeps now.
    /// Blocks.
    pub fn set_can_page(&self, can_page: bool) {
        self.inner.can_page.store(can_page, Ordering::SeqCst);
        for instance in self.inner.all() {
            if let Err(e) = instance.measure_depth() {
                // It has just ended, say.
                tracing::debug!("cannot see how deeply an instance sleeps: {e}");
            }
        }
    }

    fn adopt(&self) -> io::Result<()> {
        let inner = &self.inner;
        let places: BTreeMap<_, _> =
            inner.groups.list()?.into_iter().map(|place| (place.name().to_owned(), place)).collect();
        for entry in fs::read_dir(inner.settings.state.join("run"))? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|n| n.strip_prefix('i')?.parse().ok()).map(InstanceId)
            else {
                continue;
            };
            let folder = Folder::new(&inner.settings.state, id);
            let place = places.get(&id.to_string());
            let group = place.map_or(Ok(None), |place| inner.groups.open(place))?;
            match folder.load()? {
                Some(record) => {
                    inner.users.remember(&record.spec.key.project, record.users);
                    let instance = Arc::new(Instance::adopt(record, folder, group, inner.events.clone())?);
                    lock(&inner.instances).insert(id, instance.clone());
                    if !instance.has_ended() {
                        instance.listen(|| inner.listen_again(&instance));
                        inner.watch(instance);
                    }
                }
                None => {
                    // A start that was cut off: nobody knows of it.
                    if let Some(group) = group {
                        group.kill()?;
                        group.remove()?;
                    }
                    folder.remove()?;
                }
            }
        }
        Ok(())
    }
}

impl<N: Networks> Inner<N> {
    fn get(&self, id: InstanceId) -> Option<Arc<Instance>> {
        lock(&self.instances).get(&id).cloned()
    }

    fn all(&self) -> Vec<Arc<Instance>> {
        lock(&self.instances).values().cloned().collect()
    }

    /// Tell of the instance's end, also when it has ended already.
    fn watch(self: &Arc<Self>, instance: Arc<Instance>) {
        self.watch_kills(&instance);
        let id = instance.record.spec.id;
        let inner = Arc::downgrade(self);
        tokio::spawn(async move {
            instance.hold_disk().await;
            if let Err(e) = instance.watch().await {
                tracing::error!("instance {id} cannot be watched: {e}");
                return;
            }
            let Some(inner) = inner.upgrade() else { return };
            if !instance.stopping.load(Ordering::SeqCst) {
                inner.events.tell(WorkloadEvent::Ended(id));
            }
            tokio::task::spawn_blocking(move || instance.end_disk());
        });
    }
}
