//! The manifest: what a folder says its project is.
//!
//! Configuration exists twice. First as typed by the user (`typed.rs`), every value with the place it was written at, read
//! from `dormouse.toml` or from a compose file; then as meant ([`crate::ServiceSpec`]), every default filled in and every
//! reference checked. A folder without either file is read by looking at its code.

mod code;
mod compose;
mod dockerfile;
mod environment;
mod foreign;
mod found;
mod given;
mod input;
mod jobs;
mod keys;
mod names;
mod nearly;
mod node;
mod outside;
mod path;
mod port;
mod problem;
mod read;
mod remarks;
mod serves;
mod service;
mod settle;
#[cfg(test)]
mod tests;
mod toml;
mod typed;
mod value;
mod yaml;

pub use code::{Code, Facts, Keys, Languages, NoLanguages, Role, Sign};
pub use given::{Given, Wanted};
pub use input::{ManifestInput, Unread, is_manifest, is_relevant};
pub use problem::{ManifestError, Place, Problem, Warning};
pub use value::duration;

use self::outside::Outside;
use crate::ProjectSpec;

/// Name of the manifest.
pub const MANIFEST: &str = "dormouse.toml";

/// Names of compose files, the first one found is read.
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Names of files that are laid over a compose file found by its name; the first one found is read.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Files at the top of a project that only say how it is deployed: no service's image has them.
const MANIFESTS: [&str; 9] = [
    MANIFEST,
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Work out what the folder's project is: from `dormouse.toml`, else from a compose file, else from its code, as
/// far as its languages are known.
///
/// # Errors
///
/// Every problem found, each with its file, line, column and key where it has one.
pub fn resolve(
    input: &ManifestInput,
    languages: &dyn Languages,
) -> Result<(ProjectSpec, Vec<Warning>), ManifestError> {
    let mut report = problem::Report::default();
    let (spec, _) = read_all(input, languages, &mut report);
    report.finish(spec)
}

/// What has to be given besides, as far as what is given already tells. Ask again with that given, until nothing is
/// wanted: files may name more.
#[must_use]
pub fn inspect(input: &ManifestInput) -> Wanted {
    read_all(input, &NoLanguages, &mut problem::Report::default()).1
}

fn read_all(
    input: &ManifestInput,
    languages: &dyn Languages,
    report: &mut problem::Report,
) -> (Option<ProjectSpec>, Wanted) {
    let mut outside = Outside::new(input, languages, report);
    let typed = typed(input, &mut outside, report);
    let spec = typed.and_then(|typed| settle::project(input, &mut outside, &typed, report));
    outside.warn_of_unset(spec.as_ref().map(|s| &s.name), report);
    (spec, outside.wanted)
}

/// What the manifest says.
fn typed<'a>(
    input: &'a ManifestInput,
    outside: &mut Outside<'a>,
    report: &mut problem::Report,
) -> Option<typed::Project> {
    let named = &input.given.manifests;
    let manifest = if named.is_empty() { outside.manifest(MANIFEST, report) } else { None };
    if manifest.is_none() && report.has_problems() {
        return None;
    }
    if let [file] = named.as_slice()
        && file.ends_with(".toml")
    {
        return outside.manifest(file, report).and_then(|text| toml(file, text, report));
    }
    if named.is_empty() {
        nearly::tell(input, outside.languages, manifest.is_some(), report);
    }
    if let Some(text) = manifest {
        let unread = COMPOSE.iter().filter(|n| outside.has(n));
        unread.for_each(|n| report.warn(format!("{n} is not read, because there is a {MANIFEST}")));
        return toml(MANIFEST, text, report);
    }
    let names = if named.is_empty() { named_in_shell(outside) } else { named.clone() };
    let chosen = if names.is_empty() { found(outside, report) } else { names };
    match chosen.as_slice() {
        [] if report.has_problems() => None,
        [] => Some(typed::Project::default()),
        files => compose::read(files, outside, report),
    }
}

fn toml(file: &str, text: &str, report: &mut problem::Report) -> Option<typed::Project> {
    let sources = problem::Sources::of(file, text);
    toml::parse(&sources, text, report).map(|root| read::project(&sources, &root, report))
}

/// The compose files that the variable `COMPOSE_FILE` names, as compose reads it.
fn named_in_shell(outside: &mut Outside<'_>) -> Vec<String> {
    let files = outside.variable("COMPOSE_FILE").unwrap_or_default();
    files.split(':').filter(|f| !f.is_empty()).map(|f| path::join(".", f)).collect()
}

/// The compose file that has one of the usual names, and the one that is laid over it.
fn found(outside: &mut Outside<'_>, report: &mut problem::Report) -> Vec<String> {
    let there: Vec<_> = COMPOSE.into_iter().filter(|n| outside.has(n)).collect();
    // Those that are not there are asked for: one may have nearly the right name.
    let first = there
        .first()
        .copied()
        .or_else(|| COMPOSE.into_iter().find(|n| outside.manifest(n, report).is_some()));
    let Some(first) = first else { return Vec::new() };
    for other in there.iter().filter(|n| **n != first) {
        report.warn(format!("{other} is not read, because there is a {first}"));
    }
    let over = OVERRIDES.into_iter().find(|n| outside.manifest(n, report).is_some());
    [first].into_iter().chain(over).map(str::to_owned).collect()
}
