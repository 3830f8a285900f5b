//! What works, and may surprise: said once, when a project is deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::{input::ManifestInput, problem::Report};
use crate::{
    ServiceKind, ServiceSpec,
    source::procfile::{self, Line},
};

/// Names told at most; the rest is counted.
const TOLD: usize = 20;

/// Remark on what the images of these services lack, and on what is not started.
pub(super) fn all<'s>(
    input: &ManifestInput,
    services: impl Iterator<Item = &'s ServiceSpec> + Clone,
    report: &mut Report,
) {
    secrets(input, services.clone(), report);
    processes(input, services, report);
}

/// Files that hold secrets reach no image unless the service includes them.
fn secrets<'s>(input: &ManifestInput, services: impl Iterator<Item = &'s ServiceSpec>, report: &mut Report) {
    // Each with its path as the service's own `include` would name it.
    let mut out = BTreeMap::new();
    for service in services {
        for path in input.secrets() {
            let below = match service.source.as_str() {
                "." => Some(path),
                source => path.strip_prefix(source).and_then(|rest| rest.strip_prefix('/')),
            };
            let Some(below) = below else { continue };
            if !service.include.contains(below) && !service.leaves_out(below.as_ref()) {
                out.insert(path, below);
            }
        }
    }
    let told: Vec<_> = out.keys().take(TOLD).map(|path| format!("`{path}`")).collect();
    let Some(first) = out.values().next() else { return };
    let more = out.len() - told.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    report.warn(format!(
        "not in the images, as they hold secrets: {}{more}\n  hint: settings belong into a service's `env`; a file that the app reads \
         itself comes along with include = [\"{first}\"] under the service in dormouse.toml",
        told.join(", ")
    ));
}

/// Processes of a `Procfile` that are none of the services.
fn processes<'s>(
    input: &ManifestInput,
    services: impl Iterator<Item = &'s ServiceSpec> + Clone,
    report: &mut Report,
) {
    let sources: BTreeSet<&str> = services.clone().map(|s| s.source.as_str()).collect();
    for source in sources {
        let Some(text) = input.text_in(source, procfile::NAME) else { continue };
        let here = || services.clone().filter(|s| s.source == source);
        let workers = || here().filter(|s| s.kind == ServiceKind::Worker);
        let has_no_port = |s: &&ServiceSpec| match s.kind {
            ServiceKind::Web => false,
            ServiceKind::Worker | ServiceKind::Job => true,
        };
        let file = if source == "." { String::new() } else { format!("{source}/") };
        for Line { number, process, command } in procfile::lines(text) {
            let runs_it = match process {
                "web" => here().any(|s| s.kind == ServiceKind::Web),
                "worker" => workers().next().is_some(),
                name => here().filter(has_no_port).any(|s| s.name.as_str() == name),
            };
            if runs_it || command.is_empty() {
                continue;
            }
            let place = format!("{file}{}:{number}", procfile::NAME);
            report.warn(match process {
                "release" => format!(
                    "{place}: `release` is not run\n  hint: make it a job in dormouse.toml, beside the others: [services.release] with \
                     kind = \"job\" and source = \"{source}\"; what is to wait for it says after = [\"release\"]"
                ),
                name => format!(
                    "{place}: `{name}` is not started\n  hint: make it a service of its own in dormouse.toml, beside the others: \
                     [services.{name}] with kind = \"worker\" and source = \"{source}\""
                ),
            });
        }
    }
}
