//! The parts of a compose service that can be written in several ways.

use super::{
    node::{Node, Value},
    read::{Reader, join},
    typed::{Health, ProbeKind, Service, Variable, Written},
};

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
pub(super) fn environment(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<Variable> {
    let mut env = Vec::new();
    match &node.value {
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                let key = format!("{key}[{i}]");
                let Some(text) = r.text(item, &key) else { continue };
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (text.as_str(), None),
                };
                env.extend(variable(r, item, &key, name, value));
            }
        }
        Value::Table(entries) => {
            for e in entries {
                let key = join(key, &e.key);
                match (&e.node.value, e.node.value.scalar()) {
                    (_, Some(value)) => env.extend(variable(r, &e.node, &key, &e.key, Some(value))),
                    (Value::Null, None) => env.extend(variable(r, &e.node, &key, &e.key, None)),
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

fn variable(
    r: &mut Reader<'_>,
    node: &Node,
    key: &str,
    name: &str,
    value: Option<String>,
) -> Option<Variable> {
    // Compose files set it for an app that reads it; here that is done anyway.
    if name == "PORT" && value.is_some() {
        let place = r.place(&node.span, key);
        r.report.warn_at(&place, "PORT is always the service's port; this value is not used");
        return None;
    }
    r.variable(&node.span, key, name, value)
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
