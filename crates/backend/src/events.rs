//! What happens to instances and to what they stand on without having been asked for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_model::{InstanceId, ProjectName, Sighting};
use tokio::sync::mpsc;

/// Something that happened by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadEvent {
    /// An instance ended.
    Ended(InstanceId),
    /// Bytes arrived for an instance that sleeps; told once for each sleep. What the edge and the prober send is not: they
    /// know whom they send it to.
    Stirred(InstanceId),
    /// Something in an instance noticed that it had slept.
    Noticed(InstanceId, Sighting),
    /// The kernel killed so many processes of an instance because its limit of memory was reached, and the rest runs on.
    Killed(InstanceId, u64),
    /// What others had damaged of the networks is made again.
    Repaired(Repair),
    /// The host's disk is nearly full, or is not any more.
    Disk(HostDisk),
}

/// Something of the networks that was not as it had been left, and is again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// What it was.
    pub damage: Damage,
    /// Whom it concerned.
    pub projects: BTreeSet<ProjectName>,
    /// From when it was noticed until it was made again.
    pub took: Duration,
}

/// What somebody else can damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// The rules about who reaches whom.
    Firewall,
    /// The bridge of a network, an address on it, or what is plugged into it.
    Bridge,
    /// What keeps addresses that no network has on this host.
    Route,
    /// How what leaves this host is divided.
    Bandwidth,
}

/// How much instances may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostDisk {
    /// So many bytes are left on it, and each instance may write no more than `each` of them.
    Short {
        /// Bytes.
        left: u64,
        /// Bytes.
        each: u64,
    },
    /// What their own disks hold.
    Enough,
}

/// Where events are told, by whoever sees them first; cloned, it is the same.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Arc<Mutex<Option<mpsc::UnboundedSender<WorkloadEvent>>>>);

impl Notifier {
    /// Tell whoever listens. Nobody has to.
    pub fn tell(&self, event: WorkloadEvent) {
        self.show_and_tell(|| {}, event);
    }

    /// Do both while nobody begins to listen: whoever does finds it shown, as an earlier one, or is told it, and not both. What
    /// `show` does may wait for nothing.
    pub fn show_and_tell(&self, show: impl FnOnce(), event: WorkloadEvent) {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        show();
        if let Some(to) = listener.as_ref() {
            // Who listened may be gone.
            to.send(event).ok();
        }
    }

    /// Hear, instead of whoever listened before, of those that `earlier` says are still to be told, and then of all to come.
    pub fn listen<I: IntoIterator<Item = WorkloadEvent>>(
        &self,
        earlier: impl FnOnce() -> I,
    ) -> mpsc::UnboundedReceiver<WorkloadEvent> {
        let (to, from) = mpsc::unbounded_channel();
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in earlier() {
            // It is there.
            to.send(event).ok();
        }
        *listener = Some(to);
        from
    }
}
