//! What builds may use.

use std::{path::PathBuf, time::Duration};

use dormouse_model::Limits;
use dormouse_runtime::machine;

/// What builds may use. Each limit is per phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSettings {
    /// Memory, page cache included, processor time, processes, and what it may write to files.
    pub limits: Limits,
    /// How long a phase may take.
    pub time_limit: Duration,
    /// The same for phases that compile.
    pub compile_limits: Limits,
    /// How long a phase that compiles may take.
    pub compile_time_limit: Duration,
    /// How long a phase may write nothing and leave the processor alone.
    pub silence_limit: Duration,
    /// Whether this host's own Rust may be lent to builds.
    pub host_rust: HostRust,
    /// Free bytes on the state folder's disk without which no phase is started.
    pub min_free: u64,
    /// A project's download cache, or a service's compile cache, is emptied when it has grown beyond this many bytes,
    /// or beyond a quarter of what a phase may have on the disk.
    pub max_cache: u64,
    /// Version of uv that installs packages.
    pub uv: String,
}

/// Installing what trains and draws takes 8 GiB, and three caches of [`BuildSettings::max_cache`] may be there already.
const DISK: u64 = 20 << 30;

impl BuildSettings {
    /// Free bytes on the disk below which a phase is ended: half of what it takes to begin one, so that the other half is for
    /// those that began.
    pub(crate) fn spare(&self) -> u64 {
        self.min_free / 2
    }

    /// What a cache may have grown to: what is full of caches cannot build.
    pub(crate) fn cache_bound(&self) -> u64 {
        self.max_cache.min(self.limits.disk / 4)
    }
}

/// Whether the toolchain of the machine's operator is shown, read-only, to builds that need a newer Rust than the
/// base's mirror has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostRust {
    /// The one that `rustc` in the search path belongs to, when it is one that can be moved.
    #[default]
    Auto,
    /// None.
    Never,
    /// The one in this folder, which holds `bin/cargo` and `lib/rustlib`.
    At(PathBuf),
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            // Installing wheels takes a few hundred MB; small C extensions compile in 2 GiB.
            limits: Limits { memory: 2 << 30, cpu_milli: 2000, pids: 1024, disk: DISK },
            time_limit: Duration::from_secs(15 * 60),
            compile_limits: compile_limits(machine::memory().unwrap_or(8 << 30), machine::processors()),
            compile_time_limit: Duration::from_secs(60 * 60),
            // Package managers give up on a server that is silent after half a minute, and say so.
            silence_limit: Duration::from_secs(5 * 60),
            host_rust: HostRust::Auto,
            min_free: 1 << 30,
            max_cache: 4 << 30,
            uv: "0.13.9".to_owned(),
        }
    }
}

/// All processors, of which builds have a small share anyway, and half of the host's memory: optimising one large
/// crate takes 1 to 3 GB, and no machine should be lost to it.
fn compile_limits(memory: u64, cores: u32) -> Limits {
    Limits { memory: (memory / 2).clamp(2 << 30, 16 << 30), cpu_milli: cores * 1000, pids: 4096, disk: DISK }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiling_takes_half_of_the_host() {
        for (host, want) in [(1, 2), (8, 4), (24, 12), (256, 16)] {
            assert_eq!(compile_limits(host << 30, 4).memory >> 30, want, "{host} GiB");
        }
        assert!(machine::memory().unwrap() > 64 << 20, "this host's memory is not known");
        assert_eq!(compile_limits(8 << 30, machine::processors()).cpu_milli % 1000, 0);
    }
}
