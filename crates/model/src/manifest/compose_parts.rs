//! The parts of a compose service that can be written in several ways.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    node::{Node, Value},
    read::{Reader, join},
    typed::{Health, ProbeKind, Service, Written},
};

/// Replace `${NAME:-default}`, `${NAME}` and `$$` in every text. `PORT` stays: it is ours to fill in.
pub(super) fn interpolate(node: &mut Node, missing: &mut BTreeSet<String>) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => *text = expand(text, missing),
        Value::List(items) => items.iter_mut().for_each(|n| interpolate(n, missing)),
        Value::Table(entries) => entries.iter_mut().for_each(|e| interpolate(&mut e.node, missing)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

fn expand(text: &str, missing: &mut BTreeSet<String>) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (body, after) = match rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            Some(parts) => parts,
            None => rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len())),
        };
        rest = after;
        let name_end = body.find(|c| !is_name(c)).unwrap_or(body.len());
        let (name, modifier) = body.split_at(name_end);
        match (name, modifier.trim_start_matches(':').strip_prefix('-')) {
            ("", _) => out.push('$'),
            ("PORT", _) => out.push_str("$PORT"),
            (_, Some(default)) => out.push_str(default),
            (name, None) => {
                missing.insert(name.to_owned());
            }
        }
    }
    out + rest
}

/// `build: ./folder` or `build: {context: ./folder}`.
pub(super) fn context(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<Written<String>> {
    let Value::Table(entries) = &node.value else {
        return r.text(node, key).map(|value| Written { value, place: r.place(&node.span, key) });
    };
    if let Some(e) = entries.iter().find(|e| e.key == "context") {
        let key = join(key, "context");
        return r.text(&e.node, &key).map(|value| Written { value, place: r.place(&e.node.span, &key) });
    }
    Some(Written { value: ".".to_owned(), place: r.place(&node.span, key) })
}

/// A map, or a list of `NAME=value`.
pub(super) fn environment(r: &mut Reader<'_>, node: &Node, key: &str) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    match &node.value {
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                let key = format!("{key}[{i}]");
                let Some(text) = r.text(item, &key) else { continue };
                match text.split_once('=') {
                    Some((name, value)) => set(r, item, &key, name, Some(value.to_owned()), &mut env),
                    None => set(r, item, &key, &text, None, &mut env),
                }
            }
        }
        Value::Table(entries) => {
            for e in entries {
                let key = join(key, &e.key);
                match (&e.node.value, e.node.value.scalar()) {
                    (_, Some(value)) => set(r, &e.node, &key, &e.key, Some(value), &mut env),
                    (Value::Null, None) => set(r, &e.node, &key, &e.key, None, &mut env),
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

fn set(
    r: &mut Reader<'_>,
    node: &Node,
    key: &str,
    name: &str,
    value: Option<String>,
    env: &mut BTreeMap<String, String>,
) {
    match value {
        // Compose files set it for an app that reads it; here that is done anyway.
        Some(_) if name == "PORT" => {
            let place = r.place(&node.span, key);
            r.report.warn_at(&place, "PORT is always the service's port; this value is not used");
        }
        Some(value) => r.variable(&node.span, key, name, value, env),
        None => {
            let place = r.place(&node.span, key);
            r.report.warn_at(&place, format!("`{name}` has no value here, and is left out"));
        }
    }
}

/// A list of names, or a table by name.
pub(super) fn depends_on(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<Written<String>> {
    if let Value::Table(entries) = &node.value {
        let place = |e: &super::node::Entry| r.place(&e.key_span, &join(key, &e.key));
        return entries.iter().map(|e| Written { value: e.key.clone(), place: place(e) }).collect();
    }
    r.texts(node, key)
}

/// The container's side of the first port; further ones are reported.
pub(super) fn ports(r: &mut Reader<'_>, node: &Node, key: &str) -> Option<u16> {
    let mut first = None;
    for (i, item) in r.list(node, key).iter().enumerate() {
        let key = format!("{key}[{i}]");
        let text = match &item.value {
            Value::Table(entries) => entries
                .iter()
                .find(|e| e.key == "target")
                .and_then(|e| e.node.value.scalar())
                .unwrap_or_default(),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => item.value.scalar().unwrap_or_default(),
        };
        let text = text.strip_suffix("/tcp").unwrap_or(&text);
        let port = text.rsplit(':').next().unwrap_or(text).parse::<u16>().ok().filter(|p| *p != 0);
        match (port, first) {
            (None, _) => {
                r.problem(&item.span, &key, "not a port", Some("write it like \"8501:8501\" or 8000"));
            }
            (Some(_), None) => first = port,
            (Some(port), Some(_)) => {
                let place = r.place(&item.span, &key);
                r.report.warn_at(&place, format!("a service has one port; {port} is ignored"));
            }
        }
    }
    first
}

/// `deploy.resources.limits`.
pub(super) fn deploy(r: &mut Reader<'_>, node: &Node, key: &str, s: &mut Service) {
    let find = |node: &Node, name: &str| match &node.value {
        Value::Table(entries) => entries.iter().find(|e| e.key == name).map(|e| e.node.clone()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            None
        }
    };
    let key = format!("{key}.resources.limits");
    let Some(limits) = find(node, "resources").and_then(|n| find(&n, "limits")) else { return };
    for e in r.table(&limits, &key) {
        let key = join(&key, &e.key);
        match e.key.as_str() {
            "memory" => s.memory = r.memory(&e.node, &key),
            "cpus" => s.cpu_milli = r.cpu(&e.node, &key),
            "pids" => s.pids = r.number(&e.node, &key, 2..=4_000_000),
            _ => {
                let place = r.place(&e.key_span, &key);
                r.report.warn_at(&place, "not supported, and ignored");
            }
        }
    }
}

/// A check that asks a local URL is understood; anything else is ignored with a warning.
pub(super) fn healthcheck(r: &mut Reader<'_>, node: &Node, key: &str) -> Health {
    let mut health = Health::default();
    for e in r.table(node, key) {
        let key = join(key, &e.key);
        match e.key.as_str() {
            "test" => {
                let text = if let Value::List(items) = &e.node.value {
                    items.iter().filter_map(|n| n.value.scalar()).collect::<Vec<_>>().join(" ")
                } else {
                    e.node.value.scalar().unwrap_or_default()
                };
                health.probe = local_path(&text).map(ProbeKind::Http);
                if health.probe.is_none() {
                    let place = r.place(&e.node.span, &key);
                    r.report.warn_at(
                        &place,
                        "only checks that ask a local URL are understood; this one is ignored",
                    );
                }
            }
            "disable" => health.probe = Some(ProbeKind::Tcp),
            "interval" => health.interval = r.duration(&e.node, &key).filter(|d| !d.is_zero()),
            "timeout" => health.timeout = r.duration(&e.node, &key).filter(|d| !d.is_zero()),
            // Ours ends the wait for the first success; theirs only excuses failures, so it is no bound.
            "start_period" | "start_interval" => {}
            "retries" => health.failures = r.number(&e.node, &key, 1..=1000),
            _ => r.unknown_key(
                e,
                key.rsplit_once('.').map_or("", |(path, _)| path),
                &["test", "interval", "timeout", "retries"],
            ),
        }
    }
    health
}

/// The path of the first URL of this machine in a line.
fn local_path(text: &str) -> Option<String> {
    let at = ["http://localhost", "http://127.0.0.1", "http://0.0.0.0"]
        .iter()
        .find_map(|host| text.find(host).map(|i| i + host.len()))?;
    let url = text[at..].split(|c: char| c.is_whitespace() || "\"'|;)".contains(c)).next()?;
    let path = url.find('/').map_or("/", |i| &url[i..]);
    path.chars().all(|c| c.is_ascii_graphic()).then(|| path.to_owned())
}
