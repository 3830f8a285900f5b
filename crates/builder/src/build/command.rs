//! One command of a phase, in its sandbox.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{BuildError, BuildEvent, Stream};
use dormouse_images::LayerDraft;
use dormouse_model::{ExitStatus, Limits};
use dormouse_runtime::{BYTES_PER_FILE, Cut, Mount, Profile, Resolver, Room, RunEnd, RunSpec, Share};
use tokio::sync::mpsc;

use super::{
    Job, Stack,
    explain::{self, Reason},
    host,
    phase::{FULL, disk_limit, io_error},
    said::{self, Said},
};
use crate::{
    BuildSettings,
    hostnet::BUNDLE,
    relay::{Relay, Tell},
};

/// Lines of output on their way from a command to the log.
const LINES: usize = 64;

/// Bytes kept of what a command was asked for.
const ANSWER: usize = 4 << 20;

/// A command, on top of what every command of a build has.
pub(crate) struct Command<'a> {
    phase: &'a str,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: &'a str,
    mounts: Vec<Mount>,
    /// Where it writes, when not into the layer.
    upper: Option<PathBuf>,
    /// Whether it may use what is for compiling.
    compiles: bool,
    /// Whether its standard output is for us and not for the log.
    is_asked: bool,
    /// Why it failed, when there is more to know than of any command.
    explain: fn(&mut Said) -> Option<Reason>,
}

impl<'a> Command<'a> {
    pub(crate) fn new(phase: &'a str, argv: &[&str]) -> Self {
        Self {
            phase,
            argv: argv.iter().map(|&a| a.to_owned()).collect(),
            env: BTreeMap::new(),
            cwd: "/",
            mounts: Vec::new(),
            upper: None,
            compiles: false,
            is_asked: false,
            explain: |_| None,
        }
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn mount(mut self, source: PathBuf, target: &str, read_only: bool) -> Self {
        self.mounts.push(Mount { source, target: target.into(), read_only });
        self
    }

    pub(crate) fn in_folder(mut self, cwd: &'a str) -> Self {
        self.cwd = cwd;
        self
    }

    /// Write into this folder, which is no part of the layer.
    pub(crate) fn upper(mut self, upper: PathBuf) -> Self {
        self.upper = Some(upper);
        self
    }

    /// With the memory and the time of phases that compile.
    pub(crate) fn compiles(mut self) -> Self {
        self.compiles = true;
        self
    }

    /// Keep its standard output out of the log, and return it.
    pub(crate) fn asked(mut self) -> Self {
        self.is_asked = true;
        self
    }

    /// Look here first for why it failed.
    pub(crate) fn explained(mut self, explain: fn(&mut Said) -> Option<Reason>) -> Self {
        self.explain = explain;
        self
    }
}

impl Job<'_> {
    /// Run it on top of `stack`, writing into `draft`. Returns the lines it was asked for.
    pub(crate) async fn command(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        command: Command<'_>,
    ) -> Result<Vec<String>, BuildError> {
        let builder = self.builder;
        let settings = &builder.settings;
        let phase = command.phase;
        let bounds = Bounds::of(settings, command.compiles);
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
        let relay = builder.net.relay();
        if let Some(relay) = relay {
            let bundle = draft.work_path().join("ca-certificates.crt");
            trust(relay, &bundle, &mut mounts).map_err(|e| io_error(phase, "writing", &bundle, e))?;
        }
        let spec = RunSpec {
            name: format!("{}-{phase}", self.request.id),
            lowers: stack.lowers(&builder.store),
            upper: command.upper.as_deref().unwrap_or(draft.path()).to_owned(),
            argv: command.argv,
            env,
            cwd: Path::new(command.cwd).to_owned(),
            mounts,
            limits: bounds.limits,
            time_limit: bounds.time,
            silence_limit: Some(bounds.silence),
            room: Some(Room {
                folders: [draft.path(), draft.work_path()].map(Path::to_owned).into(),
                spare: bounds.spare,
            }),
            network: true,
            resolver: Resolver::Gateway,
            profile: Profile::Build,
            share: Share::Build,
        };
        let (lines, mut output) = mpsc::channel::<(Stream, String)>(LINES);
        let mut said = Said::default();
        let mut answer = Answer::default();
        let forward = async {
            while let Some((stream, line)) = output.recv().await {
                if command.is_asked && stream == Stream::Out {
                    answer.push(line);
                    continue;
                }
                let text = builder.net.redact(said::shown(&line));
                said.push(&text);
                self.send(BuildEvent::Output { stream, text });
            }
        };
        let stand_ins = relay.map(|relay| relay.stand_ins()).unwrap_or_default();
        // Held until the command has ended.
        let mut answers = None;
        let given = |listeners| {
            let net = builder.net.clone();
            let to = self.events.clone();
            let tell = Tell::new(move |line| {
                let text = net.redact(said::shown(line));
                to.send(BuildEvent::Output { stream: Stream::Err, text }).ok();
            });
            answers = relay.map(|relay| relay.serve(listeners, &Arc::new(tell)));
        };
        let run = builder.sandboxes.run_beside(spec, lines, &stand_ins, given);
        let (end, ()) = tokio::join!(run, forward);
        drop(answers);
        let end = end.map_err(|e| host(format!("running the {phase} phase"), e))?;
        judge(phase, end, &bounds, || {
            (command.explain)(&mut said)
                .or_else(|| explain::reason(said.tail()))
                .or_else(|| last(said.tail()))
        })?;
        Ok(answer.lines.into())
    }
}

/// Have a command trust the relay, beside whom this host trusts.
fn trust(relay: &Relay, bundle: &Path, mounts: &mut Vec<Mount>) -> io::Result<()> {
    if !bundle.exists() {
        fs::write(bundle, relay.bundle())?;
    }
    mounts.retain(|m| m.target != Path::new(BUNDLE));
    mounts.push(Mount { source: bundle.to_owned(), target: BUNDLE.into(), read_only: true });
    Ok(())
}

/// The newest of what a command was asked for.
#[derive(Default)]
struct Answer {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Answer {
    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > ANSWER
            && let Some(old) = self.lines.pop_front()
        {
            self.bytes -= old.len();
        }
    }
}

/// The last thing it said.
fn last(tail: &[String]) -> Option<Reason> {
    tail.iter().rev().find(|l| !l.trim().is_empty()).map(|l| Reason::Last(l.trim().to_owned()))
}

/// What a command may use, and the keys of `[build]` that say so.
struct Bounds {
    limits: Limits,
    memory_key: &'static str,
    time: Duration,
    time_key: &'static str,
    silence: Duration,
    spare: u64,
}

impl Bounds {
    fn of(settings: &BuildSettings, compiles: bool) -> Self {
        let (silence, spare) = (settings.silence_limit, settings.spare());
        if compiles {
            let (limits, time) = (settings.compile_limits, settings.compile_time_limit);
            Self { limits, memory_key: "compile_memory", time, time_key: "compile_minutes", silence, spare }
        } else {
            let (limits, time) = (settings.limits, settings.time_limit);
            Self { limits, memory_key: "memory", time, time_key: "minutes", silence, spare }
        }
    }
}

fn judge(
    phase: &str,
    end: RunEnd,
    bounds: &Bounds,
    reason: impl FnOnce() -> Option<Reason>,
) -> Result<(), BuildError> {
    let limit = |limit: String, hint: String| Err(BuildError::Limit { phase: phase.to_owned(), limit, hint });
    let raise = |key: &str| format!("raise `{key}` under [build] in server.toml");
    match end.cut {
        Some(Cut::Time) => return limit(format!("time: {}", human(bounds.time)), raise(bounds.time_key)),
        Some(Cut::Silence) => {
            let silence = human(bounds.silence);
            return limit(
                format!("silence: it wrote nothing and left the processor alone for {silence}"),
                raise("silence"),
            );
        }
        Some(Cut::Bytes) => {
            let most = bounds.limits.disk >> 20;
            return limit(
                format!("disk: its layer and the caches of its project took more than {most} MiB"),
                raise("disk"),
            );
        }
        Some(Cut::Files) => {
            let most = bounds.limits.disk / BYTES_PER_FILE;
            return limit(
                format!("files: its layer and the caches of its project had more than {most}"),
                raise("disk"),
            );
        }
        Some(Cut::Spare) => {
            return Err(disk_limit(phase, &format!("less than {} MiB are free", bounds.spare >> 20)));
        }
        None => {}
    }
    let memory = || limit(format!("memory: {} MiB", bounds.limits.memory >> 20), raise(bounds.memory_key));
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
        Some(Reason::Disk) => return Err(disk_limit(phase, FULL)),
        Some(Reason::Processes) => {
            let hint = "have it start fewer of them at once".to_owned();
            return limit(format!("processes: {}", bounds.limits.pids), hint);
        }
        Some(Reason::Said(why)) => why,
        Some(Reason::Last(line)) => format!("{code}: {line}"),
        None => code,
    };
    Err(BuildError::Phase { phase: phase.to_owned(), why })
}

fn human(time: Duration) -> String {
    match time.as_secs() {
        secs if secs < 120 => format!("{secs} s"),
        secs => format!("{} minutes", secs.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn limits_name_what_raises_them() {
        let settings = BuildSettings {
            limits: Limits { memory: 1 << 30, cpu_milli: 1000, pids: 64, ..Limits::default() },
            compile_limits: Limits { memory: 4 << 30, cpu_milli: 1000, pids: 99, ..Limits::default() },
            time_limit: Duration::from_secs(90),
            ..BuildSettings::default()
        };
        let mut out = String::new();
        let killed = ExitStatus::Signal(9);
        for compiles in [false, true] {
            for (status, cut, reason) in [
                (killed, Some(Cut::Time), None),
                (killed, Some(Cut::Silence), None),
                (killed, Some(Cut::Bytes), None),
                (killed, Some(Cut::Files), None),
                (killed, Some(Cut::Spare), None),
                (ExitStatus::OutOfMemory, None, None),
                (ExitStatus::Code(1), None, Some(Reason::Processes)),
                (ExitStatus::Code(1), None, Some(Reason::Disk)),
                (ExitStatus::Code(1), None, Some(Reason::Last("no such package".to_owned()))),
                (ExitStatus::Code(0), None, None),
            ] {
                let end = RunEnd { status, peak_memory: 0, out_of_memory: false, cut };
                let judged = judge("install", end, &Bounds::of(&settings, compiles), || reason);
                out += &judged.map_or_else(|e| format!("{e}\n"), |()| "well\n".to_owned());
            }
        }
        expect![[r#"
            the install phase exceeded its limit: time: 90 s
              hint: raise `minutes` under [build] in server.toml
            the install phase exceeded its limit: silence: it wrote nothing and left the processor alone for 5 minutes
              hint: raise `silence` under [build] in server.toml
            the install phase exceeded its limit: disk: its layer and the caches of its project took more than 8192 MiB
              hint: raise `disk` under [build] in server.toml
            the install phase exceeded its limit: files: its layer and the caches of its project had more than 524288
              hint: raise `disk` under [build] in server.toml
            the install phase exceeded its limit: disk: less than 512 MiB are free
              hint: make room on the disk of the server's state folder
            the install phase exceeded its limit: memory: 1024 MiB
              hint: raise `memory` under [build] in server.toml
            the install phase exceeded its limit: processes: 64
              hint: have it start fewer of them at once
            the install phase exceeded its limit: disk: it is full
              hint: make room on the disk of the server's state folder
            the install phase failed: it exited with code 1: no such package
            well
            the install phase exceeded its limit: time: 60 minutes
              hint: raise `compile_minutes` under [build] in server.toml
            the install phase exceeded its limit: silence: it wrote nothing and left the processor alone for 5 minutes
              hint: raise `silence` under [build] in server.toml
            the install phase exceeded its limit: disk: its layer and the caches of its project took more than 8192 MiB
              hint: raise `disk` under [build] in server.toml
            the install phase exceeded its limit: files: its layer and the caches of its project had more than 524288
              hint: raise `disk` under [build] in server.toml
            the install phase exceeded its limit: disk: less than 512 MiB are free
              hint: make room on the disk of the server's state folder
            the install phase exceeded its limit: memory: 4096 MiB
              hint: raise `compile_memory` under [build] in server.toml
            the install phase exceeded its limit: processes: 99
              hint: have it start fewer of them at once
            the install phase exceeded its limit: disk: it is full
              hint: make room on the disk of the server's state folder
            the install phase failed: it exited with code 1: no such package
            well
        "#]].assert_eq(&out);
    }
}
