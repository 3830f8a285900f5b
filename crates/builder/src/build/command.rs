//! One command of a phase, in its sandbox.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use dormouse_backend::{BuildError, BuildEvent, Stream};
use dormouse_images::LayerDraft;
use dormouse_model::{ExitStatus, Limits};
use dormouse_runtime::{Mount, Profile, Resolver, RunEnd, RunSpec, Share};
use tokio::sync::mpsc;

use super::{
    Job, Stack,
    explain::{self, Reason},
    host,
    said::Said,
};

/// A command, on top of what every command of a build has.
pub(super) struct Command<'a> {
    phase: &'a str,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: &'a str,
    mounts: Vec<Mount>,
    /// Where it writes, when not into the layer.
    upper: Option<PathBuf>,
    /// Memory and time, when not the usual.
    limits: Option<(Limits, Duration)>,
    /// Whether its standard output is for us and not for the log.
    is_asked: bool,
    /// Why it failed, when there is more to know than of any command.
    explain: fn(&mut Said) -> Option<Reason>,
}

impl<'a> Command<'a> {
    pub(super) fn new(phase: &'a str, argv: &[&str]) -> Self {
        Self {
            phase,
            argv: argv.iter().map(|&a| a.to_owned()).collect(),
            env: BTreeMap::new(),
            cwd: "/",
            mounts: Vec::new(),
            upper: None,
            limits: None,
            is_asked: false,
            explain: |_| None,
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

    pub(super) fn in_folder(mut self, cwd: &'a str) -> Self {
        self.cwd = cwd;
        self
    }

    /// Write into this folder, which is no part of the layer.
    pub(super) fn upper(mut self, upper: PathBuf) -> Self {
        self.upper = Some(upper);
        self
    }

    pub(super) fn limits(mut self, limits: Limits, time: Duration) -> Self {
        self.limits = Some((limits, time));
        self
    }

    /// Keep its standard output out of the log, and return it.
    pub(super) fn asked(mut self) -> Self {
        self.is_asked = true;
        self
    }

    /// Look here first for why it failed.
    pub(super) fn explained(mut self, explain: fn(&mut Said) -> Option<Reason>) -> Self {
        self.explain = explain;
        self
    }
}

impl Job<'_> {
    /// Run it on top of `stack`, writing into `draft`. Returns the lines it was asked for.
    pub(super) async fn command(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        command: Command<'_>,
    ) -> Result<Vec<String>, BuildError> {
        let builder = self.builder;
        let settings = &builder.settings;
        let phase = command.phase;
        let (limits, time_limit) = command.limits.unwrap_or((settings.limits, settings.time_limit));
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
            upper: command.upper.as_deref().unwrap_or(draft.path()).to_owned(),
            argv: command.argv,
            env,
            cwd: Path::new(command.cwd).to_owned(),
            mounts,
            limits,
            time_limit,
            network: true,
            resolver: Resolver::Gateway,
            profile: Profile::Build,
            share: Share::Build,
        };
        let (lines, mut output) = mpsc::unbounded_channel::<(Stream, String)>();
        let mut said = Said::default();
        let mut answer = Vec::new();
        let forward = async {
            while let Some((stream, line)) = output.recv().await {
                if command.is_asked && stream == Stream::Out {
                    answer.push(line);
                    continue;
                }
                let text = builder.net.redact(&line);
                said.push(&text);
                self.send(BuildEvent::Output { stream, text });
            }
        };
        let (end, ()) = tokio::join!(builder.sandboxes.run(spec, lines), forward);
        let end = end.map_err(|e| host(format!("running the {phase} phase"), e))?;
        judge(phase, end, limits, time_limit, || {
            (command.explain)(&mut said)
                .or_else(|| explain::reason(said.tail()))
                .or_else(|| last(said.tail()))
        })?;
        Ok(answer)
    }
}

/// The last thing it said.
fn last(tail: &[String]) -> Option<Reason> {
    tail.iter().rev().find(|l| !l.trim().is_empty()).map(|l| Reason::Last(l.trim().to_owned()))
}

fn judge(
    phase: &str,
    end: RunEnd,
    limits: Limits,
    time_limit: Duration,
    reason: impl FnOnce() -> Option<Reason>,
) -> Result<(), BuildError> {
    let limit = |limit: String| Err(BuildError::Limit { phase: phase.to_owned(), limit });
    if end.timed_out {
        return limit(format!("time: {} minutes", time_limit.as_secs().div_ceil(60)));
    }
    let memory = || limit(format!("memory: {} MiB", limits.memory >> 20));
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
    let why = match reason() {
        Some(Reason::Disk) => return limit("disk: it is full".to_owned()),
        Some(Reason::Processes) => return limit(format!("processes: {}", limits.pids)),
        Some(Reason::Said(why)) => why,
        Some(Reason::Last(line)) => format!("{code}: {line}"),
        None => code,
    };
    Err(BuildError::Phase { phase: phase.to_owned(), why })
}
