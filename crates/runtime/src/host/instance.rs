//! One instance as this process knows it.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dormouse_backend::{Ended, Notifier, Workload};
use dormouse_model::{ExitStatus, Limits, Phase, Time, Usage, clock};
use rustix::process::{Signal, pidfd_send_signal};
use tokio::{sync::watch, time::timeout};

use super::{
    record::{Folder, Record},
    sleep::{Shown, Sleep},
};
use crate::{
    cgroup::Group,
    disk::Held,
    process,
    sandbox::{blame, exit},
};

/// One instance.
pub(super) struct Instance {
    pub(super) record: Record,
    pub(super) folder: Folder,
    pub(super) group: Option<Arc<dyn Group>>,
    /// Its init; `None` when it had ended already when it was found.
    pidfd: Option<OwnedFd>,
    pub(super) sleep: Mutex<Sleep>,
    pub(super) shown: Shown,
    /// Wakes that wait for a freeze to end.
    pub(super) wakes: AtomicUsize,
    /// Its disk, once it is held.
    disk: Mutex<Option<Held>>,
    pub(super) events: Notifier,
    /// What it runs within; newer than what `record` says once they have been changed.
    limits: Mutex<Limits>,
    ended: watch::Sender<Option<(ExitStatus, Time)>>,
    /// Its end has been asked for, so that it is no news.
    pub(super) stopping: AtomicBool,
    /// One sleep or stop at a time; a wake waits for neither.
    pub(super) busy: tokio::sync::Mutex<()>,
}

impl Instance {
    /// Take up an instance from its record, running or ended.
    pub(super) fn adopt(
        record: Record,
        folder: Folder,
        group: Option<Arc<dyn Group>>,
        events: Notifier,
    ) -> io::Result<Self> {
        let pidfd = record.process.open().ok().flatten();
        let sleep = match (&group, &pidfd) {
            (Some(group), Some(_)) => Sleep::adopt(&**group, record.process.pid)?,
            (Some(_) | None, _) => Sleep::default(),
        };
        let instance = Self {
            limits: Mutex::new(record.spec.limits),
            record,
            folder,
            group,
            shown: Shown::of(&sleep),
            sleep: Mutex::new(sleep),
            wakes: AtomicUsize::new(0),
            disk: Mutex::new(None),
            events,
            ended: watch::Sender::new(None),
            stopping: AtomicBool::new(false),
            busy: tokio::sync::Mutex::new(()),
            pidfd,
        };
        if instance.pidfd.is_none() {
            instance.settle(false);
        }
        Ok(instance)
    }

    fn end(&self) -> Option<(ExitStatus, Time)> {
        *self.ended.borrow()
    }

    /// Find out how it ended, now that it has; `watched` says whether that was a moment ago.
    fn settle(&self, watched: bool) {
        let (status, at) = exit::read(&self.folder.exit()).unwrap_or_else(|| {
            // An init writes its record whatever happens, unless it is killed: by us, or by somebody on the host.
            let killed = watched || self.stopping.load(Ordering::SeqCst);
            let status = if killed { ExitStatus::Signal(Signal::KILL.as_raw()) } else { ExitStatus::Lost };
            (status, clock::now())
        });
        let oom = self.group.as_ref().is_some_and(|g| g.oom_kills().unwrap_or(0) > 0);
        self.ended.send_replace(Some((blame(status, oom), at)));
    }

    /// Return once it has ended.
    pub(super) async fn watch(&self) -> io::Result<()> {
        if let Some(pidfd) = &self.pidfd
            && self.end().is_none()
        {
            process::ended(pidfd.try_clone()?).await?;
            self.settle(true);
        }
        Ok(())
    }

    /// Returns once it has ended, or is forgotten.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.ended.subscribe();
        async move { drop(ended.wait_for(Option::is_some).await) }
    }

    /// Hold its disk, if it has one. Without, it runs as well and only ends more slowly.
    pub(super) async fn hold_disk(self: &Arc<Self>) {
        let Some(device) = self.record.disk.filter(|_| !self.has_ended()) else { return };
        let instance = self.clone();
        let held = tokio::task::spawn_blocking(move || {
            let mut disk = instance.disk.lock().unwrap_or_else(PoisonError::into_inner);
            *disk = Some(Held::find(device, &instance.folder.disk())?);
            Ok::<_, io::Error>(())
        });
        if let Ok(Err(e)) = held.await {
            // It has just ended, say.
            tracing::debug!("cannot hold the disk of {}: {e}", self.record.spec.id);
        }
    }

    /// Do something with its disk, if it has one that is held and not being let go.
    pub(super) fn with_disk<T>(&self, act: impl FnOnce(&Held) -> io::Result<T>) -> Option<T> {
        let disk = self.disk.try_lock().ok()?;
        let done = act(disk.as_ref()?);
        done.inspect_err(|e| tracing::debug!("the disk of {}: {e}", self.record.spec.id)).ok()
    }

    /// Let its disk go, now that it has ended. Blocks.
    pub(super) fn end_disk(&self) {
        // Under the lock: who comes second waits until it is gone.
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = disk.take() {
            held.end();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    pub(super) fn workload(&self) -> Workload {
        let end = self.end();
        let phase = match (end, self.depth()) {
            (Some((status, _)), _) => Phase::Exited(status),
            (None, Some(depth)) => Phase::Asleep(depth),
            (None, None) => Phase::Running,
        };
        Workload {
            id: self.record.spec.id,
            key: self.record.spec.key.clone(),
            deployment: self.record.spec.deployment,
            image: self.record.spec.image.clone(),
            limits: *self.limits(),
            addr: self.record.addr,
            pid: if end.is_some() { 0 } else { self.record.process.pid },
            phase,
            started_at: self.record.started_at,
            exited_at: end.map(|(_, at)| at),
        }
    }

    fn limits(&self) -> std::sync::MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory and processor time.
    pub(super) fn usage(&self) -> io::Result<Usage> {
        let Some(group) = &self.group else { return Ok(Usage::default()) };
        let stats = group.stats()?;
        Ok(Usage {
            resident_bytes: stats.resident,
            swapped_bytes: stats.swapped,
            needed_bytes: stats.resident.saturating_sub(stats.droppable) + stats.swapped,
            cpu: stats.cpu,
            // The first is ours.
            tasks: stats.tasks.saturating_sub(1),
            // Nobody waits for one that is being let go.
            disk: self.with_disk(Held::usage),
        })
    }

    /// Run within other limits from now on; or what it needs, when that is more memory than it would have. Blocks.
    pub(super) fn set_limits(&self, limits: Limits) -> io::Result<Result<(), u64>> {
        let mut current = self.limits();
        if let Some(group) = self.group.as_ref().filter(|_| *current != limits) {
            let needed = self.usage()?.needed_bytes;
            // The kernel would make room by killing.
            if limits.memory < current.memory && limits.memory < needed {
                return Ok(Err(needed));
            }
            group.limit(&limits)?;
            let mut record = self.record.clone();
            record.spec.limits = limits;
            self.folder.save(&record)?;
            *current = limits;
        }
        Ok(Ok(()))
    }

    /// Ask it to end, kill it after `grace`.
    pub(super) async fn stop(self: &Arc<Self>, grace: Duration) -> io::Result<Ended> {
        self.stopping.store(true, Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        if let Some(pidfd) = &self.pidfd {
            self.wake().await?;
            pidfd_send_signal(pidfd, Signal::TERM).ok();
            if timeout(grace, ended.wait_for(Option::is_some)).await.is_err() {
                self.kill().await?;
            }
        }
        let end = ended.wait_for(Option::is_some).await.map_err(io::Error::other)?;
        let (status, at) = end.ok_or_else(|| io::Error::other("it has not ended"))?;
        Ok(Ended { status, at })
    }

    /// Kill everything in it.
    pub(super) async fn kill(&self) -> io::Result<()> {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(pidfd) = &self.pidfd {
            pidfd_send_signal(pidfd, Signal::KILL).ok();
        }
        let Some(group) = self.group.clone() else { return Ok(()) };
        tokio::task::spawn_blocking(move || group.kill()).await.map_err(io::Error::other)?
    }
}
