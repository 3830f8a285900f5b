//! What manifests, and folders without one, come to: whole folders in, whole results out.
#![allow(missing_docs, reason = "a test")]

mod compose;
mod compose_files;
mod compose_forms;
mod compose_keys;
mod compose_slips;
mod compose_words;
mod detect;
mod dockerfile;
mod environment;
mod errors;
mod files;
mod manifest;
mod no_panic;
mod ports;

use expect_test::Expect;

use dormouse_builder::LANGUAGES;
use dormouse_model::{
    Depth, Env, EnvValue, HealthSpec, Limits, Question, ServiceKind, ServiceSpec, SleepPolicy, Visibility,
    manifest::{ManifestInput, is_manifest, resolve},
};

/// A folder of files; a name that ends in `/` is a folder.
fn folder(name: &str, files: &[(&str, &str)]) -> ManifestInput {
    let mut input = ManifestInput::new(name);
    for (path, text) in files {
        match path.strip_suffix('/') {
            Some(folder) => input.add_folder(folder),
            None => input.add_file(path, *text),
        }
    }
    input
}

fn check(input: &ManifestInput, expected: &Expect) {
    expected.assert_eq(&shown(input));
}

/// The result in a few lines: of each service only what differs from the defaults.
fn shown(input: &ManifestInput) -> String {
    let (spec, warnings) = match resolve(input, LANGUAGES) {
        Ok(done) => done,
        Err(e) => return format!("{e}\n"),
    };
    let mut text = format!("project {}\n", spec.name);
    if let Some(front) = spec.front() {
        text += &format!("front {}\n", front.name);
    }
    for service in spec.services.values() {
        text += &show(service);
    }
    for warning in warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

/// Templates in backquotes.
fn env(env: &Env) -> String {
    let shown = env.iter().map(|(name, value)| match value {
        EnvValue::Text(text) => format!("{name:?}: {text:?}"),
        EnvValue::Template { template } => format!("{name:?}: `{template}`"),
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

fn show(s: &ServiceSpec) -> String {
    let mut t = format!("{}: source={} port={}", s.name, s.source, s.port);
    t += match s.kind {
        ServiceKind::Web => "",
        ServiceKind::Worker => " worker",
        ServiceKind::Job => " job",
    };
    if s.visibility == Visibility::Public {
        t += " public";
    }
    if let Some(start) = &s.start {
        t += &format!(" start={start:?}");
    }
    if let Some(file) = &s.requirements {
        t += &format!(" requirements={file}");
    }
    if !s.install.is_empty() {
        t += &format!(" install={:?}", s.install);
    }
    if let Some(folder) = &s.workdir {
        t += &format!(" workdir={folder}");
    }
    for (what, origin) in [("start", &s.origins.start), ("install", &s.origins.install)] {
        if let Some(origin) = origin {
            t += &format!(" {what}@{origin}");
        }
    }
    if let Some(package) = &s.package {
        t += &format!(" package={package}");
    }
    let h = &s.health;
    t += &match (s.question(None), s.kind) {
        (Question::Http(path), _) => format!(" health={path}"),
        (Question::Connection, ServiceKind::Web) => " tcp".to_owned(),
        (Question::Protocol(path), _) if path != "/" => format!(" health?={path}"),
        (Question::Protocol(_), _) | (Question::Connection, ServiceKind::Worker | ServiceKind::Job) => {
            String::new()
        }
    };
    if *h != (HealthSpec { ask: h.ask.clone(), server: h.server, ..HealthSpec::default() }) {
        t += &format!(
            " probe=({:?} {:?} {:?} {} {:?})",
            h.interval, h.timeout, h.start_timeout, h.failures, h.hang_timeout
        );
    }
    if !s.needs.is_empty() {
        t += &format!(" needs={:?}", s.needs);
    }
    if !s.after.is_empty() {
        t += &format!(" after={:?}", s.after);
    }
    if s.replicas != 1 {
        t += &format!(" replicas={}", s.replicas);
    }
    if s.limits != Limits::default() {
        t += &format!(" limits={} {}m {}", s.limits.memory, s.limits.cpu_milli, s.limits.pids);
    }
    if s.limits.disk != Limits::default().disk {
        t += &format!(" disk={}", s.limits.disk);
    }
    if !s.env.is_empty() {
        t += &format!(" env={}", env(&s.env));
    }
    if s.sleep != SleepPolicy::default() {
        let depth = match s.sleep.depth {
            Depth::Frozen => "frozen",
            Depth::Paged => "paged",
            Depth::Stopped => "stopped",
        };
        t += &format!(" sleep={:?} {depth}", s.sleep.after);
        let default = SleepPolicy::default();
        if (s.sleep.streams, s.sleep.patience) != (default.streams, default.patience) {
            t += &format!(" streams={:?} patience={:?}", s.sleep.streams, s.sleep.patience);
        }
    }
    if s.stop_grace.as_secs() != 30 {
        t += &format!(" grace={:?}", s.stop_grace);
    }
    if !s.packages.is_empty() {
        t += &format!(" packages={:?}", s.packages);
    }
    if !s.aliases.is_empty() {
        t += &format!(" aliases={:?}", s.aliases);
    }
    let folders: Vec<_> =
        s.left_out.iter().filter(|p| !is_manifest(p) && !p.contains("compose.override.")).collect();
    if !folders.is_empty() {
        t += &format!(" without={folders:?}");
    }
    if !s.include.is_empty() {
        t += &format!(" include={:?}", s.include);
    }
    t + "\n"
}
