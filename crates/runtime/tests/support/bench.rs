//! Commands in sandboxes over one base.
#![allow(unreachable_pub)]

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use dormouse_model::Limits;
use dormouse_runtime::{Profile, Resolver, RunSpec, Sandboxes, Share};

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub sandboxes: Sandboxes,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        super::support::fill(&dir.path().join("base"));
        let sandboxes = Sandboxes::open(dir.path()).unwrap();
        Self { dir, sandboxes }
    }

    pub fn upper(&self, name: &str) -> PathBuf {
        self.dir.path().join(name).join("upper")
    }

    /// A command without an environment and a network.
    pub fn command<'a>(&self, name: &str, argv: impl IntoIterator<Item = &'a str>) -> RunSpec {
        RunSpec {
            name: name.into(),
            lowers: vec![self.dir.path().join("base")],
            upper: self.upper(name),
            argv: argv.into_iter().map(str::to_owned).collect(),
            env: BTreeMap::new(),
            cwd: "/".into(),
            mounts: vec![],
            limits: Limits { memory: 128 << 20, cpu_milli: 2000, pids: 64, ..Limits::default() },
            time_limit: Duration::from_secs(60),
            silence_limit: None,
            room: None,
            network: false,
            resolver: Resolver::At([10, 9, 8, 7].into()),
            profile: Profile::App,
            share: Share::Build,
        }
    }
}
