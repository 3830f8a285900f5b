//! A compose file read as a manifest: services that are built from a folder.

use super::{
    compose_parts as parts,
    environment::Unset,
    node::{Entry, Node, Span, Value},
    outside::Outside,
    problem::{Report, Sources},
    read::{Reader, join},
    service,
    typed::{Project, Service, Written},
};
use crate::{dotenv, interpolate};

/// Keys that say nothing we need to know, or that we do anyway.
const SILENT: [&str; 20] = [
    "image",
    "restart",
    "container_name",
    "hostname",
    "networks",
    "labels",
    "logging",
    "tty",
    "stdin_open",
    "init",
    "platform",
    "pull_policy",
    "annotations",
    "attach",
    "domainname",
    "develop",
    "stop_signal",
    "links",
    "security_opt",
    "read_only",
];

/// Keys that change what runs, and that we do not do.
const IGNORED: [&str; 23] = [
    "volumes",
    "secrets",
    "configs",
    "user",
    "working_dir",
    "profiles",
    "scale",
    "privileged",
    "cap_add",
    "cap_drop",
    "devices",
    "network_mode",
    "extra_hosts",
    "dns",
    "tmpfs",
    "ulimits",
    "sysctls",
    "shm_size",
    "gpus",
    "runtime",
    "pid",
    "ipc",
    "extends",
];

/// Keys that mean something to us.
const READ: [&str; 14] = [
    "build",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "depends_on",
    "ports",
    "expose",
    "mem_limit",
    "cpus",
    "pids_limit",
    "deploy",
    "healthcheck",
    "stop_grace_period",
];

/// What the compose file says.
pub(super) fn project(
    sources: &Sources<'_>,
    root: &Node,
    outside: &mut Outside<'_>,
    report: &mut Report,
) -> Project {
    let mut root = root.clone();
    interpolate(&mut root, &[], &mut |text, path, span| {
        let is_template = matches!(path, ["services", _, "environment", ..]);
        let outcome = if is_template {
            interpolate::expand_partly(text, &mut |name| outside.variable(name))
        } else {
            interpolate::expand(text, &mut |name| outside.variable(name)).map(|e| {
                let place = sources.place(span, &path.join("."));
                e.unset.iter().for_each(|name| outside.left_empty(name, place.clone()));
                e.text
            })
        };
        outcome.unwrap_or_else(|fault| {
            report.at(sources.place(span, &path.join(".")), dotenv::words(&fault), None);
            String::new()
        })
    });
    let mut r = Reader { sources, report };
    let mut project = Project { unset: Unset::Empty, ..Project::default() };
    for entry in r.table(&root, "") {
        match entry.key.as_str() {
            "name" => {
                project.name = r
                    .text(&entry.node, "name")
                    .map(|value| Written { value, place: r.place(&entry.node.span, "name") });
            }
            "services" => project.services = Some(services(&mut r, &entry.node)),
            "version" | "networks" => {}
            "volumes" | "secrets" | "configs" | "include" => ignored(&mut r, entry, &entry.key),
            other if other.starts_with("x-") => {}
            _ => r.unknown_key(entry, "", &["name", "services", "networks", "volumes", "secrets", "configs"]),
        }
    }
    if project.services.is_none() && matches!(root.value, Value::Table(_)) {
        let place = r.place(&root.span, "");
        r.report.at(place, "there are no `services` in this file", None);
    }
    project
}

/// Have every text expanded, told where it stands.
fn interpolate(node: &mut Node, path: &[&str], expand: &mut dyn FnMut(&str, &[&str], &Span) -> String) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => *text = expand(text, path, &node.span),
        Value::List(items) => items.iter_mut().for_each(|n| interpolate(n, path, expand)),
        Value::Table(entries) => {
            for entry in entries {
                let path = [path, &[entry.key.as_str()]].concat();
                interpolate(&mut entry.node, &path, expand);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Those with a `build`; one with only an image is refused when another needs it, and otherwise left out.
fn services(r: &mut Reader<'_>, node: &Node) -> Vec<Service> {
    let entries = r.table(node, "services");
    let has =
        |e: &Entry, key: &str| matches!(&e.node.value, Value::Table(t) if t.iter().any(|e| e.key == key));
    let (built, only_image): (Vec<_>, Vec<_>) =
        entries.iter().partition(|e| has(e, "build") || !has(e, "image"));
    let mut services: Vec<_> = built.into_iter().filter_map(|e| one(r, e)).collect();
    let mut built_here = !services.is_empty();
    for entry in only_image {
        let key = join("services", &entry.key);
        let place = r.place(&entry.key_span, &key);
        let what = format!("`{}` has an image but no `build`, and images are not supported yet", entry.key);
        let needed_by = services.iter().find(|s| s.needs.iter().any(|n| n.value == entry.key));
        if let Some(by) = needed_by {
            let hint = format!("`{}` depends on it; point it at a server that runs elsewhere", by.name);
            r.report.at(place, what, Some(hint));
            for s in &mut services {
                s.needs.retain(|n| n.value != entry.key);
            }
        } else if services.is_empty() {
            built_here = false;
            r.report.at(place, what, Some("give it a `build` with the folder of its source".to_owned()));
        } else {
            r.report.warn_at(&place, format!("{what}; it is left out"));
        }
    }
    if built_here {
        r.report.warn(format!(
            "{}: images are built from the source folders; Dockerfiles are not read",
            r.sources.name()
        ));
    }
    services
}

fn one(r: &mut Reader<'_>, entry: &Entry) -> Option<Service> {
    let path = join("services", &entry.key);
    let Value::Table(keys) = &entry.node.value else {
        r.wrong(&entry.node, &path, "a table of the service's settings");
        return None;
    };
    if !keys.iter().any(|e| e.key == "build") {
        r.problem(&entry.key_span, &path, "it has no `build`", Some("write `build: ./folder`"));
    }
    let mut s = Service::named(entry.key.clone(), Some(r.place(&entry.key_span, &path)));
    let (mut entrypoint, mut command) = (None, None);
    for e in keys {
        let key = join(&path, &e.key);
        let node = &e.node;
        match e.key.as_str() {
            "build" => s.source = parts::context(r, node, &key),
            "command" if node.value != Value::Null => command = service::start(r, node, &key),
            "entrypoint" if node.value != Value::Null => entrypoint = service::start(r, node, &key),
            "environment" => s.env = parts::environment(r, node, &key),
            "env_file" => s.env_files = r.env_files(node, &key),
            "depends_on" => s.needs = parts::depends_on(r, node, &key),
            "ports" => {
                if let Some(port) = parts::ports(r, node, &key) {
                    s.port = Some(port);
                    s.public = Some(Written { value: true, place: r.place(&node.span, &key) });
                }
            }
            "expose" => {
                let port = parts::ports(r, node, &key);
                s.port = s.port.or(port);
            }
            "mem_limit" => s.memory = r.memory(node, &key),
            "cpus" => s.cpu_milli = r.cpu(node, &key),
            "pids_limit" => s.pids = r.number(node, &key, 2..=4_000_000),
            "deploy" => parts::deploy(r, node, &key, &mut s),
            "healthcheck" => s.health = parts::healthcheck(r, node, &key),
            "stop_grace_period" => s.stop_grace = r.duration(node, &key),
            other if other.starts_with("x-") || SILENT.contains(&other) => {}
            "command" | "entrypoint" => {}
            other if IGNORED.contains(&other) => ignored(r, e, &key),
            _ => r.unknown_key(e, &path, &READ),
        }
    }
    s.start = match (entrypoint, command) {
        (Some(mut first), rest) => {
            first.extend(rest.into_iter().flatten());
            Some(first)
        }
        (None, command) => command,
    };
    Some(s)
}

fn ignored(r: &mut Reader<'_>, entry: &Entry, key: &str) {
    let place = r.place(&entry.key_span, key);
    r.report.warn_at(&place, "not supported, and ignored");
}
