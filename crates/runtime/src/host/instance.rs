//! One instance as this process knows it.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use dormouse_backend::Workload;
use dormouse_model::{Depth, ExitStatus, Limits, Phase, Time, Usage};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::watch,
    time::timeout,
};

use super::{
    record::{Folder, Record},
    rise::Rise,
    stirs::Listener,
};
use crate::{
    cgroup::Group,
    sandbox::{blame, exit},
};

/// This much left after paging out is not worth another try. A shell that waits has less.
const SMALL: u64 = 1 << 20;

/// Whether it sleeps, and how it wakes.
#[derive(Default)]
struct Rest {
    /// Depth while asleep.
    asleep: Option<Depth>,
    /// While asleep, when it consists of several processes.
    rise: Option<Rise>,
    /// How often it has slept or been woken.
    turns: u64,
    /// The turn whose wake is under way: some of its processes are still held back.
    rising: Option<u64>,
    /// While asleep: whoever listens for bytes that arrive.
    listener: Option<Listener>,
    /// Whether they have.
    stirred: bool,
}

impl Rest {
    fn wake(&mut self) {
        (self.asleep, self.listener, self.stirred) = (None, None, false);
    }
}

/// One instance.
pub(super) struct Instance {
    pub(super) record: Record,
    pub(super) folder: Folder,
    pub(super) group: Option<Arc<dyn Group>>,
    /// Its init; `None` when it had ended already when it was found.
    pidfd: Option<OwnedFd>,
    rest: Mutex<Rest>,
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
    pub(super) fn adopt(record: Record, folder: Folder, group: Option<Arc<dyn Group>>) -> io::Result<Self> {
        let pid = i32::try_from(record.process.pid).ok().and_then(Pid::from_raw);
        // Opened before looking, so that what is looked at is what is open.
        let pidfd = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let pidfd = pidfd.filter(|_| record.process.is_alive());
        let mut rest = Rest::default();
        if let (Some(group), Some(_)) = (&group, &pidfd) {
            // Whoever had it before may have been killed in the middle of freezing it, of paging it out or of waking it.
            group.hold()?;
            if group.is_frozen()? {
                rest.asleep = Some(depth(&**group, 0)?);
                rest.rise = Rise::prepare(&**group, record.process.pid, None)?;
            } else {
                group.thaw()?;
            }
        }
        let instance = Self {
            limits: Mutex::new(record.spec.limits),
            record,
            folder,
            group,
            rest: Mutex::new(rest),
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
            self.settle(true);
        }
        Ok(())
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How deeply it sleeps, if it does.
    pub(super) fn depth(&self) -> Option<Depth> {
        self.rest().asleep
    }

    /// Have bytes that arrive for it be heard of, if it sleeps.
    pub(super) fn listen(&self, listen: impl FnOnce() -> Listener) {
        let mut rest = self.rest();
        if rest.asleep.is_some() {
            rest.listener = Some(listen());
        }
    }

    /// Bytes have arrived for it; true when it still sleeps.
    pub(super) fn stir(&self) -> bool {
        let mut rest = self.rest();
        rest.stirred = rest.asleep.is_some();
        rest.stirred
    }

    /// Whether bytes have arrived for it while it sleeps.
    pub(super) fn is_stirred(&self) -> bool {
        self.rest().stirred
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
            limits: *self.limits(),
            addr: self.record.spec.addr,
            pid: if end.is_some() { 0 } else { self.record.process.pid },
            phase,
            started_at: self.record.started_at,
            exited_at: end.map(|(_, at)| at),
        }
    }

    /// Freeze it, `listen` from then on, and push its memory out when asked to, as far as there is room. Blocks.
    pub(super) fn sleep(&self, page: bool, listen: impl FnOnce() -> Listener) -> io::Result<Depth> {
        let Some(group) = &self.group else { return Ok(Depth::Frozen) };
        {
            let mut rest = self.rest();
            match rest.asleep {
                Some(Depth::Paged) => return Ok(Depth::Paged),
                Some(Depth::Frozen | Depth::Stopped) if !page => return Ok(Depth::Frozen),
                Some(Depth::Frozen | Depth::Stopped) => {}
                None => {
                    // A wake that is under way has no part in this any more.
                    rest.rising = None;
                    rest.turns += 1;
                    group.freeze()?;
                    rest.asleep = Some(Depth::Frozen);
                    (rest.listener, rest.stirred) = (Some(listen()), false);
                    rest.rise = Rise::prepare(&**group, self.record.process.pid, Some(Instant::now()))?;
                }
            }
        }
        if !page {
            return Ok(Depth::Frozen);
        }
        group.reclaim()?;
        let reached = depth(&**group, SMALL)?;
        let mut rest = self.rest();
        // Unless it was woken meanwhile.
        if rest.asleep.is_some() {
            rest.asleep = Some(reached);
        }
        Ok(reached)
    }

    /// Thaw it: one write, unless it consists of several processes. Then those that watch others are thawed later, by a
    /// thread of their own, and first the waits of all of them are told of the time, which may have to be read from swap.
    pub(super) async fn wake(self: &Arc<Self>) -> io::Result<()> {
        if self.rest().rise.is_none() {
            return self.wake_at_once();
        }
        let instance = self.clone();
        tokio::task::spawn_blocking(move || instance.wake_in_turn()).await.map_err(io::Error::other)?
    }

    fn wake_at_once(&self) -> io::Result<()> {
        let mut rest = self.rest();
        if let Some(group) = &self.group {
            match rest.rising {
                // Those that are held back have their time.
                Some(_) => group.thaw_leaves()?,
                None => group.thaw()?,
            }
        }
        rest.wake();
        Ok(())
    }

    fn wake_in_turn(self: &Arc<Self>) -> io::Result<()> {
        let mut rest = self.rest();
        let (Some(group), Some(rise)) = (&self.group, rest.rise.take()) else {
            drop(rest);
            return self.wake_at_once();
        };
        rise.begin(&**group)?;
        rest.wake();
        rest.turns += 1;
        let turn = rest.turns;
        rest.rising = Some(turn);
        drop(rest);
        let instance = self.clone();
        tokio::task::spawn_blocking(move || instance.rise(&rise, turn));
        Ok(())
    }

    /// Thaw those that were held back, unless it is put to sleep again meanwhile.
    fn rise(&self, rise: &Rise, turn: u64) {
        let Some(group) = &self.group else { return };
        let wanted = || self.rest().rising == Some(turn) && !self.has_ended();
        let thaw = |level| {
            let rest = self.rest();
            // A group that is gone has nobody in it.
            rest.rising == Some(turn) && group.thaw_level(level).is_ok()
        };
        rise.go_on(wanted, thaw);
        let mut rest = self.rest();
        if rest.rising == Some(turn) {
            rest.rising = None;
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
    pub(super) async fn stop(self: &Arc<Self>, grace: Duration) -> io::Result<()> {
        self.stopping.store(true, Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        let Some(pidfd) = &self.pidfd else { return Ok(()) };
        self.wake().await?;
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
