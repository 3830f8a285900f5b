//! The manifest: what a folder says its project is.
//!
//! Configuration exists twice. First as typed by the user ([`typed`]), every value with the place it was written at, read
//! from `dormouse.toml` or from a compose file; then as meant ([`crate::spec`]), every default filled in and every
//! reference checked. A folder without either file is read by looking at its code.

mod compose;
mod compose_parts;
mod detect;
mod environment;
mod foreign;
mod given;
mod input;
mod names;
mod node;
mod outside;
mod path;
mod problem;
mod read;
mod remarks;
mod service;
mod settle;
#[cfg(test)]
mod tests;
mod toml;
mod typed;
mod value;
mod yaml;

pub use given::{Given, Wanted};
pub use input::{ManifestInput, Unread, is_manifest, is_relevant, says_how_to_build};
pub use problem::{ManifestError, Place, Problem, Warning};

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

/// Work out what the folder's project is: from `dormouse.toml`, else from a compose file, else from its code.
///
/// # Errors
///
/// Every problem found, each with its file, line, column and key where it has one.
pub fn resolve(input: &ManifestInput) -> Result<(ProjectSpec, Vec<Warning>), ManifestError> {
    let mut report = problem::Report::default();
    let (spec, _) = read_all(input, &mut report);
    report.finish(spec)
}

/// What has to be given besides, as far as what is given already tells. Ask again with that given, until nothing is
/// wanted: files may name more.
#[must_use]
pub fn inspect(input: &ManifestInput) -> Wanted {
    read_all(input, &mut problem::Report::default()).1
}

fn read_all(input: &ManifestInput, report: &mut problem::Report) -> (Option<ProjectSpec>, Wanted) {
    let mut outside = Outside::new(input, report);
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
    let names: Vec<&str> =
        if named.is_empty() { COMPOSE.to_vec() } else { named.iter().map(String::as_str).collect() };
    let others: Vec<&str> = names.iter().copied().filter(|n| outside.has(n)).collect();
    if let Some(text) = manifest {
        others.iter().for_each(|n| report.warn(format!("{n} is not read, because there is a {MANIFEST}")));
        let sources = problem::Sources::of(MANIFEST, text);
        return toml::parse(&sources, text, report).map(|root| read::project(&sources, &root, report));
    }
    let mut tried = others.iter().chain(&names);
    match tried.find_map(|n| Some((*n, outside.manifest(n, report)?))) {
        Some((name, text)) => {
            for other in others.iter().filter(|n| **n != name) {
                report.warn(format!("{other} is not read, because there is a {name}"));
            }
            let mut sources = problem::Sources::default();
            let root = yaml::parse(sources.add(name, text), report)?;
            Some(compose::project(&sources, &root, outside, report))
        }
        None if report.has_problems() => None,
        None => Some(typed::Project::default()),
    }
}
