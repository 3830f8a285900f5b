//! One service of a compose file.

use super::{
    super::{
        dockerfile::Recipe,
        environment, names,
        node::{Entry, Node, Value},
        outside::Outside,
        path,
        read::{Reader, join},
        typed::{ProbeKind, Service, Variable, Written},
    },
    health,
    hints::{self, Own},
    keys::{self, Unhonoured, known},
    ports, slips,
};
use crate::{MOST_REPLICAS, ServiceKind, server, source::procfile};

/// A service, and what it says of others.
pub(super) struct Read {
    /// Its name as it is written.
    pub(super) written: String,
    pub(super) service: Service,
    pub(super) dependencies: Vec<Dependency>,
    /// Names for other services: whose, and which.
    pub(super) links: Vec<(String, String)>,
}

/// A service that is to be there.
pub(super) struct Dependency {
    pub(super) on: Written<String>,
    pub(super) required: bool,
    pub(super) until: Condition,
}

/// How far the other one has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// On its way: requests for it are held until it answers.
    Started,
    /// It answers.
    Healthy,
    /// It has run to its end.
    Done,
}

/// Read the table; one that is none at all is reported and left out.
pub(super) fn one(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    outside: &mut Outside<'_>,
    entry: &Entry,
    build: Option<&Node>,
    name: &str,
) -> Option<Read> {
    let path = join("services", &entry.key);
    let Value::Table(_) = &entry.node.value else {
        r.wrong(&entry.node, &path, "a table of the service's settings");
        return None;
    };
    let mut s = Service::named(name.to_owned(), Some(r.place(&entry.key_span, &path)));
    s.guess = true;
    s.aliases.extend(Some(entry.key.to_lowercase()).filter(|written| written != name));
    let mut recipe = Recipe::default();
    match build {
        Some(node) if node.value == Value::Null => {
            r.problem(
                &node.span,
                &join(&path, "build"),
                "it names no folder",
                Some("write `build: ./folder`"),
            );
        }
        Some(node) => recipe = context(r, unhonoured, node, &join(&path, "build"), &mut s),
        // What it extends is not there, which is told already.
        None if entry.node.get("extends").is_some() => {}
        None if slips::hides_its_making(&entry.node) => {}
        None => r.problem(&entry.key_span, &path, "it has no `build`", Some("write `build: ./folder`")),
    }
    let (mut entrypoint, mut command) = (None, None);
    let (mut exposed, mut own_port, mut checked) = (None, None, None);
    let mut read =
        Read { written: entry.key.clone(), service: s, dependencies: Vec::new(), links: Vec::new() };
    let s = &mut read.service;
    for e in known(r, unhonoured, &entry.node, &path, keys::SERVICE) {
        let key = join(&path, &e.key);
        let node = &e.node;
        match e.key.as_str() {
            "command" | "entrypoint" => {
                let words = words(r, node, &key);
                if words.is_some() {
                    s.start_at = Some(r.place(&node.span, &key));
                }
                // An empty entrypoint takes the image's own away.
                let words =
                    words.or_else(|| (node.value != Value::Null && e.key == "entrypoint").then(Vec::new));
                *(if e.key == "command" { &mut command } else { &mut entrypoint }) = words;
            }
            "environment" => {
                let mut env = variables(r, node, &key);
                own_port = env.iter().position(|v| v.name == "PORT").map(|i| env.remove(i));
                s.env = env;
            }
            "env_file" => s.env_files = r.env_files(node, &key),
            "depends_on" => read.dependencies = depends_on(r, unhonoured, node, &key),
            "ports" => {
                if let Some(port) = ports::published(r, unhonoured, node, &key) {
                    s.port = port;
                    s.public = Some(Written { value: true, place: r.place(&node.span, &key) });
                }
            }
            "expose" => exposed = ports::exposed(r, unhonoured, node, &key),
            "mem_limit" => {
                s.memory = memory(r, node, &key);
                s.asks("memory", r, node, &key);
            }
            "cpus" => {
                s.cpu_milli = cpus(r, node, &key);
                s.asks("cpu", r, node, &key);
            }
            "pids_limit" => {
                s.pids = pids(r, node, &key);
                s.asks("pids", r, node, &key);
            }
            "deploy" => deploy(r, unhonoured, node, &key, s),
            "scale" => copies(r, e, &key, s),
            "healthcheck" => {
                (s.health, checked) = health::healthcheck(r, unhonoured, node, &key, &entry.key);
            }
            "working_dir" => s.workdir = workdir(r, unhonoured, e, &key),
            "restart" => restart(r, unhonoured, e, &key),
            "stop_grace_period" => s.stop_grace = r.duration(node, &key),
            "container_name" | "hostname" => {
                s.aliases.extend(r.text(node, &key).and_then(|name| alias(&name)));
            }
            "networks" => networks(r, unhonoured, node, &key, s),
            "links" => {
                let links = r.texts(node, &key);
                let pair = |link: Written<String>| {
                    link.value.split_once(':').and_then(|(of, name)| Some((of.to_owned(), alias(name)?)))
                };
                read.links = links.into_iter().filter_map(pair).collect();
            }
            _ => {}
        }
    }
    let own = Own { entrypoint: entrypoint.is_some(), command: command.is_some() };
    s.start = match (entrypoint, command) {
        (Some(mut first), rest) => {
            first.extend(rest.into_iter().flatten());
            Some(first).filter(|all| !all.is_empty())
        }
        (None, command) => command,
    };
    s.port = s.port.or(exposed).or(checked);
    if let Some(port) = own_port.or_else(|| environment::port(outside, &s.env_files, r.report)) {
        set_port(r, s, &port);
    }
    recipe.command = s.start.clone().filter(|_| own.command && !own.entrypoint);
    if s.source.is_some() {
        hints::take(r, outside, &recipe, own, &entry.key, s);
    }
    // A port, or a path to ask, is for somebody who listens. Of the rest the code may tell.
    let asked = matches!(s.health.probe, Some(ProbeKind::Http(_)));
    s.kind = (s.port.is_some() || s.public.is_some() || asked).then_some(ServiceKind::Web);
    Some(read)
}

/// Compose files set `PORT` for an app that reads it; here that is done anyway.
fn set_port(r: &mut Reader<'_>, s: &mut Service, variable: &Variable) {
    // Left to the shell, or to what is stored.
    let written = variable.value.as_deref().filter(|v| !v.is_empty() && !v.contains('$'));
    match (s.port, written, written.and_then(|v| v.trim().parse::<u16>().ok()).filter(|own| *own != 0)) {
        (_, Some(value), None) => {
            let what = format!("`{value}` is not a port: they go from 1 to 65535");
            r.report.at(variable.place.clone(), what, None);
        }
        (Some(port), _, Some(own)) if port == own => {}
        (None, _, Some(own)) => s.port = Some(own),
        (Some(_), Some(_), Some(_)) | (_, None, _) => {
            r.report.warn_at(&variable.place, "PORT is always the service's port; this value is not used");
        }
    }
}

/// `build`, which is always a table here.
fn context(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &Node,
    path: &str,
    s: &mut Service,
) -> Recipe {
    let mut recipe = Recipe::default();
    for e in known(r, unhonoured, node, path, keys::BUILD) {
        let key = join(path, &e.key);
        if e.key == "args" {
            let given = variables(r, &e.node, &key);
            recipe.args = given.into_iter().filter_map(|v| Some((v.name, v.value?))).collect();
            continue;
        }
        let Some(value) = r.text(&e.node, &key) else { continue };
        let place = r.place(&e.node.span, &key);
        match e.key.as_str() {
            "context" if value.contains("://") || value.starts_with("git@") => {
                let hint = Some("clone it, and name the folder");
                r.problem(&e.node.span, &key, "sources are not fetched from elsewhere", hint);
            }
            "context" => {
                recipe.context.clone_from(&value);
                s.source = Some(Written { value, place });
            }
            "dockerfile" => recipe.file = Some(Written { value, place }),
            "dockerfile_inline" => recipe.inline = Some(Written { value, place }),
            _ => recipe.target = Some(Written { value, place }),
        }
    }
    recipe
}

/// A command, as one line or as a list of arguments; an empty one is none. As compose has it, no shell reads it.
fn words(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Vec<String>> {
    let words = match &node.value {
        Value::Null => return None,
        Value::List(items) => {
            let each = |(i, item): (usize, &Node)| match item.value.scalar() {
                Some(text) => Some(text),
                None => r.text(item, &format!("{key}[{i}]")),
            };
            items.iter().enumerate().filter_map(each).collect()
        }
        Value::Text(line) => {
            let sign = server::needed_for(line).filter(|sign| *sign != "`" && !sign.starts_with('$'));
            if let Some(sign) = sign {
                let place = r.place(&node.span, key);
                let what = format!(
                    "`{sign}` is given to the program: no shell reads a command\n  hint: write it as [\"sh\", \"-c\", \"...\"]"
                );
                r.report.warn_at(&place, what);
            }
            let words = shell_words::split(line).map_err(|_| "a quote is not closed".to_owned());
            r.ok(node, key, words)?
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => node.value.scalar().into_iter().collect(),
        Value::Table(_) => {
            r.wrong(node, key, "a command as text or as a list of arguments");
            return None;
        }
    };
    if words.iter().any(|w| w.contains('\0')) {
        r.problem(&node.span, key, "a command must not contain a NUL character", None);
        return None;
    }
    let words = procfile::without_runner(words);
    Some(words).filter(|w| w.first().is_some_and(|first| !first.is_empty()))
}

/// A map, or a list of `NAME=value`.
fn variables(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<Variable> {
    let mut env = Vec::new();
    match &node.value {
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                let key = format!("{key}[{i}]");
                if let [e] = item.entries()
                    && let Some(value) = e.node.value.scalar()
                {
                    let hint = format!("write - {}={value}, or leave out all the dashes", e.key);
                    r.problem(&item.span, &key, "a list of variables has NAME=value", Some(&hint));
                    continue;
                }
                let Some(text) = r.text(item, &key) else { continue };
                if let Some((name, _)) = text.split_once('=').filter(|(name, _)| name.trim() != *name) {
                    let what = format!(
                        "the variable is called `{name}`, with a space\n  hint: write {}=... without it",
                        name.trim()
                    );
                    r.report.warn_at(&r.place(&item.span, &key), what);
                }
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (text.as_str(), None),
                };
                env.extend(r.variable(&item.span, &key, name, value));
            }
        }
        Value::Table(entries) => {
            for e in entries {
                let key = join(key, &e.key);
                match (&e.node.value, e.node.value.scalar()) {
                    (_, Some(value)) => env.extend(r.variable(&e.node.span, &key, &e.key, Some(value))),
                    (Value::Null, None) => env.extend(r.variable(&e.key_span, &key, &e.key, None)),
                    (_, None) => r.wrong(&e.node, &key, "text"),
                }
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            r.wrong(node, key, "a table or a list of NAME=value");
        }
    }
    env
}

/// A list of names, or a table by name.
fn depends_on(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, node: &Node, key: &str) -> Vec<Dependency> {
    if node.value == Value::Null {
        return Vec::new();
    }
    let Value::Table(entries) = &node.value else {
        let each = |on| Dependency { on, required: true, until: Condition::Started };
        return r.texts(node, key).into_iter().map(each).collect();
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = join(key, &entry.key);
        let on = Written { value: entry.key.clone(), place: r.place(&entry.key_span, &path) };
        let mut dependency = Dependency { on, required: true, until: Condition::Started };
        if entry.node.value != Value::Null {
            for e in known(r, unhonoured, &entry.node, &path, keys::DEPENDENCY) {
                let key = join(&path, &e.key);
                if e.key == "required" {
                    dependency.required = r.bool(&e.node, &key).unwrap_or(true);
                } else {
                    dependency.until = condition(r, &e.node, &key);
                }
            }
        }
        all.push(dependency);
    }
    all
}

fn condition(r: &mut Reader<'_>, node: &Node, key: &str) -> Condition {
    const CONDITIONS: [(&str, Condition); 3] = [
        ("service_started", Condition::Started),
        ("service_healthy", Condition::Healthy),
        ("service_completed_successfully", Condition::Done),
    ];
    let Some(written) = r.text(node, key) else { return Condition::Started };
    let known = CONDITIONS.into_iter().find(|(name, _)| *name == written);
    known.map_or_else(
        || {
            let hint = names::did_you_mean(&written, CONDITIONS.map(|(name, _)| name));
            r.problem(&node.span, key, format!("there is no condition `{written}`"), hint.as_deref());
            Condition::Started
        },
        |(_, condition)| condition,
    )
}

/// What ends is started again, whatever this says.
fn restart(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, entry: &Entry, key: &str) {
    let Some(policy) = entry.node.value.scalar() else { return };
    let (name, _tries) = policy.split_once(':').unwrap_or((&policy, ""));
    match name {
        "always" | "unless-stopped" | "" => {}
        // `no` without quotes is a truth value in older YAML.
        "no" | "false" | "on-failure" => {
            unhonoured.add(&format!("restart: {name}"), r.place(&entry.key_span, key));
        }
        _ => {
            let hint = Some("write `no`, `always`, `on-failure` or `unless-stopped`");
            r.problem(&entry.node.span, key, format!("there is no policy `{policy}`"), hint);
        }
    }
}

/// The folder it is started in. The image has the source folder at `/app`, wherever a Dockerfile would have put it.
fn workdir(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    entry: &Entry,
    key: &str,
) -> Option<Written<String>> {
    let value = r.text(&entry.node, key).filter(|folder| !folder.is_empty())?;
    let elsewhere = value.starts_with('/') && value != "/app" && !value.starts_with("/app/");
    if elsewhere || path::levels_up(&path::join(".", &value)) > 0 {
        unhonoured.add("working_dir outside /app", r.place(&entry.key_span, key));
        return None;
    }
    Some(Written { value, place: r.place(&entry.node.span, key) })
}

/// A further name on the private network, unless nobody could ask for it.
fn alias(name: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_lowercase())
}

/// `deploy`, of which the limits count.
fn deploy(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, node: &Node, path: &str, s: &mut Service) {
    for e in known(r, unhonoured, node, path, keys::DEPLOY) {
        let key = join(path, &e.key);
        if e.key == "replicas" {
            copies(r, e, &key, s);
            continue;
        }
        for e in known(r, unhonoured, &e.node, &key, keys::RESOURCES) {
            let key = join(&key, &e.key);
            for e in known(r, unhonoured, &e.node, &key, keys::LIMITS) {
                let key = join(&key, &e.key);
                let what = match e.key.as_str() {
                    "memory" => {
                        s.memory = memory(r, &e.node, &key);
                        "memory"
                    }
                    "cpus" => {
                        s.cpu_milli = cpus(r, &e.node, &key);
                        "cpu"
                    }
                    _ => {
                        s.pids = pids(r, &e.node, &key);
                        "pids"
                    }
                };
                s.asks(what, r, &e.node, &key);
            }
        }
    }
}

/// How many instances there are; none is the same as not to say it.
fn copies(r: &mut Reader<'_>, entry: &Entry, key: &str, s: &mut Service) {
    let place = r.place(&entry.key_span, key);
    if let Some(value @ 1..) = number(r, &entry.node, key, 0..=MOST_REPLICAS) {
        s.replicas = Some(Written { value, place });
    }
}

/// Names on the private network.
fn networks(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, node: &Node, path: &str, s: &mut Service) {
    let Value::Table(entries) = &node.value else { return };
    for entry in entries.iter().filter(|e| e.node.value != Value::Null) {
        let path = join(path, &entry.key);
        for e in known(r, unhonoured, &entry.node, &path, keys::NETWORK) {
            let aliases = r.texts(&e.node, &join(&path, &e.key));
            s.aliases.extend(aliases.into_iter().filter_map(|a| alias(&a.value)));
        }
    }
}

/// A whole number, also as text.
pub(super) fn number(
    r: &mut Reader<'_>,
    node: &Node,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    match &node.value {
        Value::Text(text) if text.trim().parse::<i64>().is_ok() => {
            let number = text.trim().parse().unwrap_or_default();
            r.number(&Node::new(node.span.clone(), Value::Int(number)), key, range)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Table(_) => r.number(node, key, range),
    }
}

/// Whether a limit is none.
fn unlimited(node: &Node) -> bool {
    node.value == Value::Null || node.value.scalar().is_some_and(|t| ["", "0", "-1"].contains(&t.trim()))
}

fn memory(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<u64> {
    if unlimited(node) { None } else { r.size(node, key) }
}

fn cpus(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<u32> {
    if unlimited(node) { None } else { r.cpu(node, key) }
}

fn pids(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<u32> {
    if unlimited(node) { None } else { number(r, node, key, 2..=4_000_000) }
}
