//! `env`: variables and secrets that the server keeps for a project's services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result, anyhow, bail};
use dormouse_api::{EnvChange, EnvChanged};
use dormouse_model::source::text;

use crate::{
    OK,
    args::{EnvCommand, EnvImportArgs, EnvSetArgs, TargetArgs},
    human,
    settings::Settings,
    streams::{Paint, Streams},
};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

pub(crate) async fn env(settings: &Settings, command: &EnvCommand, streams: &mut Streams) -> Result<u8> {
    match command {
        EnvCommand::Set(args) => {
            let set = variables(args, &mut io::stdin().lock())?;
            let change = EnvChange { set, restart: !args.when.no_restart, ..EnvChange::default() };
            apply(settings, &args.target, change, streams).await
        }
        EnvCommand::Unset(args) => {
            let unset = args.names.iter().cloned().collect();
            let change = EnvChange { unset, restart: !args.when.no_restart, ..EnvChange::default() };
            apply(settings, &args.target, change, streams).await
        }
        EnvCommand::Import(args) => import(settings, args, streams).await,
        EnvCommand::Ls(args) => list(settings, args, streams).await,
    }
}

/// A target's project and service. They need not be there yet.
fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('/') {
        Some((project, service)) => (project, Some(service)),
        None => (target, None),
    }
}

/// What is to be set, with the values that are not on the command line.
fn variables(args: &EnvSetArgs, stdin: &mut impl Read) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    let mut from_stdin = None;
    for text in &args.variables {
        let Some((name, value)) = text.split_once('=') else {
            bail!("`{text}` is not NAME=VALUE\n  hint: `{text}=-` reads the value from standard input");
        };
        if value != "-" {
            out.insert(name.to_owned(), value.to_owned());
        } else if let Some(first) = from_stdin.replace(name) {
            bail!("standard input holds one value, and both {first} and {name} are to have it");
        } else {
            out.insert(name.to_owned(), without_newline(text_of(stdin, "standard input")?));
        }
    }
    for text in &args.from_files {
        let Some((name, file)) = text.split_once('=') else { bail!("`{text}` is not NAME=FILE") };
        out.insert(name.to_owned(), without_newline(text_in(Path::new(file))?));
    }
    Ok(out)
}

/// Editors and `echo` end a text with a newline that is no part of a value.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn text_in(file: &Path) -> Result<String> {
    let opened = fs::File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    text_of(&mut { opened }, &file.display().to_string())
}

fn text_of(from: &mut impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{name} holds more than a megabyte");
    }
    text::decode(&bytes).map_err(|e| anyhow!("{name} cannot be read: {e}\n  hint: {}", e.hint()))
}

async fn import(settings: &Settings, args: &EnvImportArgs, streams: &mut Streams) -> Result<u8> {
    let text = match args.file.to_str() {
        Some("-") => text_of(&mut io::stdin().lock(), "standard input")?,
        Some(_) | None => text_in(&args.file)?,
    };
    let change = EnvChange { import: Some(text), restart: !args.when.no_restart, ..EnvChange::default() };
    apply(settings, &args.target, change, streams)
        .await
        .with_context(|| format!("cannot import {}", args.file.display()))
}

async fn apply(
    settings: &Settings,
    target: &str,
    mut change: EnvChange,
    streams: &mut Streams,
) -> Result<u8> {
    let (project, service) = split(target);
    change.service = service.map(str::to_owned);
    let unset: BTreeSet<String> = change.unset.clone();
    let done = settings.client().change_env(project, &change).await?;
    if settings.json {
        streams.out_json(&done)?;
        return Ok(OK);
    }
    if !done.passed_over.is_empty() {
        let (names, it) =
            (done.passed_over.join(", "), if done.passed_over.len() == 1 { "it" } else { "them" });
        streams.warning(&format!("{names}: not kept, because the platform sets {it} itself"))?;
    }
    for name in &done.set {
        streams.out_line(&format!("{} {name} kept", streams.out_paint(Paint::Bold, target)))?;
    }
    for name in unset {
        streams.out_line(&format!("{} {name} forgotten", streams.out_paint(Paint::Bold, target)))?;
    }
    tell(&done, service, streams)?;
    Ok(OK)
}

/// When it takes effect.
fn tell(done: &EnvChanged, service: Option<&str>, streams: &mut Streams) -> Result<()> {
    let project = &done.project;
    for service in &done.restarted {
        streams.err_line(&format!("{project}/{service} was started anew"))?;
    }
    if !done.later.is_empty() {
        let services: Vec<_> = done.later.iter().map(|s| format!("{project}/{s}")).collect();
        streams.err_line(&format!(
            "from the next restart or deploy on, it holds for {} (`dormouse restart {project}`)",
            services.join(", ")
        ))?;
    }
    if !done.known {
        let what = match service {
            Some(service) => format!("{project}/{service}"),
            None => project.clone(),
        };
        streams.err_line(&format!("there is no {what} yet: it waits for the first deploy"))?;
    }
    Ok(())
}

async fn list(settings: &Settings, args: &TargetArgs, streams: &mut Streams) -> Result<u8> {
    let (project, service) = split(&args.target);
    let all = settings.client().env(project, service).await?;
    if settings.json {
        streams.out_json(&all)?;
        return Ok(OK);
    }
    if all.is_empty() {
        streams.err_line(&format!(
            "nothing is kept for {}\n  hint: `dormouse env set {} NAME=VALUE` changes that",
            args.target, args.target
        ))?;
        return Ok(OK);
    }
    let now = human::now();
    let rows: Vec<[String; 4]> = all
        .into_iter()
        .map(|e| [e.name, e.value, e.service.unwrap_or_else(|| "all".to_owned()), human::ago(e.set_at, now)])
        .collect();
    let head = ["NAME", "VALUE", "SERVICE", "SET"].map(str::to_owned);
    let width = |i: usize| [&head].into_iter().chain(&rows).map(|r| r[i].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (i, row) in [&head].into_iter().chain(&rows).enumerate() {
        let line = format!(
            "{:a$}  {:b$}  {:c$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        let line = if i == 0 { streams.out_paint(Paint::Bold, &line) } else { line };
        streams.out_line(&line)?;
    }
    Ok(OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::EnvWhen;

    #[test]
    fn where_values_come_from() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        fs::write(&file, "line 1\nline 2\n").unwrap();
        let from_file = format!("PEM={}", file.display());
        for (variables_, from_files, want) in [
            (&["A=b", "C=d=e"][..], &[][..], r#"{"A": "b", "C": "d=e"}"#),
            (&["A=-"], &[], r#"{"A": "typed"}"#),
            (&["A="], &[from_file.as_str()], r#"{"A": "", "PEM": "line 1\nline 2"}"#),
            (&["A=-", "B=-"], &[], "standard input holds one value, and both A and B are to have it"),
            (&["A"], &[], "`A` is not NAME=VALUE\n  hint: `A=-` reads the value from standard input"),
            (&[], &["PEM"], "`PEM` is not NAME=FILE"),
        ] {
            let args = EnvSetArgs {
                target: "shop".to_owned(),
                variables: variables_.iter().map(|s| (*s).to_owned()).collect(),
                from_files: from_files.iter().map(|s| (*s).to_owned()).collect(),
                when: EnvWhen { no_restart: false },
            };
            let shown = match variables(&args, &mut "typed\n".as_bytes()) {
                Ok(found) => format!("{found:?}"),
                Err(e) => e.to_string(),
            };
            assert_eq!(shown, want);
        }
    }
}
