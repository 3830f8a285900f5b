//! Sleeping and waking of one instance.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use dormouse_backend::WorkloadEvent;
use dormouse_model::{Depth, Sighting};
use tokio::task::spawn_blocking;

use super::{
    instance::Instance,
    missed::Missed,
    rise::{self, Rise},
    stirs::Listener,
};
use crate::{cgroup::Group, ends::Ends, tree::Tree};

/// This much left after paging out is not worth another try. A shell that waits has less.
const SMALL: u64 = 1 << 20;

/// Time after a wake within which a supervisor that noticed the sleep has replaced its processes: Puma looks every 5 s.
const AFTERMATH: Duration = Duration::from_secs(8);

/// Whether an instance sleeps, and how it wakes.
#[derive(Default)]
pub(super) struct Sleep {
    /// Depth while asleep; also while it runs for a moment that nobody is to see.
    pub(super) depth: Option<Depth>,
    /// While frozen, when it consists of several processes.
    rise: Option<Rise>,
    /// How often it has been frozen or woken.
    turns: u64,
    /// The turn whose wake is under way: some of its processes are still held back.
    rising: Option<u64>,
    /// After a wake, for a while.
    missed: Option<Missed>,
    /// While asleep: whoever listens for bytes that arrive.
    listener: Option<Listener>,
    /// Whether they have.
    stirred: bool,
}

impl Sleep {
    /// Of an instance that somebody else froze, or not.
    pub(super) fn adopt(group: &dyn Group, init: u32) -> io::Result<Self> {
        // Whoever had it before may have been killed in the middle of freezing it, of paging it out or of waking it.
        group.hold()?;
        if !group.is_frozen()? {
            group.thaw()?;
            return Ok(Self::default());
        }
        let rise = Rise::prepare(group, init, None)?;
        Ok(Self { depth: Some(depth(group, 0)?), rise, ..Self::default() })
    }

    fn wake(&mut self) {
        (self.depth, self.listener, self.stirred) = (None, None, false);
    }

    fn begin_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

impl Instance {
    /// Waits for a freeze that is under way. Blocks.
    fn sleep_state(&self) -> Changing<'_> {
        Changing { sleep: self.sleep.lock().unwrap_or_else(PoisonError::into_inner), shown: &self.shown }
    }

    /// How deeply it sleeps, if it does; while it is being frozen, how it was before. Waits for nobody.
    pub(super) fn depth(&self) -> Option<Depth> {
        self.shown.get().0
    }

    /// Have bytes that arrive for it be heard of, if it sleeps.
    pub(super) fn listen(&self, listen: impl FnOnce() -> Listener) {
        let mut sleep = self.sleep_state();
        if sleep.depth.is_some() {
            sleep.listener = Some(listen());
        }
    }

    /// Bytes have arrived for it: that is told if it still sleeps.
    pub(super) fn stir(&self) {
        let mut sleep = self.sleep_state();
        if sleep.depth.is_some() {
            sleep.stirred = true;
            let event = WorkloadEvent::Stirred(self.record.spec.id);
            self.events.show_and_tell(|| self.shown.set(&sleep), event);
        }
    }

    /// Whether bytes have arrived for it while it sleeps. Waits for nobody.
    pub(super) fn is_stirred(&self) -> bool {
        self.shown.get().1
    }

    /// See whether what was pushed out still is: swap may have been taken away.
    pub(super) fn measure_depth(&self) -> io::Result<()> {
        let Some(group) = &self.group else { return Ok(()) };
        let mut sleep = self.sleep_state();
        if sleep.depth == Some(Depth::Paged) {
            sleep.depth = Some(depth(&**group, SMALL)?);
        }
        Ok(())
    }

    /// Freeze it, `listen` from then on, and push its memory out when asked to, as far as there is room. Blocks.
    pub(super) fn sleep(&self, page: bool, listen: impl FnOnce() -> Listener) -> io::Result<Depth> {
        let Some(group) = &self.group else { return Ok(Depth::Frozen) };
        {
            let mut sleep = self.sleep_state();
            match sleep.depth {
                Some(Depth::Frozen | Depth::Paged | Depth::Stopped) => {}
                None => self.freeze(&mut sleep, &**group, listen)?,
            }
        }
        self.page_out(page, &**group)
    }

    fn freeze(
        &self,
        sleep: &mut Sleep,
        group: &dyn Group,
        listen: impl FnOnce() -> Listener,
    ) -> io::Result<()> {
        // A wake that is under way has no part in this any more.
        sleep.rising = None;
        sleep.begin_turn();
        group.freeze(&|| self.wakes.load(Ordering::SeqCst) > 0)?;
        sleep.depth = Some(Depth::Frozen);
        // It is told once for each sleep.
        if !sleep.stirred {
            sleep.listener = Some(listen());
        }
        self.look_for_missed(sleep.missed.take(), group)?;
        sleep.rise = Rise::prepare(group, self.record.process.pid, Some(Instant::now()))?;
        if sleep.rise.as_ref().is_some_and(|rise| rise.is_puma) {
            self.tell(Sighting::Puma);
        }
        Ok(())
    }

    fn page_out(&self, page: bool, group: &dyn Group) -> io::Result<Depth> {
        if !page {
            return Ok(Depth::Frozen);
        }
        group.reclaim()?;
        let reached = depth(group, SMALL)?;
        let mut sleep = self.sleep_state();
        // Unless it was woken meanwhile.
        if sleep.depth.is_some() {
            sleep.depth = Some(reached);
        }
        Ok(reached)
    }

    /// Thaw it: one write, unless it consists of several processes. Then those that watch others are thawed later, by a
    /// thread of their own, and first the waits of all of them are told of the time, which may have to be read from swap.
    pub(super) async fn wake(self: &Arc<Self>) -> io::Result<()> {
        if let Ok(sleep) = self.sleep.try_lock()
            && sleep.rise.is_none()
        {
            return self.wake_at_once(Changing { sleep, shown: &self.shown });
        }
        // A freeze that is under way ends for it.
        let waking = Waking::of(self.clone());
        spawn_blocking(move || waking.0.wake_in_turn()).await.map_err(io::Error::other)?
    }

    fn wake_at_once(&self, mut sleep: Changing<'_>) -> io::Result<()> {
        if let Some(group) = &self.group {
            match sleep.rising {
                // Those that are held back have their time.
                Some(_) => group.thaw_leaves()?,
                None => group.thaw()?,
            }
        }
        sleep.wake();
        Ok(())
    }

    fn wake_in_turn(self: &Arc<Self>) -> io::Result<()> {
        let mut sleep = self.sleep_state();
        let (Some(group), Some(rise)) = (&self.group, sleep.rise.take()) else {
            return self.wake_at_once(sleep);
        };
        let turn = begin(&mut sleep, &rise, &**group)?;
        sleep.wake();
        drop(sleep);
        let instance = self.clone();
        spawn_blocking(move || {
            instance.rise(&rise, turn);
            instance.look_back(turn);
        });
        Ok(())
    }

    /// Thaw those that were held back, unless it is put to sleep again meanwhile.
    fn rise(&self, rise: &Rise, turn: u64) {
        let Some(group) = &self.group else { return };
        // Who could take note of their ends is still held back.
        let ends = Ends::watch(rise.lasting.members());
        {
            let mut sleep = self.sleep_state();
            let is_ours = sleep.rising == Some(turn);
            if let Some(missed) = sleep.missed.as_mut().filter(|_| is_ours) {
                missed.watch(ends);
            }
        }
        let wanted = || self.sleep_state().rising == Some(turn) && !self.has_ended();
        let thaw = |level| {
            let mut sleep = self.sleep_state();
            if sleep.rising != Some(turn) {
                return false;
            }
            if let Some(missed) = &mut sleep.missed {
                missed.forget_ended();
            }
            // A group that is gone has nobody in it.
            group.thaw_level(level).is_ok()
        };
        rise.go_on(wanted, thaw);
        let mut sleep = self.sleep_state();
        if sleep.rising == Some(turn) {
            sleep.rising = None;
        }
    }

    /// After a while, see whether a supervisor has replaced its processes; unless it sleeps again by then, and that saw to it.
    fn look_back(self: &Arc<Self>, turn: u64) {
        let instance = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(AFTERMATH).await;
            let looked = spawn_blocking(move || {
                let mut sleep = instance.sleep_state();
                match &instance.group {
                    Some(group) if sleep.turns == turn => {
                        instance.look_for_missed(sleep.missed.take(), &**group)
                    }
                    Some(_) | None => Ok(()),
                }
            });
            if let Ok(Err(e)) = looked.await {
                tracing::debug!("cannot see whether processes are missing: {e}");
            }
        });
    }

    fn look_for_missed(&self, missed: Option<Missed>, group: &dyn Group) -> io::Result<()> {
        let Some(missed) = missed else { return Ok(()) };
        let now = Tree::of(&group.procs()?, self.record.process.pid);
        if let Some(seen) = missed.look(&now) {
            self.tell(seen);
        }
        Ok(())
    }

    fn tell(&self, seen: Sighting) {
        self.events.tell(WorkloadEvent::Noticed(self.record.spec.id, seen));
    }

    /// Let its supervisors look at their processes although it sleeps, and everybody do what came due meanwhile. Returns on how
    /// many thousandths of a processor it worked when that ended. Blocks.
    ///
    /// # Errors
    /// When it is awake, or is woken meanwhile.
    pub(super) fn look_around(self: &Arc<Self>) -> io::Result<u32> {
        let Some(group) = &self.group else { return Ok(0) };
        let mut sleep = self.sleep_state();
        if sleep.depth.is_none() {
            return Err(is_awake());
        }
        // Until it is frozen again, what arrives has its chance to be read.
        sleep.listener = None;
        let wanted = || self.depth().is_some() && !self.has_ended();
        // What cannot be measured is not woken for it.
        let cpu = || group.stats().map_or(Duration::ZERO, |stats| stats.cpu);
        let Some(rise) = sleep.rise.take() else {
            // Nobody in it is held back: most often one process, which watches itself.
            sleep.begin_turn();
            group.thaw()?;
            drop(sleep);
            let share = rise::look_around(wanted, || true, cpu);
            return if self.depth().is_some() { Ok(share) } else { Err(is_awake()) };
        };
        let turn = begin(&mut sleep, &rise, &**group)?;
        drop(sleep);
        self.rise(&rise, turn);
        let share = rise.look_around(wanted, cpu);
        if self.depth().is_none() {
            self.look_back(turn);
            return Err(is_awake());
        }
        Ok(share)
    }

    /// Freeze it again after that, as [`Instance::sleep`] does. Blocks.
    ///
    /// # Errors
    /// When it was woken meanwhile.
    pub(super) fn sleep_on(&self, page: bool, listen: impl FnOnce() -> Listener) -> io::Result<Depth> {
        let Some(group) = &self.group else { return Ok(Depth::Frozen) };
        {
            let mut sleep = self.sleep_state();
            if sleep.depth.is_none() {
                return Err(is_awake());
            }
            self.freeze(&mut sleep, &**group, listen)?;
        }
        self.page_out(page, &**group)
    }
}

/// The state while it is changed; when that is done, [`Shown`] is what has come of it.
struct Changing<'a> {
    sleep: MutexGuard<'a, Sleep>,
    shown: &'a Shown,
}

impl Deref for Changing<'_> {
    type Target = Sleep;

    fn deref(&self) -> &Sleep {
        &self.sleep
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Sleep {
        &mut self.sleep
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.shown.set(&self.sleep);
    }
}

/// Depth and whether bytes have arrived, for those who must not wait for a freeze to end.
pub(super) struct Shown(Mutex<(Option<Depth>, bool)>);

impl Shown {
    pub(super) fn of(sleep: &Sleep) -> Self {
        Self(Mutex::new((sleep.depth, sleep.stirred)))
    }

    fn get(&self) -> (Option<Depth>, bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, sleep: &Sleep) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (sleep.depth, sleep.stirred);
    }
}

/// A wake that waits for the state.
struct Waking(Arc<Instance>);

impl Waking {
    fn of(instance: Arc<Instance>) -> Self {
        instance.wakes.fetch_add(1, Ordering::SeqCst);
        Self(instance)
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.0.wakes.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_awake() -> io::Error {
    io::Error::other("it is awake")
}

/// Begin the wake of a tree; which turn it is.
fn begin(sleep: &mut Sleep, rise: &Rise, group: &dyn Group) -> io::Result<u64> {
    rise.begin(group)?;
    let turn = sleep.begin_turn();
    sleep.rising = Some(turn);
    sleep.missed = Missed::of(rise);
    Ok(turn)
}

/// How deep a frozen one sleeps; less than `small` left counts for nothing.
fn depth(group: &dyn Group, small: u64) -> io::Result<Depth> {
    Ok(if group.is_paged(small)? { Depth::Paged } else { Depth::Frozen })
}
