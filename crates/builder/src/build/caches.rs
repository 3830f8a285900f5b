//! Folders that package managers and compilers keep between builds, one for each project.
//!
//! They only save time, so they are what goes when room on the disk is short.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::disk;

/// What a cache on its way out is called, in the folder of caches.
const DROPPED: &str = ".dropped";

/// The caches, `<kind>/<project>`. What a project's build writes must never reach another's.
#[derive(Debug)]
pub(super) struct Caches {
    dir: PathBuf,
    in_use: Mutex<BTreeMap<PathBuf, usize>>,
}

/// A cache that stays for as long as this is held.
#[derive(Debug)]
pub(super) struct Cache {
    caches: Arc<Caches>,
    path: PathBuf,
}

impl Caches {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), in_use: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, usize>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache of a project, made when missing.
    pub(super) fn open(self: &Arc<Self>, kind: &str, project: &str) -> io::Result<Cache> {
        let path = self.dir.join(kind).join(project);
        let mut in_use = self.lock();
        fs::create_dir_all(&path)?;
        File::open(&path)?.set_modified(SystemTime::now())?;
        *in_use.entry(path.clone()).or_default() += 1;
        Ok(Cache { caches: self.clone(), path })
    }

    /// Free bytes on the caches' disk.
    pub(super) fn free(&self) -> io::Result<u64> {
        fs::create_dir_all(&self.dir)?;
        disk::free(&self.dir)
    }

    /// Drop caches that nobody uses, those unused for longest first, until `enough` says so.
    pub(super) fn make_room(&self, enough: impl Fn() -> io::Result<bool>) -> io::Result<()> {
        // Left by a server that was killed.
        fs::remove_dir_all(self.dir.join(DROPPED)).or_else(absent)?;
        while !enough()? {
            let dropped = self.dir.join(DROPPED);
            {
                let in_use = self.lock();
                let Some(oldest) = self.oldest(&in_use)? else { return Ok(()) };
                // Out of reach at once; removing may take long.
                fs::rename(oldest, &dropped)?;
            }
            fs::remove_dir_all(dropped)?;
        }
        Ok(())
    }

    fn oldest(&self, in_use: &BTreeMap<PathBuf, usize>) -> io::Result<Option<PathBuf>> {
        let mut all = Vec::new();
        for kind in fs::read_dir(&self.dir)? {
            for cache in fs::read_dir(kind?.path())? {
                let cache = cache?;
                if !in_use.contains_key(&cache.path()) {
                    all.push((cache.metadata()?.modified()?, cache.path()));
                }
            }
        }
        Ok(all.into_iter().min().map(|(_, path)| path))
    }
}

fn absent(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

impl Cache {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Empty a part of it that has grown beyond `max` bytes, unless another build uses it too; its turn will come.
    pub(super) fn bound(&self, part: &Path, max: u64) -> io::Result<()> {
        let in_use = self.caches.lock();
        if in_use.get(&self.path).is_some_and(|n| *n > 1) {
            return Ok(());
        }
        disk::empty_if_over(part, max)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let mut in_use = self.caches.lock();
        if let Some(n) = in_use.get_mut(&self.path) {
            *n -= 1;
            if *n == 0 {
                in_use.remove(&self.path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn room_is_made_of_what_nobody_uses() {
        let dir = tempfile::tempdir().unwrap();
        let caches = Arc::new(Caches::new(dir.path()));
        let there = || {
            let mut all = Vec::new();
            for kind in ["cargo", "uv"] {
                for project in ["a", "b", "c"] {
                    if dir.path().join(kind).join(project).exists() {
                        all.push(format!("{kind}/{project}"));
                    }
                }
            }
            all.join(" ")
        };
        let mut held = Vec::new();
        for (age, kind, project) in [(50, "uv", "a"), (40, "cargo", "a"), (30, "uv", "b"), (20, "cargo", "c")]
        {
            let cache = caches.open(kind, project).unwrap();
            fs::write(cache.path().join("package"), [0; 10]).unwrap();
            File::open(cache.path())
                .unwrap()
                .set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
            held.push(cache);
        }
        held.remove(0);
        held.truncate(1);
        fs::create_dir(dir.path().join(DROPPED)).unwrap();
        // The oldest in use stays: that of cargo.
        caches.make_room(|| Ok(there().split(' ').count() <= 3)).unwrap();
        assert_eq!(there(), "cargo/a cargo/c uv/b");
        caches.make_room(|| Ok(false)).unwrap();
        assert_eq!(there(), "cargo/a");
        drop(held);
        caches.make_room(|| Ok(false)).unwrap();
        assert_eq!(there(), "");
        assert!(caches.free().unwrap() > 0);
    }

    #[test]
    fn a_cache_is_bounded_by_its_only_user() {
        let dir = tempfile::tempdir().unwrap();
        let caches = Arc::new(Caches::new(dir.path()));
        let (one, two) = (caches.open("uv", "a").unwrap(), caches.open("uv", "a").unwrap());
        let file = one.path().join("wheel");
        fs::write(&file, [0; 100]).unwrap();
        one.bound(one.path(), 99).unwrap();
        assert!(file.exists());
        drop(two);
        one.bound(one.path(), 100).unwrap();
        assert!(file.exists());
        one.bound(one.path(), 99).unwrap();
        assert!(!file.exists());
    }
}
