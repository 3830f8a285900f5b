//! Swap for sleeping apps on a host that has none: zram first, a file behind it, both removed at exit.

mod active;
mod file;
mod header;
mod mend;
mod record;
mod zram;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tracing::{info, warn};

pub use active::{Area, areas};
pub(crate) use file::of_others;
pub use mend::Found;
pub(crate) use zram::compressor as zram_compressor;
pub use zram::stored as zram_stored;

use crate::machine;
use record::Record;

/// Pages come back one by one, as they are touched: with clusters, zram would decompress neighbours nobody asked for.
const PAGE_CLUSTER: &str = "/proc/sys/vm/page-cluster";

/// zram is used up before the file is touched (swapon(2): higher first).
const ZRAM_PRIORITY: u16 = 1000;
const FILE_PRIORITY: u16 = 10;

/// How much to set up of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As much as suits the machine: half of the memory for zram; for the file 8 GiB or a quarter of the free disk,
    /// whichever is less, less what the files of other servers give, but 256 MiB; and none where less than 1 GiB of the disk would
    /// stay free.
    Auto,
    /// None.
    Off,
    /// This many bytes, before any compression.
    Bytes(u64),
}

impl Size {
    fn bytes(self, auto: impl FnOnce() -> Result<u64, SwapError>) -> Result<u64, SwapError> {
        match self {
            Self::Auto => auto(),
            Self::Off => Ok(0),
            Self::Bytes(bytes) => Ok(bytes),
        }
    }
}

/// What to set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapSettings {
    /// Compressed memory.
    pub zram: Size,
    /// A file in the state folder.
    pub file: Size,
}

impl Default for SwapSettings {
    fn default() -> Self {
        Self { zram: Size::Auto, file: Size::Auto }
    }
}

impl SwapSettings {
    /// Bytes of zram to set up.
    pub(crate) fn zram_bytes(self) -> Result<u64, SwapError> {
        self.zram.bytes(|| Ok(machine::memory().map_err(|e| SwapError::new("reading /proc/meminfo", e))? / 2))
    }

    /// Bytes of the file to set up, on the disk that holds this folder.
    pub(crate) fn file_bytes(self, disk: &Path) -> Result<u64, SwapError> {
        self.file.bytes(|| file::suitable_size(disk))
    }
}

/// Why one kind of swap is not there.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct SwapError {
    what: String,
    source: io::Error,
}

impl SwapError {
    pub(crate) fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source }
    }
}

/// The swap of this server. Dropping it leaves everything as it is, so that sleepers survive our death.
#[derive(Debug)]
pub struct Swap {
    dir: PathBuf,
    /// What marks our areas. A number or a path alone does not: after a reboot it may be another's.
    label: String,
    record: Record,
    host: bool,
    settings: SwapSettings,
    has: Kinds,
}

/// Which kinds of swap are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Kinds {
    zram: bool,
    file: bool,
}

impl Swap {
    /// Make sure that there is swap, as far as the host lets us: adopt what an earlier process of this server set
    /// up, use the host's own where it has some, and otherwise set up our own in `dir`.
    ///
    /// `tag` (at most 8 characters) marks our areas, so that another server's are not taken for the host's.
    /// What cannot be had is logged and done without.
    #[must_use]
    pub fn set_up(dir: &Path, tag: &str, settings: SwapSettings) -> Self {
        let record = Record::load(dir);
        let mut swap = Self {
            dir: dir.to_owned(),
            label: format!("dm-{tag}"),
            record,
            host: false,
            settings,
            has: Kinds::default(),
        };
        if swap.ours_is_active() {
            info!("adopted the swap of an earlier process");
            // What is missing of it was taken away meanwhile.
            swap.has = Kinds { zram: swap.record.zram.is_some(), file: swap.record.file.is_some() };
            return swap;
        }
        swap.clear();
        swap.host = areas().iter().any(|a| !a.is_dormouse);
        if swap.host {
            return swap;
        }
        for (kind, done) in [("zram", swap.add_zram(settings)), ("a swap file", swap.add_file(settings))] {
            match done {
                Ok(0) => {}
                Ok(bytes) => info!(kind, mib = bytes >> 20, "swap for sleeping apps"),
                Err(error) => warn!(kind, %error, "no swap of this kind"),
            }
        }
        swap.has = swap.active();
        if swap.ours_is_active() {
            swap.set_page_cluster();
        } else {
            warn!("no swap: sleeping apps are frozen and keep their memory");
        }
        swap
    }

    /// Whether memory can be pushed out.
    #[must_use]
    pub fn can_page(&self) -> bool {
        // The host's may be taken away too, and is not ours to make again.
        (self.host && areas().iter().any(|a| !a.is_dormouse)) || self.ours_is_active()
    }

    /// Take away what we set up. What is still in it is read back into memory, so end the sleepers first.
    pub fn tear_down(mut self) {
        self.clear();
    }

    fn ours_is_active(&self) -> bool {
        self.active() != Kinds::default()
    }

    /// What of ours the kernel uses.
    fn active(&self) -> Kinds {
        let active = areas();
        let is = |path: &Path| active.iter().any(|a| a.path == path && a.label == self.label);
        Kinds {
            zram: self.record.zram.is_some_and(|n| is(&zram::device(n))),
            file: self.record.file.as_deref().is_some_and(is),
        }
    }

    fn add_zram(&mut self, settings: SwapSettings) -> Result<u64, SwapError> {
        let bytes = settings.zram_bytes()?;
        if bytes == 0 {
            return Ok(0);
        }
        let number = zram::add()?;
        self.record.zram = Some(number);
        self.record.save(&self.dir)?;
        zram::configure(number, bytes)?;
        let device = zram::device(number);
        header::write(&device, bytes, &self.label)?;
        active::on(&device, ZRAM_PRIORITY)?;
        Ok(bytes)
    }

    fn add_file(&mut self, settings: SwapSettings) -> Result<u64, SwapError> {
        let bytes = settings.file_bytes(&self.dir)?;
        if bytes == 0 {
            return Ok(0);
        }
        let path = self.dir.join(file::NAME);
        self.record.file = Some(path.clone());
        self.record.save(&self.dir)?;
        file::allocate(&path, bytes)?;
        header::write(&path, bytes, &self.label)?;
        active::on(&path, FILE_PRIORITY)?;
        Ok(bytes)
    }

    fn set_page_cluster(&mut self) {
        let Ok(old) = fs::read_to_string(PAGE_CLUSTER) else { return };
        self.record.page_cluster = Some(old.trim().to_owned());
        let set = self.record.save(&self.dir).map_err(|e| e.to_string());
        if let Err(error) = set.and_then(|()| fs::write(PAGE_CLUSTER, "0").map_err(|e| e.to_string())) {
            warn!(error, "cannot set vm.page-cluster; waking from swap will be slower");
        }
    }

    fn clear(&mut self) {
        let active = areas();
        if let Some(path) = self.record.file.take() {
            let off = if active.iter().any(|a| a.path == path) { active::off(&path) } else { Ok(()) };
            if let Err(error) = off.and_then(|()| file::remove(&path)) {
                warn!(%error, "a swap file is left behind");
            }
        }
        self.clear_zram(&active);
        if let Some(old) = self.record.page_cluster.take()
            && let Err(error) = fs::write(PAGE_CLUSTER, old)
        {
            warn!(%error, "cannot restore vm.page-cluster");
        }
        Record::forget(&self.dir);
    }

    fn clear_zram(&mut self, active: &[Area]) {
        let Some(number) = self.record.zram.take() else { return };
        let device = zram::device(number);
        let ours = header::label(&device).is_some_and(|l| l == self.label) || zram::is_fresh(number);
        let off = if ours && active.iter().any(|a| a.path == device) { active::off(&device) } else { Ok(()) };
        if ours && let Err(error) = off.and_then(|()| zram::remove(number)) {
            warn!(%error, "a zram device is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: a record from before a reboot named a number that somebody else's device had by now.
    #[test]
    fn another_ones_zram_is_neither_adopted_nor_removed() {
        if !root() || areas().iter().any(|a| !a.is_dormouse) || !Path::new("/sys/class/zram-control").exists()
        {
            dormouse_trials::skip("needs root, zram, and a host without swap");
            return;
        }
        let (theirs, mine) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = SwapSettings { zram: Size::Bytes(64 << 20), file: Size::Off };
        let other = Swap::set_up(theirs.path(), "test0002", settings);
        Record { zram: other.record.zram, ..Record::default() }.save(mine.path()).unwrap();
        let swap = Swap::set_up(mine.path(), "test0003", settings);
        assert_ne!(swap.record.zram, other.record.zram);
        swap.tear_down();
        assert!(other.ours_is_active());
        other.tear_down();
    }

    fn root() -> bool {
        let root = nix::unistd::geteuid().is_root();
        if !root {
            dormouse_trials::skip("swap needs root");
        }
        root
    }

    #[test]
    fn set_up_adopt_tear_down() {
        if !root() || areas().iter().any(|a| !a.is_dormouse) {
            dormouse_trials::skip("needs root and a host without swap");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let settings = SwapSettings { zram: Size::Bytes(64 << 20), file: Size::Bytes(32 << 20) };
        let swap = Swap::set_up(dir.path(), "test0001", settings);
        assert!(swap.can_page());
        let file = dir.path().join("swapfile");
        let ours = |areas: &[Area]| areas.iter().filter(|a| a.label == "dm-test0001").count();
        let wanted = if Path::new("/sys/class/zram-control").exists() { 2 } else { 1 };
        assert_eq!(ours(&areas()), wanted);
        // The process dies without a word; the next one finds it all.
        drop(swap);
        assert_eq!(ours(&areas()), wanted, "dropping must leave the sleepers' memory alone");
        let adopted = Swap::set_up(dir.path(), "test0001", settings);
        assert_eq!(ours(&areas()), wanted, "adopted, not set up twice");
        adopted.tear_down();
        assert_eq!(ours(&areas()), 0);
        assert!(!file.exists());
        assert!(!dir.path().join("record.json").exists());
    }

    #[test]
    fn off_is_off() {
        let dir = tempfile::tempdir().unwrap();
        let swap = Swap::set_up(dir.path(), "test0002", SwapSettings { zram: Size::Off, file: Size::Off });
        assert_eq!(swap.can_page(), areas().iter().any(|a| !a.is_dormouse));
        swap.tear_down();
    }
}
