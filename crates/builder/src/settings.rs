//! What builds may use.

use std::time::Duration;

use dormouse_model::Limits;

/// What builds may use. Each limit is per phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSettings {
    /// Memory, page cache included, processor time and processes.
    pub limits: Limits,
    /// How long a phase may take.
    pub time_limit: Duration,
    /// Free bytes on the state folder's disk without which no phase is started.
    pub min_free: u64,
    /// Builds running at once; others wait for their turn.
    pub parallel: usize,
    /// A project's download cache is emptied when it has grown beyond this many bytes.
    pub max_cache: u64,
    /// Version of uv that installs packages.
    pub uv: String,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            // Installing wheels takes a few hundred MB; small C extensions compile in 2 GiB.
            limits: Limits { memory: 2 << 30, cpu_milli: 2000, pids: 1024 },
            time_limit: Duration::from_secs(15 * 60),
            min_free: 1 << 30,
            parallel: 2,
            max_cache: 4 << 30,
            uv: "0.13.9".to_owned(),
        }
    }
}
