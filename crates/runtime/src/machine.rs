//! What this machine has.

use std::{fs, io, path::Path, thread};

use dormouse_model::Limits;
use rustix::fs::statvfs;

/// Memory in bytes.
///
/// # Errors
/// When the kernel does not say.
pub fn memory() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    kib.map(|k| k * 1024).ok_or_else(|| io::Error::other("no MemTotal"))
}

/// Processors.
#[must_use]
pub fn processors() -> u32 {
    thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}

/// The state folder, or its nearest parent that is there.
pub(crate) fn nearest(state: &Path) -> &Path {
    state.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"))
}

/// What one service may have so that the rest of the machine goes on: its memory, its processors, and half of the
/// processes that the kernel keeps, and the disk of the state folder; never less than a service has by default.
#[must_use]
pub fn whole(state: &Path) -> Limits {
    let default = Limits::default();
    let number = |path: &str| {
        fs::read_to_string(Path::new("/proc/sys/kernel").join(path)).ok()?.trim().parse::<u32>().ok()
    };
    let pids = ["threads-max", "pid_max"].into_iter().filter_map(number).min();
    let disk = statvfs(nearest(state)).ok().map(|disk| disk.f_blocks * disk.f_frsize);
    Limits {
        // In whole mebibytes, as people read it.
        memory: memory().map_or(default.memory, |bytes| (bytes >> 20 << 20).max(default.memory)),
        cpu_milli: processors().saturating_mul(1000).max(default.cpu_milli),
        disk: disk.map_or(default.disk, |bytes| (bytes >> 30 << 30).max(default.disk)),
        pids: pids.map_or(default.pids, |pids| (pids / 2).max(default.pids)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        let (whole, default) = (whole(Path::new("/nonexistent/state")), Limits::default());
        assert!(whole.memory >= default.memory && whole.cpu_milli.is_multiple_of(1000), "{whole:?}");
        assert!(whole.disk >= default.disk && whole.disk.is_multiple_of(1 << 30), "{whole:?}");
        assert!(whole.pids >= default.pids && whole.pids < 1 << 22, "{whole:?}");
    }
}
