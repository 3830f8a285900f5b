//! Waking what consists of several processes: the leaves first, then whoever watches them.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use crate::{
    cgroup::Group,
    tree::{Rest, Tree, Waits},
};

/// Supervisors wait this long for what they watch to come back, and no longer: it may hang, or never have had a reason
/// to run. Reading 200 MB back from a busy disk has been seen to take 3 s.
const LIMIT: Duration = Duration::from_secs(5);

/// Time between two looks: at first, and at most.
const SOON: Duration = Duration::from_micros(100);
const LATER: Duration = Duration::from_millis(2);

/// How a frozen tree of processes is to be woken.
#[derive(Debug)]
pub(super) struct Rise {
    leaves: Vec<u32>,
    /// Those held back, innermost first.
    supervisors: Vec<Vec<u32>>,
    waits: Waits,
    rest: Rest,
    /// When it was frozen; `None` when that was before our time.
    since: Option<Instant>,
}

impl Rise {
    /// Hold the supervisors of a frozen group back. `None` when there are none, and one thaw does it all.
    pub(super) fn prepare(group: &dyn Group, init: u32, since: Option<Instant>) -> io::Result<Option<Self>> {
        let tree = Tree::of(&group.procs()?, init);
        let supervisors = tree.supervisors();
        if let Err(e) = group.hold_back(&supervisors) {
            // As they were before there were levels: awake all at once.
            tracing::warn!("cannot wake the leaves of a process tree first: {e}");
            (0..supervisors.len()).try_for_each(|level| group.thaw_level(level))?;
            return Ok(None);
        }
        if supervisors.is_empty() {
            return Ok(None);
        }
        let all = || tree.members().map(|m| m.pid);
        let (waits, rest) = (Waits::of(all()), Rest::before(all()));
        Ok(Some(Self { leaves: tree.leaves(), supervisors, waits, rest, since }))
    }

    /// Thaw the leaves.
    pub(super) fn begin(&self, group: &dyn Group) -> io::Result<()> {
        // One that slept before our time has slept for long.
        self.waits.shorten(self.since.map_or(Duration::MAX, |since| since.elapsed()));
        group.thaw_leaves()
    }

    /// Have `thaw` thaw each level when the one below has come to rest, until it says that nobody wants that any more; ask
    /// `wanted` meanwhile. Blocks.
    pub(super) fn go_on(&self, wanted: impl Fn() -> bool, thaw: impl Fn(usize) -> bool) {
        let deadline = Instant::now() + LIMIT;
        let mut below = &self.leaves;
        for (level, supervisors) in self.supervisors.iter().enumerate() {
            self.wait(below, || wanted() && Instant::now() < deadline);
            if !thaw(level) {
                return;
            }
            below = supervisors;
        }
    }

    /// Until these have run and wait again.
    fn wait(&self, pids: &[u32], go_on: impl Fn() -> bool) {
        let start = Instant::now();
        let mut before = None;
        while go_on() {
            let now = self.rest.look(pids);
            if now.is_some() && now == before {
                return;
            }
            before = now;
            thread::sleep((start.elapsed() / 4).clamp(SOON, LATER));
        }
    }
}
