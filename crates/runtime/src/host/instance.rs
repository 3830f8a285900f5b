//! One instance as this process knows it.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use dormouse_backend::Workload;
use dormouse_model::{Depth, ExitStatus, Phase, Time};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::watch,
    time::timeout,
};

use super::record::{Folder, Record};
use crate::{
    cgroup::Group,
    sandbox::{blame, exit},
};

/// This much left after paging out is not worth another try. A shell that waits has less.
const SMALL: u64 = 1 << 20;

/// One instance.
pub(super) struct Instance {
    pub(super) record: Record,
    pub(super) folder: Folder,
    pub(super) group: Option<Arc<dyn Group>>,
    /// Its init; `None` when it had ended already when it was found.
    pidfd: Option<OwnedFd>,
    /// Depth while asleep.
    asleep: Mutex<Option<Depth>>,
    ended: watch::Sender<Option<(ExitStatus, Time)>>,
    /// Its end has been asked for, so that it is no news.
    pub(super) stopping: AtomicBool,
    /// One sleep or stop at a time; a wake waits for neither.
    pub(super) busy: tokio::sync::Mutex<()>,
}

impl Instance {
    /// Take up an instance from its record, running or ended.
    pub(super) fn adopt(record: Record, folder: Folder, group: Option<Arc<dyn Group>>) -> io::Result<Self> {
        let pid = i32::try_from(record.process.pid).ok().and_then(Pid::from_raw);
        // Opened before looking, so that what is looked at is what is open.
        let pidfd = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let pidfd = pidfd.filter(|_| record.process.is_alive());
        let mut asleep = None;
        if let (Some(group), Some(_)) = (&group, &pidfd) {
            // Whoever had it before may have been killed in the middle of freezing it, or of paging it out.
            group.hold()?;
            if group.is_frozen()? {
                asleep = Some(depth(&**group, 0)?);
            } else {
                group.thaw()?;
            }
        }
        let instance = Self {
            record,
            folder,
            group,
            asleep: Mutex::new(asleep),
            ended: watch::Sender::new(None),
            stopping: AtomicBool::new(false),
            busy: tokio::sync::Mutex::new(()),
            pidfd,
        };
        if instance.pidfd.is_none() {
            instance.settle();
        }
        Ok(instance)
    }

    fn end(&self) -> Option<(ExitStatus, Time)> {
        *self.ended.borrow()
    }

    /// Find out how it ended, now that it has.
    fn settle(&self) {
        let (status, at) = exit::read(&self.folder.exit()).unwrap_or_else(|| {
            // The init went with the rest when we killed it.
            let killed = self.stopping.load(Ordering::SeqCst);
            let status = if killed { ExitStatus::Signal(Signal::KILL.as_raw()) } else { ExitStatus::Lost };
            (status, SystemTime::now().into())
        });
        let oom = self.group.as_ref().is_some_and(|g| g.oom_kills().unwrap_or(0) > 0);
        self.ended.send_replace(Some((blame(status, oom), at)));
    }

    /// Return once it has ended.
    pub(super) async fn watch(&self) -> io::Result<()> {
        if let Some(pidfd) = &self.pidfd
            && self.end().is_none()
        {
            // SAFETY: the pidfd is owned, always the same, and closed only after it is deregistered.
            let pidfd = unsafe { AsyncFd::register_with_interest(pidfd.try_clone()?, Interest::READABLE) }?;
            pidfd.readable().await?.retain_ready();
            self.settle();
        }
        Ok(())
    }

    fn asleep(&self) -> std::sync::MutexGuard<'_, Option<Depth>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    pub(super) fn workload(&self) -> Workload {
        let end = self.end();
        let phase = match (end, *self.asleep()) {
            (Some((status, _)), _) => Phase::Exited(status),
            (None, Some(depth)) => Phase::Asleep(depth),
            (None, None) => Phase::Running,
        };
        Workload {
            id: self.record.spec.id,
            key: self.record.spec.key.clone(),
            deployment: self.record.spec.deployment,
            addr: self.record.spec.addr,
            pid: if end.is_some() { 0 } else { self.record.process.pid },
            phase,
            started_at: self.record.started_at,
            exited_at: end.map(|(_, at)| at),
        }
    }

    /// Freeze it, and push its memory out when asked to, as far as there is room. Blocks.
    pub(super) fn sleep(&self, page: bool) -> io::Result<Depth> {
        let Some(group) = &self.group else { return Ok(Depth::Frozen) };
        {
            let mut asleep = self.asleep();
            match *asleep {
                Some(Depth::Paged) => return Ok(Depth::Paged),
                Some(Depth::Frozen | Depth::Stopped) if !page => return Ok(Depth::Frozen),
                Some(Depth::Frozen | Depth::Stopped) => {}
                None => {
                    group.freeze()?;
                    *asleep = Some(Depth::Frozen);
                }
            }
        }
        if !page {
            return Ok(Depth::Frozen);
        }
        group.reclaim()?;
        let reached = depth(&**group, SMALL)?;
        let mut asleep = self.asleep();
        // Unless it was woken meanwhile.
        if asleep.is_some() {
            *asleep = Some(reached);
        }
        Ok(reached)
    }

    /// Thaw it: one write.
    pub(super) fn wake(&self) -> io::Result<()> {
        let mut asleep = self.asleep();
        if let Some(group) = &self.group {
            group.thaw()?;
        }
        *asleep = None;
        Ok(())
    }

    /// Ask it to end, kill it after `grace`.
    pub(super) async fn stop(&self, grace: Duration) -> io::Result<()> {
        self.stopping.store(true, Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        let Some(pidfd) = &self.pidfd else { return Ok(()) };
        self.wake()?;
        pidfd_send_signal(pidfd, Signal::TERM).ok();
        if timeout(grace, ended.wait_for(Option::is_some)).await.is_ok() {
            return Ok(());
        }
        self.kill().await?;
        ended.wait_for(Option::is_some).await.map(drop).map_err(io::Error::other)
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

/// How deep a frozen one sleeps; less than `small` left counts for nothing.
fn depth(group: &dyn Group, small: u64) -> io::Result<Depth> {
    Ok(if group.is_paged(small)? { Depth::Paged } else { Depth::Frozen })
}
