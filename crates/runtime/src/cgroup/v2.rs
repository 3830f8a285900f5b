//! Version 2: one hierarchy for all controllers.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_model::Limits;

use super::{
    Alarm, Group, Groups, Place, Share, Stats, TOP, files,
    levels::{Levels, Switch},
    place,
};

const SWITCH: Switch = Switch { file: "cgroup.freeze", freeze: b"1", thaw: b"0" };

/// Groups on the hierarchy of version 2.
#[derive(Debug)]
pub struct V2 {
    mount: PathBuf,
    root: PathBuf,
}

impl V2 {
    /// Use the hierarchy mounted at `mount` for the server called `tag`.
    ///
    /// # Errors
    /// When our folder cannot be made, or its controllers cannot be turned on.
    pub fn new(mount: impl AsRef<Path>, tag: &str) -> io::Result<Self> {
        let groups = Self { mount: mount.as_ref().to_owned(), root: mount.as_ref().join(TOP).join(tag) };
        groups.prepare()?;
        Ok(groups)
    }

    /// Our folder with its controllers on; another user of the same tag may have removed it when it was empty.
    fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.root)?;
        [&self.mount, &self.mount.join(TOP), &self.root].into_iter().try_for_each(|dir| controllers(dir))
    }

    fn make(&self, place: &Place) -> io::Result<PathBuf> {
        if !self.root.exists() {
            self.prepare()?;
        }
        if let Some(level) = place.level(&self.root) {
            fs::create_dir_all(&level)?;
            controllers(&level)?;
        }
        let dir = place.dir(&self.root);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    fn group(&self, place: &Place) -> io::Result<V2Group> {
        V2Group::open(place.dir(&self.root), place.clone(), self.root.clone())
    }
}

/// Have what is below a group limited and counted. Who may not have the disk's controller goes without.
fn controllers(dir: &Path) -> io::Result<()> {
    files::write(dir, "cgroup.subtree_control", "+memory +cpu +pids")?;
    let has = files::read(dir, "cgroup.controllers").unwrap_or_default();
    if has.split_whitespace().any(|controller| controller == "io")
        && let Err(e) = files::write(dir, "cgroup.subtree_control", "+io")
    {
        tracing::debug!("the disk is not shared fairly: {e}");
    }
    Ok(())
}

impl Groups for V2 {
    fn version(&self) -> u8 {
        2
    }

    fn create(&self, place: &Place, limits: &Limits, share: Share) -> io::Result<Arc<dyn Group>> {
        let dir = place::make(|| self.make(place))?;
        // No swap while awake: one that reaches its memory limit must be told so, not crawl on in swap. What was
        // pushed out while asleep may stay there all the same.
        swap_limit(&dir, "0")?;
        limit(&dir, limits)?;
        // 100 is everybody's.
        let weight = share.percent().to_string();
        files::write(&dir, "cpu.weight", &weight)?;
        // Two ways of dividing a disk, of which the kernel has none, one or both.
        files::write_if_there(&dir, "io.weight", &weight)?;
        files::write_if_there(&dir, "io.bfq.weight", &weight)?;
        Ok(Arc::new(self.group(place)?))
    }

    fn open(&self, place: &Place) -> io::Result<Option<Arc<dyn Group>>> {
        if !place.dir(&self.root).exists() {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.group(place)?)))
    }

    fn list(&self) -> io::Result<Vec<Place>> {
        place::list(&self.root)
    }

    fn remove_top(&self) {
        place::remove_empty_levels(&self.root);
        // Not empty means still in use, which is what removal must respect.
        if fs::remove_dir(&self.root).is_ok()
            && let Some(top) = self.root.parent()
        {
            fs::remove_dir(top).ok();
        }
    }
}

#[derive(Debug)]
struct V2Group {
    dir: PathBuf,
    place: Place,
    root: PathBuf,
    freeze: File,
    levels: Levels,
    reclaiming: AtomicBool,
}

impl V2Group {
    fn open(dir: PathBuf, place: Place, root: PathBuf) -> io::Result<Self> {
        let freeze = SWITCH.open(&dir)?;
        let levels = Levels::open(&dir, SWITCH)?;
        Ok(Self { dir, place, root, freeze, levels, reclaiming: AtomicBool::new(false) })
    }
}

impl Group for V2Group {
    fn add(&self, pid: u32) -> io::Result<()> {
        files::write(&self.dir, "cgroup.procs", &pid.to_string())
    }

    fn limit(&self, limits: &Limits) -> io::Result<()> {
        limit(&self.dir, limits)
    }

    fn freeze(&self, is_given_up: &dyn Fn() -> bool) -> io::Result<()> {
        self.freeze.write_all_at(SWITCH.freeze, 0)?;
        if files::wait_until_or(is_given_up, || self.is_frozen())? {
            return Ok(());
        }
        self.thaw()?;
        Err(files::not_frozen(is_given_up()))
    }

    fn hold_back(&self, levels: &[Vec<u32>]) -> io::Result<()> {
        self.levels.sort(levels)
    }

    fn thaw_leaves(&self) -> io::Result<()> {
        self.freeze.write_all_at(SWITCH.thaw, 0)?;
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
        Ok(files::keyed(&self.dir, "cgroup.events", "frozen")? == 1)
    }

    fn reclaim(&self) -> io::Result<()> {
        self.reclaiming.store(true, Ordering::SeqCst);
        // Not more than it may have of memory: what it has of both is at most twice that.
        swap_limit(&self.dir, files::read(&self.dir, "memory.max")?.trim())?;
        let left = || Ok(if self.is_frozen()? { files::number(&self.dir, "memory.current")? } else { 0 });
        let reclaimed = files::until_fruitless(left, |before| reclaim(&self.dir, before));
        self.hold()?;
        self.reclaiming.store(false, Ordering::SeqCst);
        reclaimed
    }

    fn hold(&self) -> io::Result<()> {
        swap_limit(&self.dir, "0")
    }

    fn stats(&self) -> io::Result<Stats> {
        let resident = files::number(&self.dir, "memory.current")?;
        let of = |key| files::keyed(&self.dir, "memory.stat", key);
        Ok(Stats {
            resident,
            // Absent where the kernel does not account swap.
            swapped: files::number(&self.dir, "memory.swap.current").unwrap_or(0),
            droppable: of("inactive_file")? + of("active_file")? + of("slab_reclaimable")?,
            // Since kernel 5.19.
            peak: files::number(&self.dir, "memory.peak").unwrap_or(resident),
            cpu: Duration::from_micros(files::keyed(&self.dir, "cpu.stat", "usage_usec")?),
            tasks: files::number(&self.dir, "pids.current")?,
        })
    }

    fn unswapped(&self) -> io::Result<u64> {
        let of = |key| files::keyed(&self.dir, "memory.stat", key);
        Ok(of("anon")? + of("shmem")?)
    }

    fn oom_kills(&self) -> io::Result<u64> {
        files::keyed(&self.dir, "memory.events", "oom_kill")
    }

    fn alarm(&self) -> io::Result<Alarm> {
        Ok(Alarm::File(File::open(self.dir.join("memory.events"))?.into()))
    }

    fn procs(&self) -> io::Result<Vec<u32>> {
        Ok([files::pids(&self.dir)?, self.levels.procs()?].concat())
    }

    fn kill(&self) -> io::Result<()> {
        // Works on frozen tasks too.
        files::write(&self.dir, "cgroup.kill", "1")?;
        // The kernel has only told them to end; as with version 1, nothing is left but what hangs in the kernel.
        files::wait_until(|| Ok(self.procs()?.is_empty()))?;
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        self.levels.remove()?;
        self.place.remove(&self.root)
    }
}

/// Absent where the kernel does not account swap.
fn swap_limit(dir: &Path, limit: &str) -> io::Result<()> {
    files::write_if_there(dir, "memory.swap.max", limit)
}

fn reclaim(dir: &Path, bytes: u64) -> io::Result<()> {
    match fs::write(dir.join("memory.reclaim"), bytes.to_string()) {
        // All asked for is gone, or (EAGAIN) as much as went.
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(e) => Err(files::named(e, &dir.join("memory.reclaim"), "")),
    }
}

fn limit(dir: &Path, limits: &Limits) -> io::Result<()> {
    files::write(dir, "memory.max", &limits.memory.to_string())?;
    let quota = (u64::from(limits.cpu_milli) * 100).max(1000);
    files::write(dir, "cpu.max", &format!("{quota} 100000"))?;
    // One more for our init.
    files::write(dir, "pids.max", &(u64::from(limits.pids) + 1).to_string())
}
