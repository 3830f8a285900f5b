//! What this machine has.

use std::{fs, io, path::Path, thread};

use dormouse_model::Limits;

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

/// What one service may have so that the rest of the machine goes on: its memory, its processors, and half of the
/// processes that the kernel keeps; never less than a service has by default.
#[must_use]
pub fn whole() -> Limits {
    let default = Limits::default();
    let number = |path: &str| {
        fs::read_to_string(Path::new("/proc/sys/kernel").join(path)).ok()?.trim().parse::<u32>().ok()
    };
    let pids = ["threads-max", "pid_max"].into_iter().filter_map(number).min();
    Limits {
        // In whole mebibytes, as people read it.
        memory: memory().map_or(default.memory, |bytes| (bytes >> 20 << 20).max(default.memory)),
        cpu_milli: processors().saturating_mul(1000).max(default.cpu_milli),
        pids: pids.map_or(default.pids, |pids| (pids / 2).max(default.pids)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        let (whole, default) = (whole(), Limits::default());
        assert!(whole.memory >= default.memory && whole.cpu_milli.is_multiple_of(1000), "{whole:?}");
        assert!(whole.pids >= default.pids && whole.pids < 1 << 22, "{whole:?}");
    }
}
