//! What works, and may surprise: said once, when a project is deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::{foreign, input::ManifestInput, outside::Outside, problem::Report};
use crate::{
    ServiceKind, ServiceSpec,
    source::procfile::{self, Line},
};

/// Names told at most; the rest is counted.
const TOLD: usize = 20;

/// Remark on what the images of these services lack, and on what is not started.
pub(super) fn all<'s>(
    input: &ManifestInput,
    outside: &Outside<'_>,
    services: impl Iterator<Item = &'s ServiceSpec> + Clone,
    report: &mut Report,
) {
    secrets(input, outside, services.clone(), report);
    processes(input, services, report);
}

/// Files that hold secrets reach no image unless the service includes them. Those whose variables reach the services
/// anyway are as they are meant.
fn secrets<'s>(
    input: &ManifestInput,
    outside: &Outside<'_>,
    services: impl Iterator<Item = &'s ServiceSpec> + Clone,
    report: &mut Report,
) {
    let compose = compose(services.clone());
    // Each with its path as the service's own `include` would name it.
    let mut out = BTreeMap::new();
    for service in services {
        let source = service.source.as_str();
        // What leads to the service's own stays a link.
        let is_own = |target: &str| foreign::below(target, source).is_some();
        let is_withheld = |target: &str| {
            foreign::seen_from(source, target).is_some_and(|target| service.left_out.contains(&target))
        };
        let withheld = input.links().filter(|(_, target)| is_withheld(target));
        let all = input.secrets().chain(withheld.map(|(path, target)| (path, Some(target))));
        for (path, target) in all {
            let Some(below) = foreign::below(path, source).filter(|_| !target.is_some_and(is_own)) else {
                continue;
            };
            let meant = service.include.contains(below) || outside.is_taken(path);
            if !meant && !service.leaves_out(below.as_ref()) {
                out.insert(path, below);
            }
        }
    }
    let told: Vec<_> = out.keys().take(TOLD).map(|path| format!("`{path}`")).collect();
    let Some(first) = out.values().next() else { return };
    let more = out.len() - told.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let hint = match compose {
        Some(file) => format!(
            "settings belong into a service's `environment` or `env_file` in {file}, or into `dormouse env set`"
        ),
        None => format!(
            "settings belong into a service's `env`; a file that the app reads itself comes along with \
             include = [\"{first}\"] under the service in dormouse.toml"
        ),
    };
    report
        .warn(format!("not in the images, as they hold secrets: {}{more}\n  hint: {hint}", told.join(", ")));
}

/// The compose file that describes them, if one does.
fn compose<'s>(mut services: impl Iterator<Item = &'s ServiceSpec>) -> Option<&'s str> {
    services.find_map(|service| service.origins.compose.as_deref())
}

/// Processes of a `Procfile` that are none of the services.
fn processes<'s>(
    input: &ManifestInput,
    services: impl Iterator<Item = &'s ServiceSpec> + Clone,
    report: &mut Report,
) {
    let sources: BTreeSet<&str> = services.clone().map(|s| s.source.as_str()).collect();
    let compose = compose(services.clone());
    let all: Vec<_> =
        services.clone().map(|s| format!("[services.{}] with source = \"{}\"", s.name, s.source)).collect();
    let manifest = match input.has_file(".", "dormouse.toml") {
        true => "dormouse.toml, beside the others".to_owned(),
        // Once it is there, nothing is found any more.
        false => format!("a dormouse.toml, which names all services, beside {}", all.join(" and ")),
    };
    for source in sources {
        let Some(text) = input.text_in(source, procfile::NAME) else { continue };
        let here = || services.clone().filter(|s| s.source == source);
        let workers = || here().filter(|s| s.kind == ServiceKind::Worker);
        let has_no_port = |s: &&ServiceSpec| match s.kind {
            ServiceKind::Web => false,
            ServiceKind::Worker | ServiceKind::Job => true,
        };
        let file = if source == "." { String::new() } else { format!("{source}/") };
        for (number, line) in procfile::unread(text) {
            report.warn(format!(
                "{file}{}:{number} is not read: `{line}`\n  hint: a line is a name, a colon and a command, such as `web: gunicorn app:app`",
                procfile::NAME
            ));
        }
        let names_web = || procfile::lines(text).any(|line| line.is("web"));
        for line @ Line { number, process, command } in procfile::lines(text) {
            let process = &process.to_ascii_lowercase();
            let runs_it = match process.as_str() {
                "web" => here().any(|s| s.kind == ServiceKind::Web),
                "worker" => workers().next().is_some(),
                name => here().filter(has_no_port).any(|s| s.name.as_str() == name),
            };
            if runs_it || command.is_empty() {
                continue;
            }
            let place = format!("{file}{}:{number}", procfile::NAME);
            if line.is_nearly("web") && here().any(|s| s.kind == ServiceKind::Web) && !names_web() {
                report.warn(format!(
                    "{place}: `{process}` is not started\n  hint: if it is what serves, write it as `web: {command}`"
                ));
                continue;
            }
            report.warn(match (process.as_str(), compose) {
                (name, Some(compose)) => format!(
                    "{place}: `{name}` is not started\n  hint: make it a service of its own in {compose}, with its command as `command`"
                ),
                ("release", None) => format!(
                    "{place}: `release` is not run\n  hint: make it a job in {manifest}: [services.release] with kind = \"job\", \
                     source = \"{source}\" and start = {command:?}; what is to wait for it says after = [\"release\"]"
                ),
                (name, None) => {
                    let kind = if name == "web" { "" } else { "kind = \"worker\", " };
                    format!(
                        "{place}: `{name}` is not started\n  hint: make it a service of its own in {manifest}: [services.{name}] with \
                         {kind}source = \"{source}\" and start = {command:?}"
                    )
                }
            });
        }
    }
}
