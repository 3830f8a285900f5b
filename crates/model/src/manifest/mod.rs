//! The manifest: what a folder says its project is.
//!
//! Configuration exists twice. First as typed by the user ([`typed`]), every value with the place it was written at, read
//! from `dormouse.toml` or from a compose file; then as meant ([`crate::spec`]), every default filled in and every
//! reference checked. A folder without either file is read by looking at its code.

mod compose;
mod compose_parts;
mod detect;
mod foreign;
mod input;
mod names;
mod node;
mod problem;
mod read;
mod service;
mod settle;
#[cfg(test)]
mod tests;
mod toml;
mod typed;
mod value;
mod yaml;

pub use input::{ManifestInput, Unread, is_manifest, is_relevant};
pub use problem::{ManifestError, Place, Problem, Warning};

use crate::ProjectSpec;

/// Name of the manifest.
pub const MANIFEST: &str = "dormouse.toml";

/// Names of compose files, the first one found is read.
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

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
    let manifest = input.manifest(MANIFEST, &mut report);
    let others = || COMPOSE.into_iter().filter(|n| input.has_file(".", n));
    let typed = match manifest {
        Some(text) => {
            others().for_each(|n| report.warn(format!("{n} is not read, because there is a {MANIFEST}")));
            let source = problem::Source::new(MANIFEST, text);
            toml::parse(&source, &mut report).map(|root| read::project(&source, &root, &mut report))
        }
        None if report.has_problems() => None,
        None => match others().chain(COMPOSE).find_map(|n| Some((n, input.manifest(n, &mut report)?))) {
            Some((name, text)) => {
                for other in others().filter(|n| *n != name) {
                    report.warn(format!("{other} is not read, because there is a {name}"));
                }
                let source = problem::Source::new(name, text);
                yaml::parse(&source, &mut report).map(|root| compose::project(&source, &root, &mut report))
            }
            None if report.has_problems() => None,
            None => Some(typed::Project::default()),
        },
    };
    let spec = typed.and_then(|typed| settle::project(input, &typed, &mut report));
    report.finish(spec)
}
