//! `ports` and `expose`: which port a service listens on.

use super::{
    super::{
        node::{Node, Value},
        read::{Reader, join},
    },
    keys::{self, Unhonoured, known},
};

/// Ports of the container, as far as they can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// From the first to the last, over TCP.
    Tcp(u16, u16),
    /// Over something else, which has no routes here.
    Other,
    /// Left to a variable that nobody gave.
    Nothing,
}

/// The container's side of `ports`; the inner `None` is left to a variable that nobody gave.
pub(super) fn published(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &Node,
    key: &str,
) -> Option<Option<u16>> {
    first(r, unhonoured, node, key, |text| match text.rsplit_once(':') {
        // [[host address:]host port:]container port, the address perhaps in brackets.
        Some((host, container)) => parse(container).filter(|_| is_host(host)),
        None => parse(text),
    })
}

/// Whether the host's side of a port is one: its address, a port or several, or none.
fn is_host(host: &str) -> bool {
    if host.ends_with(']') {
        return true;
    }
    match host.rsplit_once(':') {
        Some((_, port)) => is_published(port),
        None => host.contains('.') || is_published(host),
    }
}

/// Whether a port of the host, or several, can be had; 0 is any.
fn is_published(ports: &str) -> bool {
    ports.is_empty() || ports.split('-').all(|port| port.trim().parse::<u16>().is_ok())
}

/// Those of `expose`.
pub(super) fn exposed(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &Node,
    key: &str,
) -> Option<u16> {
    first(r, unhonoured, node, key, parse).flatten()
}

/// The first port that can be had. Further ones, and what is no TCP, are noted.
fn first(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &Node,
    key: &str,
    read: fn(&str) -> Option<Ports>,
) -> Option<Option<u16>> {
    if node.value == Value::Null {
        return None;
    }
    let mut chosen = None;
    for (i, item) in r.list(node, key).iter().enumerate() {
        let key = format!("{key}[{i}]");
        let found = match &item.value {
            Value::Table(_) => long(r, unhonoured, item, &key),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => item.value.scalar().as_deref().map(str::trim).and_then(read),
        };
        let place = r.place(&item.span, &key);
        match (found, chosen) {
            (None, _) => {
                let why = match outside(item) {
                    Some(number) => format!("{number} is not a port: they go from 1 to 65535"),
                    None => "not a port".to_owned(),
                };
                r.problem(&item.span, &key, why, Some("write it like \"8501:8501\" or 8000"));
            }
            (Some(Ports::Nothing), before) => chosen = before.or(Some(None)),
            (Some(Ports::Other), _) => unhonoured.add("ports other than TCP", place),
            (Some(Ports::Tcp(from, to)), None | Some(None)) => {
                chosen = Some(Some(from));
                if to > from {
                    unhonoured.add("ports after a service's first", place);
                }
            }
            (Some(Ports::Tcp(from, to)), Some(Some(first))) => {
                if (from, to) != (first, first) {
                    unhonoured.add("ports after a service's first", place);
                }
            }
        }
    }
    chosen
}

/// A number that no port has.
fn outside(item: &Node) -> Option<String> {
    let texts = match &item.value {
        Value::Table(entries) => {
            let sides = entries.iter().filter(|e| matches!(e.key.as_str(), "target" | "published"));
            sides.filter_map(|e| e.node.value.scalar()).collect()
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            item.value.scalar().into_iter().collect::<Vec<_>>()
        }
    };
    let text = texts.join(":");
    let numbers = text.split([':', '-', '/']).map(str::trim);
    let is_number = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    let wrong = |n: &&str| n.parse::<u16>().ok().is_none_or(|n| n == 0);
    numbers.filter(is_number).find(wrong).map(str::to_owned)
}

/// `{target: 80, published: "8080", protocol: tcp}`.
fn long(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, node: &Node, path: &str) -> Option<Ports> {
    let (mut target, mut protocol) = (None, None);
    for e in known(r, unhonoured, node, path, keys::PORT) {
        match e.key.as_str() {
            "target" => target = e.node.value.scalar(),
            _ => protocol = r.text(&e.node, &join(path, &e.key)),
        }
    }
    let published = node.get("published").and_then(|n| n.value.scalar()).unwrap_or_default();
    if !is_published(&published) {
        return None;
    }
    let protocol = protocol.unwrap_or_else(|| "tcp".to_owned());
    parse(&format!("{}/{protocol}", target?))
}

/// `80`, `8000-8002`, `53/udp`.
fn parse(text: &str) -> Option<Ports> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if ports.is_empty() {
        return Some(Ports::Nothing);
    }
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|n| *n != 0);
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let (from, to) = (number(from)?, number(to)?);
    if to < from {
        return None;
    }
    Some(if protocol.eq_ignore_ascii_case("tcp") { Ports::Tcp(from, to) } else { Ports::Other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (host, yes) in [
            ("8080", true),
            ("", true),
            ("0", true),
            ("8000-8002", true),
            ("127.0.0.1", true),
            ("127.0.0.1:", true),
            ("0.0.0.0:8080", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("99999", false),
            ("127.0.0.1:70000", false),
            ("8000-70000", false),
            ("http", false),
        ] {
            assert_eq!(is_host(host), yes, "{host}");
        }
    }

    #[test]
    fn forms() {
        for (text, want) in [
            ("80", Some(Ports::Tcp(80, 80))),
            ("8000-8002", Some(Ports::Tcp(8000, 8002))),
            ("53/udp", Some(Ports::Other)),
            ("80/TCP", Some(Ports::Tcp(80, 80))),
            ("", Some(Ports::Nothing)),
            ("0", None),
            ("70000", None),
            ("9-8", None),
            ("http", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }
}
