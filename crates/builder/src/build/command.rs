//! One command of a phase, in its sandbox.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use dormouse_backend::{BuildError, BuildEvent, Stream};
use dormouse_images::LayerDraft;
use dormouse_model::ExitStatus;
use dormouse_runtime::{Mount, Profile, Resolver, RunEnd, RunSpec, Share};
use tokio::sync::mpsc;

use super::{Job, Stack, explain, host};

/// Lines of output kept to say why a command failed.
const TAIL: usize = 80;

/// A command, on top of what every command of a build has.
pub(super) struct Command<'a> {
    pub(super) phase: &'a str,
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: &'a str,
    pub(super) mounts: Vec<Mount>,
}

impl<'a> Command<'a> {
    pub(super) fn new(phase: &'a str, argv: &[&str]) -> Self {
        Self {
            phase,
            argv: argv.iter().map(|&a| a.to_owned()).collect(),
            env: BTreeMap::new(),
            cwd: "/",
            mounts: Vec::new(),
        }
    }

    pub(super) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn mount(mut self, source: PathBuf, target: &str, read_only: bool) -> Self {
        self.mounts.push(Mount { source, target: target.into(), read_only });
        self
    }
}

impl Job<'_> {
    /// Run it on top of `stack`, writing into `draft`.
    pub(super) async fn command(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        command: Command<'_>,
    ) -> Result<(), BuildError> {
        let builder = self.builder;
        let phase = command.phase;
        let mut env: BTreeMap<String, String> = [
            ("PATH", "/opt/uv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("LANG", "C.UTF-8"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        env.extend(builder.net.build_env().clone());
        env.extend(command.env);
        let mut mounts = builder.net.build_mounts().to_vec();
        mounts.extend(command.mounts);
        let spec = RunSpec {
            name: format!("{}-{phase}", self.request.id),
            lowers: stack.lowers(&builder.store),
            upper: draft.path().to_owned(),
            argv: command.argv,
            env,
            cwd: command.cwd.into(),
            mounts,
            limits: builder.settings.limits,
            time_limit: builder.settings.time_limit,
            network: true,
            resolver: Resolver::Gateway,
            profile: Profile::Build,
            share: Share::Build,
        };
        let (lines, mut output) = mpsc::unbounded_channel::<(Stream, String)>();
        let mut tail = VecDeque::new();
        let forward = async {
            while let Some((stream, line)) = output.recv().await {
                let text = builder.net.redact(&line);
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(text.clone());
                self.send(BuildEvent::Output { stream, text });
            }
        };
        let (end, ()) = tokio::join!(builder.sandboxes.run(spec, lines), forward);
        let end = end.map_err(|e| host(format!("running the {phase} phase"), e))?;
        self.judge(phase, end, tail.make_contiguous())
    }

    fn judge(&self, phase: &str, end: RunEnd, tail: &[String]) -> Result<(), BuildError> {
        let settings = &self.builder.settings;
        let limit = |limit: String| Err(BuildError::Limit { phase: phase.to_owned(), limit });
        if end.timed_out {
            return limit(format!("time: {} minutes", settings.time_limit.as_secs().div_ceil(60)));
        }
        let memory = || limit(format!("memory: {} MiB", settings.limits.memory >> 20));
        let code = match end.status {
            ExitStatus::Code(0) => return Ok(()),
            ExitStatus::OutOfMemory => return memory(),
            // An installer whose compiler was killed says that the compiler failed.
            ExitStatus::Code(_) | ExitStatus::Signal(_) | ExitStatus::Lost if end.out_of_memory => {
                return memory();
            }
            ExitStatus::Code(code) => format!("it exited with code {code}"),
            ExitStatus::Signal(signal) => format!("it was ended by signal {signal}"),
            ExitStatus::Lost => "its end was not recorded".to_owned(),
        };
        match explain::reason(tail) {
            Some(explain::Reason::Disk) => limit("disk: it is full".to_owned()),
            Some(explain::Reason::Processes) => limit(format!("processes: {}", settings.limits.pids)),
            Some(explain::Reason::Said(why)) => Err(BuildError::Phase { phase: phase.to_owned(), why }),
            None => {
                let last = tail.iter().rev().find(|l| !l.trim().is_empty());
                let last = last.map(|l| format!(": {}", l.trim())).unwrap_or_default();
                Err(BuildError::Phase { phase: phase.to_owned(), why: format!("{code}{last}") })
            }
        }
    }
}
