//! Version 1: one hierarchy per controller.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_model::Limits;
use rustix::{
    event::{EventfdFlags, eventfd},
    process::{Pid, Signal, kill_process},
};

use super::{
    Alarm, Group, Groups, Place, Share, Stats, TOP, files,
    levels::{Levels, Switch},
    place,
};

/// Swappiness of who is awake: one that reaches its memory limit must be told so, not crawl on in swap.
const AWAKE: &str = "0";

/// The controller of the disk, which not every host has. What is written through the page cache is nobody's for it.
pub(super) const DISK: &str = "blkio";

const SWITCH: Switch = Switch { file: "freezer.state", freeze: b"FROZEN", thaw: b"THAWED" };

/// Groups on hierarchies of version 1.
#[derive(Debug)]
pub struct V1 {
    /// Controller to our folder in its hierarchy. Two controllers may share one.
    roots: BTreeMap<String, PathBuf>,
}

impl V1 {
    /// Use the hierarchies mounted at `mounts` (controller to mount point) for the server called `tag`.
    ///
    /// # Errors
    /// When our folder cannot be made in one of them.
    pub fn new(mounts: BTreeMap<String, PathBuf>, tag: &str) -> io::Result<Self> {
        let roots: BTreeMap<_, _> = mounts.into_iter().map(|(c, m)| (c, m.join(TOP).join(tag))).collect();
        for root in roots.values() {
            fs::create_dir_all(root)?;
        }
        Ok(Self { roots })
    }

    fn dirs(&self, place: &Place) -> BTreeMap<String, PathBuf> {
        self.roots.iter().map(|(c, r)| (c.clone(), place.dir(r))).collect()
    }

    fn group(&self, place: &Place) -> io::Result<V1Group> {
        V1Group::open(self.dirs(place), place.clone(), self.roots.values().cloned().collect())
    }
}

impl Groups for V1 {
    fn version(&self) -> u8 {
        1
    }

    fn create(&self, place: &Place, limits: &Limits, share: Share) -> io::Result<Arc<dyn Group>> {
        let dirs = self.dirs(place);
        for dir in dirs.values() {
            place::make(|| fs::create_dir_all(dir))?;
        }
        limit(&dirs, limits)?;
        files::write(&dirs["memory"], "memory.swappiness", AWAKE)?;
        // 1024 is everybody's.
        files::write(&dirs["cpu"], "cpu.shares", &(share.percent() * 1024 / 100).to_string())?;
        if let Some(dir) = dirs.get(DISK) {
            // 100 is everybody's.
            files::write_if_there(dir, "blkio.bfq.weight", &share.percent().to_string())?;
        }
        Ok(Arc::new(self.group(place)?))
    }

    fn open(&self, place: &Place) -> io::Result<Option<Arc<dyn Group>>> {
        let dirs = self.dirs(place);
        if !dirs["freezer"].exists() || !dirs["memory"].exists() {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.group(place)?)))
    }

    fn list(&self) -> io::Result<Vec<Place>> {
        place::list(&self.roots["freezer"])
    }

    fn remove_top(&self) {
        for root in self.roots.values() {
            place::remove_empty_levels(root);
            // Not empty means still in use, which is what removal must respect.
            if fs::remove_dir(root).is_ok()
                && let Some(top) = root.parent()
            {
                fs::remove_dir(top).ok();
            }
        }
    }
}

#[derive(Debug)]
struct V1Group {
    dirs: BTreeMap<String, PathBuf>,
    place: Place,
    roots: Vec<PathBuf>,
    state: File,
    levels: Levels,
    reclaiming: AtomicBool,
}

impl V1Group {
    fn open(dirs: BTreeMap<String, PathBuf>, place: Place, roots: Vec<PathBuf>) -> io::Result<Self> {
        let state = SWITCH.open(&dirs["freezer"])?;
        let levels = Levels::open(&dirs["freezer"], SWITCH)?;
        Ok(Self { dirs, place, roots, state, levels, reclaiming: AtomicBool::new(false) })
    }

    fn state(&self) -> io::Result<String> {
        let mut buffer = [0; 16];
        let n = self.state.read_at(&mut buffer, 0)?;
        Ok(String::from_utf8_lossy(&buffer[..n]).trim().to_owned())
    }
}

impl Group for V1Group {
    fn add(&self, pid: u32) -> io::Result<()> {
        let mut done: Vec<&PathBuf> = Vec::new();
        for dir in self.dirs.values() {
            if !done.contains(&dir) {
                files::write(dir, "cgroup.procs", &pid.to_string())?;
                done.push(dir);
            }
        }
        Ok(())
    }

    fn limit(&self, limits: &Limits) -> io::Result<()> {
        limit(&self.dirs, limits)
    }

    fn freeze(&self, is_given_up: &dyn Fn() -> bool) -> io::Result<()> {
        let mut tries = 0_u32;
        let frozen = files::wait_until_or(is_given_up, || {
            // A task forked at the wrong moment is only caught by asking again.
            if tries.is_multiple_of(32) {
                self.state.write_all_at(SWITCH.freeze, 0)?;
            }
            tries += 1;
            self.is_frozen()
        })?;
        if frozen {
            return Ok(());
        }
        self.thaw()?;
        Err(files::not_frozen(is_given_up()))
    }

    fn hold_back(&self, levels: &[Vec<u32>]) -> io::Result<()> {
        // Mounted together they would be one hierarchy, and memory be charged to whom it does not belong.
        if self.dirs["freezer"] == self.dirs["memory"] {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the freezer has no hierarchy of its own",
            ));
        }
        self.levels.sort(levels)
    }

    fn thaw_leaves(&self) -> io::Result<()> {
        self.state.write_all_at(SWITCH.thaw, 0)?;
        if self.reclaiming.load(Ordering::SeqCst) { self.hold() } else { Ok(()) }
    }

    fn thaw_level(&self, level: usize) -> io::Result<()> {
        self.levels.thaw(level)
    }

    fn thaw(&self) -> io::Result<()> {
        self.thaw_leaves()?;
        self.levels.thaw_all()
    }

    fn is_frozen(&self) -> io::Result<bool> {
        Ok(self.state()? == "FROZEN")
    }

    fn reclaim(&self) -> io::Result<()> {
        let memory = &self.dirs["memory"];
        self.reclaiming.store(true, Ordering::SeqCst);
        files::write(memory, "memory.swappiness", "100")?;
        let left = || Ok(if self.is_frozen()? { files::number(memory, "memory.usage_in_bytes")? } else { 0 });
        let emptied = files::until_fruitless(left, |_| files::write(memory, "memory.force_empty", "0"));
        self.hold()?;
        self.reclaiming.store(false, Ordering::SeqCst);
        emptied
    }

    fn hold(&self) -> io::Result<()> {
        files::write(&self.dirs["memory"], "memory.swappiness", AWAKE)
    }

    fn stats(&self) -> io::Result<Stats> {
        let memory = &self.dirs["memory"];
        let cpu = match self.dirs.get("cpuacct") {
            Some(dir) => files::number(dir, "cpuacct.usage")?,
            None => 0,
        };
        let of = |key| files::keyed(memory, "memory.stat", key);
        Ok(Stats {
            resident: files::number(memory, "memory.usage_in_bytes")?,
            swapped: of("swap")?,
            droppable: of("inactive_file")? + of("active_file")?,
            peak: files::number(memory, "memory.max_usage_in_bytes")?,
            cpu: Duration::from_nanos(cpu),
            tasks: files::number(&self.dirs["pids"], "pids.current")?,
        })
    }

    fn unswapped(&self) -> io::Result<u64> {
        let of = |key| files::keyed(&self.dirs["memory"], "memory.stat", key);
        Ok(of("rss")? + of("shmem")?)
    }

    fn oom_kills(&self) -> io::Result<u64> {
        files::keyed(&self.dirs["memory"], "memory.oom_control", "oom_kill")
    }

    fn alarm(&self) -> io::Result<Alarm> {
        let memory = &self.dirs["memory"];
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Needed only to say which file is meant.
        let control = File::open(memory.join("memory.oom_control"))?;
        let both = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
        files::write(memory, "cgroup.event_control", &both)?;
        Ok(Alarm::Event(event))
    }

    fn procs(&self) -> io::Result<Vec<u32>> {
        Ok([files::pids(&self.dirs["freezer"])?, self.levels.procs()?].concat())
    }

    fn kill(&self) -> io::Result<()> {
        // A frozen task only dies when thawed; a forking one only when asked until none is left.
        files::wait_until(|| {
            let pids = self.procs()?;
            for pid in &pids {
                if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                    kill_process(pid, Signal::KILL).ok();
                }
            }
            self.thaw()?;
            Ok(pids.is_empty())
        })?;
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        self.levels.remove()?;
        self.roots.iter().try_for_each(|root| self.place.remove(root))
    }
}

const MEMORY: &str = "memory.limit_in_bytes";
/// Memory and swap together, which pushing memory out does not change. Memory alone is limited as well, to the same but for
/// [`TWICE`].
const WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
/// What waits in TCP's buffers, which version 1 counts apart from memory.
const TCP: &str = "memory.kmem.tcp.limit_in_bytes";

/// Bytes that may be counted twice, for the moment in which they come back from swap.
const TWICE: u64 = 4 << 20;

fn limit_memory(dir: &Path, bytes: u64) -> io::Result<()> {
    let with_swap = bytes.saturating_add(TWICE);
    match files::number(dir, WITH_SWAP) {
        // Memory alone is never to have more than both together.
        Ok(now) if now < with_swap => {
            files::write(dir, WITH_SWAP, &with_swap.to_string())?;
            files::write(dir, MEMORY, &bytes.to_string())?;
        }
        Ok(_) => {
            files::write(dir, MEMORY, &bytes.to_string())?;
            match files::write(dir, WITH_SWAP, &with_swap.to_string()) {
                // An older release let it have more in swap than this already.
                Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {}
                other => other?,
            }
        }
        // The kernel does not count swap.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            files::write(dir, MEMORY, &bytes.to_string())?;
        }
        Err(e) => return Err(e),
    }
    files::write_if_there(dir, TCP, &(bytes / 2).to_string())
}

fn limit(dirs: &BTreeMap<String, PathBuf>, limits: &Limits) -> io::Result<()> {
    limit_memory(&dirs["memory"], limits.memory)?;
    let quota = (u64::from(limits.cpu_milli) * 100).max(1000);
    files::write(&dirs["cpu"], "cpu.cfs_period_us", "100000")?;
    files::write(&dirs["cpu"], "cpu.cfs_quota_us", &quota.to_string())?;
    // One more for our init.
    files::write(&dirs["pids"], "pids.max", &(u64::from(limits.pids) + 1).to_string())
}
