//! Folders that package managers and compilers keep between builds, one for each project.
//!
//! They only save time, so they are what goes when room on the disk is short. What of one has grown too large is removed when nobody
//! uses it any more, however the build has ended, and before its first use by a server: the one before it may have been killed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::SystemTime,
};

use super::disk;

/// What a cache on its way out is called, in the folder of caches.
const DROPPED: &str = ".dropped";

/// What is larger than a part may be, in the folder of caches, until it is removed.
const OUTGROWN: &str = ".outgrown";

/// The kind of caches of which each folder is a part with a bound of its own, and each of this one's.
const IN_PARTS: (&str, &str) = ("cargo", "services");

/// The caches, `<kind>/<project>`. What a project's build writes must never reach another's.
#[derive(Debug)]
pub(crate) struct Caches {
    dir: PathBuf,
    /// Bytes that a part may have.
    max: u64,
    /// How many use each; those that nobody uses have been looked at since.
    in_use: Mutex<BTreeMap<PathBuf, usize>>,
    /// How many parts have been.
    outgrown: AtomicU64,
}

/// A cache that stays for as long as this is held.
#[derive(Debug)]
pub(crate) struct Cache {
    caches: Arc<Caches>,
    path: PathBuf,
}

impl Caches {
    /// Those in a folder, of which no part may have more than `max` bytes while nobody uses it.
    pub(crate) fn new(dir: &Path, max: u64) -> Self {
        // Left by a server that was killed; it may be much.
        let left: Vec<_> = fs::read_dir(dir.join(OUTGROWN)).into_iter().flatten().flatten().collect();
        if !left.is_empty() {
            thread::spawn(move || {
                left.iter().map(|e| fs::remove_dir_all(e.path())).filter(Result::is_err).count()
            });
        }
        Self { dir: dir.to_owned(), max, in_use: Mutex::default(), outgrown: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, usize>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache of a project, made when missing. Blocks for the time it takes to look through it when it is the first time.
    pub(crate) fn open(self: &Arc<Self>, kind: &str, project: &str) -> io::Result<Cache> {
        let path = self.dir.join(kind).join(project);
        if !self.lock().contains_key(&path) {
            self.bound(&path);
        }
        let mut in_use = self.lock();
        fs::create_dir_all(&path)?;
        File::open(&path)?.set_modified(SystemTime::now())?;
        *in_use.entry(path.clone()).or_default() += 1;
        Ok(Cache { caches: self.clone(), path })
    }

    /// Free bytes on the caches' disk.
    pub(crate) fn free(&self) -> io::Result<u64> {
        fs::create_dir_all(&self.dir)?;
        disk::free(&self.dir)
    }

    /// Drop caches that nobody uses, those unused for longest first, until `enough` says so.
    pub(crate) fn make_room(&self, enough: impl Fn() -> io::Result<bool>) -> io::Result<()> {
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

    /// Remove what has outgrown its bound, if nobody uses it: who does looks again.
    fn bound(&self, cache: &Path) {
        for part in parts(cache) {
            if let Err(e) = self.bound_part(cache, &part) {
                tracing::warn!("{} may stay too large: {e}", part.display());
            }
        }
    }

    fn bound_part(&self, cache: &Path, part: &Path) -> io::Result<()> {
        if !disk::is_over(part, self.max) {
            return Ok(());
        }
        let n = self.outgrown.fetch_add(1, Ordering::Relaxed);
        let gone = self.dir.join(OUTGROWN).join(format!("{}-{n}", process::id()));
        fs::create_dir_all(self.dir.join(OUTGROWN))?;
        {
            let in_use = self.lock();
            if in_use.get(cache).is_some_and(|n| *n > 0) {
                return Ok(());
            }
            // Out of reach at once; removing may take long.
            fs::rename(part, &gone)?;
        }
        fs::remove_dir_all(gone)
    }

    fn oldest(&self, in_use: &BTreeMap<PathBuf, usize>) -> io::Result<Option<PathBuf>> {
        let mut all = Vec::new();
        for kind in fs::read_dir(&self.dir)? {
            let kind = kind?.path();
            if kind.ends_with(OUTGROWN) {
                continue;
            }
            for cache in fs::read_dir(kind)? {
                let cache = cache?;
                if in_use.get(&cache.path()).is_none_or(|n| *n == 0) {
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
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let mut in_use = self.caches.lock();
        let Some(n) = in_use.get_mut(&self.path) else { return };
        *n -= 1;
        if *n == 0 {
            let (caches, path) = (self.caches.clone(), self.path.clone());
            thread::spawn(move || caches.bound(&path));
        }
    }
}

/// What of a cache has a bound of its own.
fn parts(cache: &Path) -> Vec<PathBuf> {
    let (kind, with_more) = IN_PARTS;
    if cache.parent().is_none_or(|k| !k.ends_with(kind)) {
        return vec![cache.to_owned()];
    }
    let folders = |dir: &Path| {
        let all = fs::read_dir(dir).into_iter().flatten().flatten();
        all.map(|e| e.path()).collect::<Vec<_>>()
    };
    let (more, mut all): (Vec<_>, Vec<_>) = folders(cache).into_iter().partition(|p| p.ends_with(with_more));
    all.extend(more.iter().flat_map(|dir| folders(dir)));
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn room_is_made_of_what_nobody_uses() {
        let dir = tempfile::tempdir().unwrap();
        let caches = Arc::new(Caches::new(dir.path(), u64::MAX));
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

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let begin = std::time::Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Bug: only a build that went well looked whether its caches had grown too large.
    #[test]
    fn what_has_outgrown_its_bound_goes_with_its_last_user() {
        let dir = tempfile::tempdir().unwrap();
        let caches = Arc::new(Caches::new(dir.path(), 100));
        let (one, two) = (caches.open("uv", "a").unwrap(), caches.open("uv", "a").unwrap());
        let file = one.path().join("wheel");
        fs::write(&file, [0; 101]).unwrap();
        drop(two);
        drop(caches.open("uv", "b").unwrap());
        assert!(file.exists());
        drop(one);
        until("it goes", || !file.exists());

        // A server was killed.
        for (file, bytes) in
            [("registry/x", 101), ("git/x", 100), ("services/web/target/x", 101), ("services/api/x", 1)]
        {
            let path = dir.path().join("cargo/a").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        let many = dir.path().join("uv/c");
        (0..1100).for_each(|n| fs::create_dir_all(many.join(n.to_string())).unwrap());
        fs::create_dir_all(dir.path().join(OUTGROWN).join("half")).unwrap();
        let caches = Arc::new(Caches::new(dir.path(), 1 << 24));
        let _held = caches.open("uv", "c").unwrap();
        assert!(!many.join("1").exists(), "so many files are not kept");
        let caches = Arc::new(Caches::new(dir.path(), 100));
        let cargo = caches.open("cargo", "a").unwrap();
        let mut left: Vec<_> =
            parts(cargo.path()).iter().map(|p| p.strip_prefix(cargo.path()).unwrap().to_owned()).collect();
        left.sort();
        assert_eq!(left, [Path::new("git"), Path::new("services/api")]);
        until("what is left goes", || fs::read_dir(dir.path().join(OUTGROWN)).unwrap().count() == 0);
        caches.make_room(|| Ok(false)).unwrap();
        assert!(cargo.path().exists());
    }
}
