//! Groups within an instance's own, which a thaw of it leaves frozen.
//!
//! On version 1 they exist in the freezer's hierarchy only. On version 2 they have no controllers: nothing is charged to
//! them, and the group above may go on holding processes of its own.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::files;

const NAME: &str = "level";

/// How a version freezes a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switch {
    pub(super) file: &'static str,
    pub(super) freeze: &'static [u8],
    pub(super) thaw: &'static [u8],
}

impl Switch {
    /// Open a group's.
    pub(super) fn open(self, dir: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(dir.join(self.file))
    }
}

/// The levels of one group.
#[derive(Debug)]
pub(super) struct Levels {
    dir: PathBuf,
    switch: Switch,
    /// The switch of each, from level 1 up.
    open: Mutex<Vec<File>>,
}

impl Levels {
    /// Those below `dir` that exist, also when an earlier process has made them.
    pub(super) fn open(dir: &Path, switch: Switch) -> io::Result<Self> {
        let mut open = Vec::new();
        loop {
            match switch.open(&place(dir, open.len())) {
                Ok(file) => open.push(file),
                Err(e) if e.kind() == io::ErrorKind::NotFound => break,
                Err(e) => return Err(e),
            }
        }
        Ok(Self { dir: dir.to_owned(), switch, open: Mutex::new(open) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<File>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dirs(&self) -> Vec<PathBuf> {
        (0..self.lock().len()).map(|level| place(&self.dir, level)).collect()
    }

    /// Freeze each level by itself, and have these processes in them, each level's, and all others in the group itself.
    /// The group is frozen. What moves is what is not where it belongs: a move costs some 10 ms of waiting for the kernel.
    pub(super) fn sort(&self, wanted: &[Vec<u32>]) -> io::Result<()> {
        let mut open = self.lock();
        while open.len() < wanted.len() {
            let dir = place(&self.dir, open.len());
            fs::create_dir_all(&dir)?;
            open.push(self.switch.open(&dir)?);
        }
        let mut places: BTreeMap<u32, PathBuf> = BTreeMap::new();
        for (level, file) in open.iter().enumerate() {
            // Before anybody is in it: whoever joins a group that is thawed is thawed.
            file.write_all_at(self.switch.freeze, 0)?;
            places.extend(wanted.get(level).into_iter().flatten().map(|pid| (*pid, place(&self.dir, level))));
        }
        for dir in (0..open.len()).map(|level| place(&self.dir, level)).chain([self.dir.clone()]) {
            for pid in files::pids(&dir)? {
                let place = places.get(&pid).unwrap_or(&self.dir);
                if *place != dir {
                    join(place, pid)?;
                }
            }
        }
        Ok(())
    }

    /// Thaw one level; nothing happens when there is none.
    pub(super) fn thaw(&self, level: usize) -> io::Result<()> {
        self.lock().get(level).map_or(Ok(()), |file| file.write_all_at(self.switch.thaw, 0))
    }

    pub(super) fn thaw_all(&self) -> io::Result<()> {
        self.lock().iter().try_for_each(|file| file.write_all_at(self.switch.thaw, 0))
    }

    /// The processes in them.
    pub(super) fn procs(&self) -> io::Result<Vec<u32>> {
        let each: io::Result<Vec<_>> = self.dirs().iter().map(|dir| files::pids(dir)).collect();
        Ok(each?.concat())
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        self.dirs().iter().try_for_each(files::remove)
    }
}

/// Where a level is; they are counted from 0, and named from 1.
fn place(dir: &Path, level: usize) -> PathBuf {
    dir.join(format!("{NAME}{}", level + 1))
}

fn join(dir: &Path, pid: u32) -> io::Result<()> {
    let file = dir.join("cgroup.procs");
    match fs::write(&file, pid.to_string()) {
        // It was killed meanwhile.
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other.map_err(|e| files::named(e, &file, &pid.to_string())),
    }
}
