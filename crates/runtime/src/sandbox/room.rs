//! Whether a run keeps within the disk that it may take.
//!
//! The layer it writes is kept, and so are the folders that are mounted: none of them can lie in a file system of its own without being
//! copied. So they are counted. The host's file system tells at once how much it has lost since the last count, and that
//! is the most that a run can have taken; only when that is too much its files are counted, and now and then in case others
//! gave back what it took.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::fs::{statfs, statvfs};
use walkdir::WalkDir;

use super::{Cut, Room, RunSpec};
use crate::{cgroup::Group, disk::BYTES_PER_FILE};

/// Faster than disks write.
const BYTES_A_SECOND: u64 = 4 << 30;

/// Faster than kernels make files.
const FILES_A_SECOND: u64 = 1 << 20;

/// Pauses between two looks at the file system.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Between two counts that nothing asked for, and in times of what the last one took, so that they take a hundredth.
const ANYWAY: Duration = Duration::from_secs(10);
const ANYWAY_TIMES: u32 = 100;

/// Between two counts that something asked for, in times of what the last one took.
const AGAIN_TIMES: u32 = 4;

/// What lies there is memory, and counted as such.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x9584_58f6];

/// What a run may take, and where it counts.
pub(super) struct Bound {
    roots: Vec<PathBuf>,
    most: Taken,
    spare: u64,
}

/// An amount of a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Taken {
    bytes: u64,
    files: u64,
}

impl Taken {
    /// More than there can be.
    const ALL: Self = Self { bytes: u64::MAX, files: u64::MAX };

    fn over(self, most: Self) -> Option<Cut> {
        let bytes = (self.bytes > most.bytes).then_some(Cut::Bytes);
        bytes.or_else(|| (self.files > most.files).then_some(Cut::Files))
    }

    fn less(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), files: self.files.saturating_sub(other.files) }
    }
}

impl Bound {
    pub(super) fn of(room: &Room, spec: &RunSpec) -> Self {
        let mounted = spec.mounts.iter().filter(|m| !m.read_only).map(|m| &m.source);
        let mut roots: Vec<_> = room.folders.iter().chain([&spec.upper]).chain(mounted).cloned().collect();
        roots.sort();
        // One that lies in another comes right behind it, or behind others that do.
        roots.dedup_by(|later, earlier| later.starts_with(&*earlier));
        let bytes = spec.limits.disk;
        Self { roots, most: Taken { bytes, files: bytes / BYTES_PER_FILE }, spare: room.spare }
    }

    fn free(&self) -> io::Result<Taken> {
        let stat = statvfs(self.roots.first().map_or(Path::new("/"), PathBuf::as_path))?;
        Ok(Taken { bytes: stat.f_bavail * stat.f_frsize, files: stat.f_ffree })
    }

    /// Count until it is too much.
    fn count(&self, procs: &[u32]) -> Taken {
        let mut taken = Taken::default();
        // Files with several names count once.
        let mut seen = BTreeSet::new();
        for root in &self.roots {
            for entry in WalkDir::new(root).same_file_system(true) {
                match entry {
                    Ok(entry) => {
                        let Ok(meta) = entry.metadata() else { continue };
                        if meta.nlink() == 1 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                            taken.add(&meta);
                        }
                    }
                    // Deeper than a path can say.
                    Err(e) if e.io_error().and_then(io::Error::raw_os_error) == Some(libc::ENAMETOOLONG) => {
                        return Taken::ALL;
                    }
                    // It has just been removed.
                    Err(_) => {}
                }
                if taken.over(self.most).is_some() {
                    return taken;
                }
            }
        }
        for pid in procs {
            taken.add_removed(*pid, &mut seen);
        }
        taken
    }
}

impl Taken {
    fn add(&mut self, meta: &fs::Metadata) {
        self.bytes += meta.blocks() * 512;
        self.files += 1;
    }

    /// What a process has open, or mapped, and has no name any more.
    fn add_removed(&mut self, pid: u32, seen: &mut BTreeSet<(u64, u64)>) {
        for held in ["fd", "map_files"] {
            let Ok(all) = fs::read_dir(format!("/proc/{pid}/{held}")) else { continue };
            for path in all.flatten().map(|e| e.path()) {
                // Nothing is opened, which could wait.
                let Ok(meta) = fs::metadata(&path) else { continue };
                let is_removed = meta.is_file() && meta.nlink() == 0;
                if is_removed
                    && statfs(&path).is_ok_and(|fs| !IN_MEMORY.contains(&{ fs.f_type }))
                    && seen.insert((meta.dev(), meta.ino()))
                {
                    self.add(&meta);
                }
            }
        }
    }
}

/// What is known since the last count.
struct Known {
    most: Taken,
    counted: Taken,
    /// What was free when that began.
    free: Taken,
    took: Duration,
    at: Instant,
}

impl Known {
    /// What it can still take before it could be too much.
    fn left(&self, free: Taken) -> Taken {
        self.most.less(self.counted).less(self.free.less(free))
    }

    fn is_to_count(&self, free: Taken, now: Instant) -> bool {
        let since = now.duration_since(self.at);
        let left = self.left(free);
        let could_be_over = (left.bytes == 0 || left.files == 0) && since >= self.took * AGAIN_TIMES;
        could_be_over || since >= ANYWAY.max(self.took * ANYWAY_TIMES)
    }

    fn pause(&self, free: Taken, spare: u64) -> Duration {
        let left = self.left(free);
        let bytes = left.bytes.min(free.bytes.saturating_sub(spare));
        let millis = (bytes * 1000 / BYTES_A_SECOND).min(left.files * 1000 / FILES_A_SECOND);
        Duration::from_millis(millis).clamp(PAUSES.0, PAUSES.1)
    }
}

/// Returns once it has taken more than it may, and says of what.
pub(super) async fn too_much(bound: Bound, group: &Arc<dyn Group>) -> Cut {
    let bound = Arc::new(bound);
    let mut known: Option<Known> = None;
    loop {
        let Ok(free) = bound.free() else {
            tokio::time::sleep(PAUSES.1).await;
            continue;
        };
        if free.bytes < bound.spare {
            return Cut::Spare;
        }
        // A run begins with nothing: what was there is found at the first count.
        let known = known.get_or_insert_with(|| Known {
            most: bound.most,
            counted: Taken::default(),
            free,
            took: Duration::ZERO,
            at: Instant::now(),
        });
        if known.is_to_count(free, Instant::now()) {
            let (bound, group, begin) = (bound.clone(), group.clone(), Instant::now());
            let counting =
                tokio::task::spawn_blocking(move || bound.count(&group.procs().unwrap_or_default()));
            let counted = counting.await.unwrap_or_default();
            if let Some(cut) = counted.over(known.most) {
                return cut;
            }
            let at = Instant::now();
            *known = Known { most: known.most, counted, free, took: at.duration_since(begin), at };
        }
        tokio::time::sleep(known.pause(free, bound.spare)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (tree, inner, cache) = (make("draft/tree"), make("draft/tree/work"), make("cache"));
        fs::write(tree.join("file"), vec![1; 100_000]).unwrap();
        fs::hard_link(tree.join("file"), inner.join("again")).unwrap();
        fs::write(cache.join("file"), vec![1; 50_000]).unwrap();
        let most = Taken { bytes: 1 << 30, files: 1000 };
        let bound = |roots: Vec<PathBuf>, most| Bound { roots, most, spare: 0 };
        let counted = bound(vec![tree.clone(), cache.clone()], most).count(&[]);
        // Three folders and two files.
        assert_eq!(counted.files, 5);
        assert!((150_000..200_000).contains(&counted.bytes), "{counted:?}");

        let held = fs::File::open(cache.join("file")).unwrap();
        fs::remove_file(cache.join("file")).unwrap();
        let roots = vec![tree.clone(), cache.clone()];
        assert_eq!(bound(roots.clone(), most).count(&[]).files, 4);
        assert!(bound(roots, most).count(&[std::process::id()]).files > 4);
        drop(held);

        let few = Taken { bytes: 1 << 30, files: 2 };
        assert_eq!(bound(vec![tree.clone()], few).count(&[]).over(few), Some(Cut::Files));
        assert_eq!(bound(vec![make("gone").join("x")], most).count(&[]), Taken::default());
        assert_eq!(Taken::ALL.over(most), Some(Cut::Bytes));
    }

    #[test]
    fn when_files_are_counted() {
        let begin = Instant::now();
        let most = Taken { bytes: 100, files: 100 };
        let free = Taken { bytes: 1000, files: 1000 };
        let counted = Taken { bytes: 40, files: 10 };
        let known = Known { most, counted, free, took: Duration::from_millis(500), at: begin };
        for (story, bytes, files, millis, counts) in [
            ("the disk has lost little", 941, 1000, 9000, false),
            ("it has lost as many bytes as are left", 940, 1000, 2000, true),
            ("it has lost as many files as are left", 1000, 910, 2000, true),
            ("the last count was a moment ago, and long", 0, 0, 1999, false),
            ("others gave back, and it was long ago", 2000, 2000, 49_999, false),
            ("others gave back, and it was very long ago", 2000, 2000, 50_000, true),
        ] {
            let now = begin + Duration::from_millis(millis);
            assert_eq!(known.is_to_count(Taken { bytes, files }, now), counts, "{story}");
        }
        let pause = |bytes, spare| {
            let most = Taken { bytes, files: u64::MAX / 2000 };
            let free = Taken { bytes: 100 << 30, files: 0 };
            let known = Known { most, counted: Taken::default(), free, took: Duration::ZERO, at: begin };
            known.pause(free, spare).as_millis()
        };
        assert_eq!([pause(20 << 30, 0), pause(1 << 30, 0), pause(1, 0)], [1000, 250, 20]);
        assert_eq!(pause(20 << 30, 99 << 30), 250);
    }
}
