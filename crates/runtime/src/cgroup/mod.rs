//! Control groups: limits, freezing, reclaiming and accounting, on both versions of the kernel's interface.

mod alarm;
mod detect;
mod files;
mod levels;
mod place;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::{fmt::Debug, io, sync::Arc, time::Duration};

use dormouse_model::Limits;

pub use alarm::Alarm;
pub(crate) use alarm::Listening;
pub use detect::{Found, detect, find};
pub use place::Place;
pub use v1::V1;
pub use v2::V2;

/// The folder of all our groups, below each hierarchy's root; each server has one of its own in it.
pub const TOP: &str = "dormouse";

/// Who goes first when more processor or disk is wanted than there is. Limits say how much one may have, this how much one
/// gets of what there is on its level ([`Place`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// An app: as much as each of its project's others. Projects get the same each.
    App,
    /// A build, a tenth of what a project gets: people wait for apps, and a build that takes a processor nobody wants loses
    /// nothing.
    Build,
}

impl Share {
    /// In hundredths of what everybody else on the level gets.
    fn percent(self) -> u32 {
        match self {
            Self::App => 100,
            Self::Build => 10,
        }
    }
}

/// The groups of one server: `dormouse/<tag>/project-<project>/<name>` on one version of the interface, and
/// `dormouse/<tag>/<name>` for those of no project.
pub trait Groups: Send + Sync + Debug {
    /// 1 or 2.
    fn version(&self) -> u8;

    /// Make a group with limits; one that exists there already gets the limits and is used.
    ///
    /// # Errors
    /// When the kernel refuses a folder or a limit.
    fn create(&self, place: &Place, limits: &Limits, share: Share) -> io::Result<Arc<dyn Group>>;

    /// Open a group made earlier, also by an earlier process; `None` when there is none.
    ///
    /// # Errors
    /// When it exists but cannot be opened.
    fn open(&self, place: &Place) -> io::Result<Option<Arc<dyn Group>>>;

    /// Where all groups of this server are.
    ///
    /// # Errors
    /// When a folder cannot be read.
    fn list(&self) -> io::Result<Vec<Place>>;

    /// Remove the server's own folder once no group is left in it; does nothing while one is.
    fn remove_top(&self);
}

/// One group. Every call blocks; only those that thaw are quick enough for an async task.
pub trait Group: Send + Sync + Debug {
    /// Put a process (all its threads) into the group. What it allocates from now on is charged here.
    ///
    /// # Errors
    /// When the process is gone or the kernel refuses.
    fn add(&self, pid: u32) -> io::Result<()>;

    /// Run within other limits from now on.
    ///
    /// # Errors
    /// When the kernel refuses one; those before it hold then. Memory comes first.
    fn limit(&self, limits: &Limits) -> io::Result<()>;

    /// Stop scheduling its processes; returns once none of them runs any more.
    ///
    /// # Errors
    /// When they did not stop within five seconds, or before it was given up; they have been thawed again then.
    fn freeze(&self, is_given_up: &dyn Fn() -> bool) -> io::Result<()>;

    /// While it is frozen: have [`Group::thaw_leaves`] leave these processes frozen, until [`Group::thaw_level`] is told
    /// their place in `levels`. Replaces what was said before. What they fork later is where they are.
    ///
    /// # Errors
    /// When the kernel refuses; some may have been held back then.
    fn hold_back(&self, levels: &[Vec<u32>]) -> io::Result<()>;

    /// Schedule its processes again but those held back: one write on a file that is open already.
    ///
    /// # Errors
    /// When the group is gone.
    fn thaw_leaves(&self) -> io::Result<()>;

    /// Schedule those again that were held back at this place; nobody was is no error.
    ///
    /// # Errors
    /// When the group is gone.
    fn thaw_level(&self, level: usize) -> io::Result<()>;

    /// Schedule all of its processes again, held back or not.
    ///
    /// # Errors
    /// When the group is gone.
    fn thaw(&self) -> io::Result<()>;

    /// Whether it is frozen.
    ///
    /// # Errors
    /// When the group is gone.
    fn is_frozen(&self) -> io::Result<bool>;

    /// Push as much of its memory out as goes while it is frozen; what is left is told by [`Group::stats`]. Thawing it
    /// ends that: nothing more is swapped of one that runs.
    ///
    /// # Errors
    /// When the kernel refuses. That not all could be pushed out is not an error.
    fn reclaim(&self) -> io::Result<()>;

    /// Swap nothing of it any more, whatever a [`Group::reclaim`] that was cut off has left.
    ///
    /// # Errors
    /// When the group is gone.
    fn hold(&self) -> io::Result<()>;

    /// Memory and processor time.
    ///
    /// # Errors
    /// When the group is gone.
    fn stats(&self) -> io::Result<Stats>;

    /// Bytes of its memory that are resident and that nothing but swap can take: no copy of them lies in a file.
    ///
    /// # Errors
    /// When the group is gone.
    fn unswapped(&self) -> io::Result<u64>;

    /// Whether its memory has been pushed out, for the greater part: swap may have been full. What came from files
    /// counts for neither side; the kernel drops it, or it is another's too. Less than `small` left is none.
    ///
    /// # Errors
    /// When the group is gone.
    fn is_paged(&self, small: u64) -> io::Result<bool> {
        let stats = self.stats()?;
        // On many processors the kernel's statistics lag behind by megabytes, its charges do not.
        let left = self.unswapped()?.min(stats.resident);
        Ok(left < stats.swapped.max(small))
    }

    /// How many of its processes the kernel has killed because its memory limit was reached.
    ///
    /// # Errors
    /// When the group is gone.
    fn oom_kills(&self) -> io::Result<u64>;

    /// What tells when there may be more of them.
    ///
    /// # Errors
    /// When the group is gone or the kernel refuses.
    fn alarm(&self) -> io::Result<Alarm>;

    /// Host process ids of all its processes.
    ///
    /// # Errors
    /// When the group is gone.
    fn procs(&self) -> io::Result<Vec<u32>>;

    /// Kill everything in it, frozen or not.
    ///
    /// # Errors
    /// When the group is gone or the kernel refuses.
    fn kill(&self) -> io::Result<()>;

    /// Remove the group; waits up to two seconds for its last processes to leave.
    ///
    /// # Errors
    /// When processes are still in it.
    fn remove(&self) -> io::Result<()>;
}

/// What a group uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes of memory charged to it, page cache and kernel memory included.
    pub resident: u64,
    /// Bytes of its memory in swap, before any compression.
    pub swapped: u64,
    /// Bytes of `resident` that the kernel can drop, because a file has them too.
    pub droppable: u64,
    /// The most `resident` has been.
    pub peak: u64,
    /// Processor time.
    pub cpu: Duration,
    /// Processes and threads, the sandbox's own first one among them.
    pub tasks: u64,
}
