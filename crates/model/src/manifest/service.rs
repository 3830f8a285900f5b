//! One `[services.<name>]` table as typed.

use super::{
    keys, names,
    node::{Entry, Node, Value},
    read::{Reader, join},
    typed::{Health, ProbeKind, Service, Sleep, Written},
};
use crate::{Depth, MOST_REPLICAS, ServiceKind, Streams, server};

/// Whether a service may say this.
pub(super) fn is_key(name: &str) -> bool {
    keys::names(keys::SERVICE).any(|key| key == name)
}

/// Read the table; a service that is none at all is reported and left out.
pub(super) fn service(r: &mut Reader<'_>, entry: &Entry) -> Option<Service> {
    let path = join("services", &entry.key);
    let Value::Table(keys) = &entry.node.value else {
        r.wrong(&entry.node, &path, "a table of the service's settings");
        return None;
    };
    let mut s = Service::named(entry.key.clone(), Some(r.place(&entry.key_span, &path)));
    for e in keys {
        let key = join(&path, &e.key);
        let node = &e.node;
        match e.key.as_str() {
            "source" => s.source = written(r, node, &key),
            "include" => s.include = r.texts(node, &key),
            "kind" => s.kind = kind(r, node, &key),
            "start" => {
                s.start = start(r, node, &key);
                s.start_at = Some(r.place(&node.span, &key));
            }
            "workdir" => s.workdir = written(r, node, &key),
            "requirements" => s.requirements = written(r, node, &key),
            "install" => {
                let value = install(r, node, &key);
                s.install = Some(Written { value, place: r.place(&node.span, &key) });
            }
            "package" => s.package = package(r, node, &key),
            "port" => s.port = port(r, node, &key),
            "health" => s.health = health(r, node, &key),
            "needs" => s.needs = r.texts(node, &key),
            "after" => s.after = r.texts(node, &key),
            "replicas" => {
                let value = r.number(node, &key, 1..=MOST_REPLICAS);
                s.replicas = value.map(|value| Written { value, place: r.place(&node.span, &key) });
            }
            "memory" => {
                s.memory = r.size(node, &key);
                s.asks("memory", r, node, &key);
            }
            "cpu" => {
                s.cpu_milli = r.cpu(node, &key);
                s.asks("cpu", r, node, &key);
            }
            "pids" => {
                s.pids = r.number(node, &key, 2..=4_000_000);
                s.asks("pids", r, node, &key);
            }
            "disk" => {
                s.disk = r.size(node, &key);
                s.asks("disk", r, node, &key);
            }
            "env" => s.env = r.env(node, &key),
            "env_file" => s.env_files = r.env_files(node, &key),
            "public" => {
                s.public =
                    r.bool(node, &key).map(|value| Written { value, place: r.place(&node.span, &key) });
            }
            "sleep" => s.sleep = sleep(r, node, &key),
            "stop_grace" => s.stop_grace = r.duration(node, &key),
            "packages" => s.packages = packages(r, node, &key),
            _ => r.unknown_key(e, &path, keys::SERVICE),
        }
    }
    Some(s)
}

/// Text with its place.
fn written(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Written<String>> {
    r.text(node, key).map(|value| Written { value, place: r.place(&node.span, key) })
}

/// One of a few words.
fn word(r: &mut Reader<'_>, node: &Node, key: &str, what: &str, words: &[&'static str]) -> Option<usize> {
    let text = r.text(node, key)?;
    let found = words.iter().position(|w| *w == text);
    if found.is_none() {
        let hint = names::did_you_mean(&text, words.iter().copied());
        r.problem(&node.span, key, format!("unknown {what} `{text}`"), hint.as_deref());
    }
    found
}

fn kind(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<ServiceKind> {
    word(r, node, key, "kind", &keys::KINDS)
        .map(|i| [ServiceKind::Web, ServiceKind::Worker, ServiceKind::Job][i])
}

fn depth(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Depth> {
    word(r, node, key, "depth", &keys::DEPTHS).map(|i| [Depth::Frozen, Depth::Paged, Depth::Stopped][i])
}

fn streams(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Streams> {
    word(r, node, key, "word for streams", &keys::STREAMS).map(|i| [Streams::Count, Streams::Ignore][i])
}

pub(super) fn port(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<u16> {
    r.number(node, key, 1..=65_535).and_then(|n| u16::try_from(n).ok())
}

/// A command, as one line or as a list of arguments.
pub(super) fn start(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Vec<String>> {
    let words = match &node.value {
        Value::List(_) => r.texts(node, key).into_iter().map(|w| w.value).collect(),
        Value::Text(_) => {
            let line = r.text(node, key)?;
            let words = shell_words::split(&line).map_err(|_| "a quote is not closed".to_owned());
            let words = r.ok(node, key, words)?;
            if let Some(sign) = server::needed_for(&line) {
                let hint = "put the line into a script, or write [\"sh\", \"-c\", \"...\"]";
                let message = format!("`{sign}` needs a shell, and the command is run without one");
                r.problem(&node.span, key, message, Some(hint));
                return None;
            }
            if let Some(word) = words.first().filter(|w| is_assignment(w)) {
                let hint = "write it under the service's `env`";
                r.problem(
                    &node.span,
                    key,
                    format!("`{word}` sets a variable, which a shell would do"),
                    Some(hint),
                );
                return None;
            }
            words
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Table(_) => {
            r.wrong(node, key, "a command as text or as a list of arguments");
            return None;
        }
    };
    if words.first().is_none_or(String::is_empty) {
        r.problem(&node.span, key, "the command is empty", None);
        return None;
    }
    Some(words)
}

/// `NAME=value`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// A command, or a list of commands, each as [`start`] takes it.
fn install(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<Vec<String>> {
    let Value::List(items) = &node.value else { return start(r, node, key).into_iter().collect() };
    let mut commands = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let key = format!("{key}[{i}]");
        let Some(command) = start(r, item, &key) else { continue };
        if command[0].starts_with('-') {
            let hint =
                "each item is a command of its own: install = [\"pip install -r a.txt\", \"pip install b\"]";
            r.problem(&item.span, &key, format!("`{}` is no command", command[0]), Some(hint));
        }
        commands.push(command);
    }
    commands
}

fn health(r: &mut Reader<'_>, node: &Node, key: &str) -> Health {
    let mut h = Health::default();
    let Value::Table(entries) = &node.value else {
        h.probe = probe(r, node, key);
        return h;
    };
    for e in entries {
        let key = join(key, &e.key);
        match e.key.as_str() {
            "path" => h.probe = probe(r, &e.node, &key),
            "interval" => h.interval = positive(r, &e.node, &key),
            "timeout" => h.timeout = positive(r, &e.node, &key),
            "start_timeout" => h.start_timeout = positive(r, &e.node, &key),
            "hang_timeout" => h.hang_timeout = positive(r, &e.node, &key),
            "failures" => h.failures = r.number(&e.node, &key, 1..=1000),
            _ => r.unknown_key(e, key.rsplit_once('.').map_or("", |(path, _)| path), keys::HEALTH),
        }
    }
    h
}

/// A time above zero.
fn positive(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<std::time::Duration> {
    let time = r.duration(node, key)?;
    if time.is_zero() {
        r.problem(&node.span, key, "must be longer than nothing", None);
        return None;
    }
    Some(time)
}

/// A path to ask, or `"tcp"` or `false` for a mere connection.
fn probe(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<ProbeKind> {
    match &node.value {
        Value::Bool(false) => Some(ProbeKind::Tcp),
        Value::Text(t) if t == "tcp" => Some(ProbeKind::Tcp),
        Value::Text(t) if t.starts_with('/') && t.chars().all(|c| c.is_ascii_graphic()) => {
            Some(ProbeKind::Http(t.clone()))
        }
        Value::Text(_) => {
            let hint = Some("write a path such as \"/health\", or \"tcp\" when a connection is enough");
            r.problem(&node.span, key, "not a path", hint);
            None
        }
        Value::Null
        | Value::Bool(true)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Table(_) => {
            r.wrong(node, key, "a path such as \"/health\"");
            None
        }
    }
}

fn sleep(r: &mut Reader<'_>, node: &Node, key: &str) -> Sleep {
    let mut sleep = Sleep::default();
    let Value::Table(entries) = &node.value else {
        sleep.after = after(r, node, key);
        return sleep;
    };
    for e in entries {
        let key = join(key, &e.key);
        match e.key.as_str() {
            "after" => sleep.after = after(r, &e.node, &key),
            "depth" => sleep.depth = depth(r, &e.node, &key),
            "streams" => sleep.streams = streams(r, &e.node, &key),
            "patience" => sleep.patience = r.duration(&e.node, &key),
            _ => r.unknown_key(e, key.rsplit_once('.').map_or("", |(path, _)| path), keys::SLEEP),
        }
    }
    sleep
}

/// A time, or never.
fn after(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Option<std::time::Duration>> {
    match &node.value {
        Value::Bool(false) => Some(None),
        Value::Bool(true) => None,
        Value::Text(t) if matches!(t.as_str(), "never" | "off") => Some(None),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => {
            positive(r, node, key).map(Some)
        }
    }
}

/// A name as Cargo allows it, so that it can be taken for neither an option nor a path.
fn package(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<String> {
    let name = r.text(node, key)?;
    let starts = |c: char| c.is_alphabetic() || c == '_';
    if name.starts_with(starts) && name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
        return Some(name);
    }
    r.problem(&node.span, key, format!("`{name}` is not the name of a Cargo package"), None);
    None
}

/// Names as Debian allows them (Debian Policy §5.6.1), so that none can be taken for an option.
fn packages(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<String> {
    let mut packages = Vec::new();
    for name in r.texts(node, key) {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        let starts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.value.len() >= 2 && name.value.starts_with(starts) && name.value.chars().all(legal) {
            packages.push(name.value);
        } else {
            let message = format!("`{}` is not the name of a Debian package", name.value);
            r.report.at(name.place, message, None);
        }
    }
    packages
}
