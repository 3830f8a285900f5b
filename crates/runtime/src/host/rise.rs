//! Waking what consists of several processes: the leaves first, then whoever watches them.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use crate::{
    cgroup::Group,
    process::Stat,
    tree::{Inbox, Polls, Rest, Tree, Waits},
};

/// Time for workers to tell that they live, while nobody needs their supervisor. Most do once a second, and so count
/// some that look for it in each turn of their loop: gunicorn's UvicornWorker has been seen to need 1.1 s.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// A worker that has not come back by then is not waited for: reading 200 MB from a busy disk has been seen to take 3 s.
const LIMIT: Duration = Duration::from_secs(5);

/// Who is asked for something itself waits this long at most for those below to come back: what they say of themselves when
/// they do, such as a heartbeat whose time has come, is there before it looks at the clock.
const ASKED: Duration = Duration::from_secs(1);

/// Time between two looks, at first and at most.
const SOON: Duration = Duration::from_micros(100);
const LATER: Duration = Duration::from_millis(20);

/// What of a moment tells whether it works on something new: what came due meanwhile is done by then, and what is needed
/// for that is back from swap.
const END: Duration = Duration::from_millis(500);

/// Let what is thawed hear of itself, until it is `back`. Returns on how many thousandths of a processor it worked in the
/// end, by the processor time that it tells. Blocks, for as long as it is `wanted`.
pub(super) fn look_around(
    wanted: impl Fn() -> bool,
    back: impl Fn() -> bool,
    cpu: impl Fn() -> Duration,
) -> u32 {
    let start = Instant::now();
    let mut mark = None;
    while wanted() && start.elapsed() < LIMIT && (start.elapsed() < HEARTBEAT || !back()) {
        if start.elapsed() >= HEARTBEAT.saturating_sub(END) {
            mark.get_or_insert_with(|| (Instant::now(), cpu()));
        }
        thread::sleep(LATER);
    }
    let Some((at, before)) = mark else { return 0 };
    let used = cpu().saturating_sub(before).as_micros() * 1000 / at.elapsed().as_micros().max(1);
    u32::try_from(used).unwrap_or(u32::MAX)
}

/// How a frozen tree of processes is to be woken.
#[derive(Debug)]
pub(super) struct Rise {
    /// Those of its processes that are missed when they are gone.
    pub(super) lasting: Tree,
    pub(super) is_puma: bool,
    leaves: Vec<u32>,
    /// Those held back, innermost first.
    supervisors: Vec<Level>,
    waits: Waits,
    rest: Rest,
    /// When it was frozen; `None` when that was before our time.
    since: Option<Instant>,
}

/// Processes that are held back together.
#[derive(Debug)]
struct Level {
    pids: Vec<u32>,
    /// What arrives for them and for all above them.
    inbox: Inbox,
    polls: Polls,
}

impl Rise {
    /// Hold the supervisors of a frozen group back. `None` when there are none, and one thaw does it all.
    pub(super) fn prepare(group: &dyn Group, init: u32, since: Option<Instant>) -> io::Result<Option<Self>> {
        let tree = Tree::of(&group.procs()?, init);
        let levels = tree.supervisors();
        if let Err(e) = group.hold_back(&levels) {
            // As they were before there were levels: awake all at once.
            tracing::warn!("cannot wake the leaves of a process tree first: {e}");
            (0..levels.len()).try_for_each(|level| group.thaw_level(level))?;
            return Ok(None);
        }
        if levels.is_empty() {
            return Ok(None);
        }
        let leaves = tree.leaves();
        let inbox = |level: usize| {
            let others = [&leaves[..], &levels[..level].concat()].concat();
            Inbox::of(&levels[level..].concat(), &others)
        };
        let inboxes: Vec<Inbox> = (0..levels.len()).map(inbox).collect();
        let level = |(pids, inbox): (Vec<u32>, _)| Level { polls: Polls::of(&pids), pids, inbox };
        let all = || tree.members().map(|m| m.pid);
        let (waits, rest) = (Waits::of(all()), Rest::of(all()));
        Ok(Some(Self {
            lasting: tree.lasting(),
            is_puma: Tree::is_puma(&levels.concat()),
            leaves,
            supervisors: levels.into_iter().zip(inboxes).map(level).collect(),
            waits,
            rest,
            since,
        }))
    }

    /// How long it has been frozen; unknown when it was frozen before our time.
    pub(super) fn slept(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }

    /// Thaw the leaves.
    pub(super) fn begin(&self, group: &dyn Group) -> io::Result<()> {
        // One that slept before our time has slept for long.
        self.waits.shorten(self.slept().unwrap_or(Duration::MAX));
        group.thaw_leaves()
    }

    /// Have `thaw` thaw each level when those below have had their time, until it says that nobody wants that any more; ask
    /// `wanted` meanwhile. Blocks.
    pub(super) fn go_on(&self, wanted: impl Fn() -> bool, thaw: impl Fn(usize) -> bool + Sync) {
        let mut below = &self.leaves;
        for (number, level) in self.supervisors.iter().enumerate() {
            let start = Instant::now();
            while wanted() && !self.is_time(start.elapsed(), below, &level.inbox) {
                thread::sleep((start.elapsed() / 8).clamp(SOON, LATER));
            }
            if !level.polls.thaw(|| thaw(number)) {
                return;
            }
            below = &level.pids;
        }
    }

    /// Let the supervisors look at what they watch, when all are awake. Blocks, for as long as it is `wanted`.
    pub(super) fn look_around(&self, wanted: impl Fn() -> bool, cpu: impl Fn() -> Duration) -> u32 {
        look_around(wanted, || self.lasting.members().all(|m| self.rest.is_back(m.pid)), cpu)
    }

    /// Whether a level is to be thawed, so long after the one below.
    fn is_time(&self, passed: Duration, below: &[u32], inbox: &Inbox) -> bool {
        let are_back = || below.iter().all(|pid| self.rest.is_back(*pid));
        passed >= LIMIT
            || (passed >= HEARTBEAT && are_back())
            // Nobody is left to be watched.
            || below.iter().all(|pid| Stat::of(*pid).is_none_or(|stat| stat.has_ended()))
            || (inbox.has_something() && (passed >= ASKED || are_back()))
    }
}
