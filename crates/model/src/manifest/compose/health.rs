//! `healthcheck`: what a command asks, as far as a probe of ours can ask it.

use super::{
    super::{
        node::{Node, Value},
        read::{Reader, join},
        typed::{Health, ProbeKind},
    },
    keys::{self, Unhonoured, known},
    service::number,
};
use crate::HealthSpec;

/// Hosts that are the container itself.
const HERE: [&str; 5] = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"];

/// Programs that take an address without a scheme.
const FETCHERS: [&str; 4] = ["curl", "wget", "http", "xh"];

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    probe: ProbeKind,
    port: Option<u16>,
}

/// The probe, and the port it is for. `service` is how the service calls itself.
pub(super) fn healthcheck(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &Node,
    path: &str,
    service: &str,
) -> (Health, Option<u16>) {
    let (mut health, mut port) = (Health::default(), None);
    for e in known(r, unhonoured, node, path, keys::HEALTHCHECK) {
        let key = join(path, &e.key);
        match e.key.as_str() {
            "test" => {
                let check = text(&e.node);
                let asked = asked(&words(&check), service);
                let unasked = match &asked {
                    None => Some("healthcheck other than of a local address"),
                    Some(_) if asks_more(&check, service) => {
                        Some("what a healthcheck asks besides a local address")
                    }
                    Some(_) => None,
                };
                if let Some(what) = unasked {
                    unhonoured.add(what, r.place(&e.node.span, &key));
                }
                if let Some(asked) = asked {
                    (health.probe, port) = (Some(asked.probe), asked.port);
                }
            }
            "disable" => {
                if r.bool(&e.node, &key) == Some(true) {
                    health.probe = Some(ProbeKind::Tcp);
                }
            }
            "interval" => health.interval = r.duration(&e.node, &key).filter(|d| !d.is_zero()),
            "timeout" => health.timeout = r.duration(&e.node, &key).filter(|d| !d.is_zero()),
            // Theirs excuses failures for a time, ours is the time that a start may take.
            "start_period" => {
                let usual = HealthSpec::default().start_timeout;
                health.start_timeout = r.duration(&e.node, &key).filter(|d| *d > usual);
            }
            // None is as many as usual.
            _ => health.failures = number(r, &e.node, &key, 0..=1000).filter(|n| *n != 0),
        }
    }
    (health, port)
}

/// What the check of a Dockerfile asks.
pub(super) fn of_image(test: &str, service: &str) -> Option<(ProbeKind, Option<u16>)> {
    asked(&words(test), service).map(|a| (a.probe, a.port))
}

/// A check as one line.
fn text(test: &Node) -> String {
    match &test.value {
        Value::List(items) => items.iter().filter_map(|n| n.value.scalar()).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Table(_) => {
            test.value.scalar().unwrap_or_default()
        }
    }
}

/// Whether a check has a second command that may fail: `… && test -f ready`, `… | grep ok`.
fn asks_more(text: &str, service: &str) -> bool {
    // What follows a failure is to fail, or a second way to ask the same.
    let text = text.replace("||", " or ");
    let commands = text.split("&&").flat_map(|part| part.split(" | "));
    commands.filter(|command| asked(&words(command), service).is_none()).any(|command| {
        let first = command.split_whitespace().next();
        first.is_some_and(|word| !["exit", "echo", "true", ":", "CMD", "CMD-SHELL"].contains(&word))
    })
}

/// The words of a check, those in quotes taken apart too.
fn words(text: &str) -> Vec<String> {
    let breaks = |c: char| c.is_whitespace() || "\"'|;()<>,`".contains(c);
    text.split(breaks).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// What is asked of the service itself.
fn asked(words: &[String], service: &str) -> Option<Asked> {
    let program = |name: &str| words.iter().any(|w| w.rsplit('/').next() == Some(name));
    if words.first().is_some_and(|w| w == "NONE") {
        return Some(Asked { probe: ProbeKind::Tcp, port: None });
    }
    let fetches = FETCHERS.iter().any(|f| program(f));
    let url = words.iter().find_map(|word| {
        let (scheme, rest) = match word.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, word.as_str()),
        };
        // A name of an option or of a variable may stand before the scheme: `--url=http`.
        let is_http = scheme.map_or(fetches, |s| s.ends_with("http"));
        let rest = is_http.then(|| local(rest, service)).flatten()?;
        Some(rest.to_owned())
    });
    if let Some(rest) = url {
        let (address, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest.as_str(), "/"),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let port = match address.strip_prefix(':') {
            // Left to us: `$PORT`.
            Some(port) => port.parse().ok().filter(|p| *p != 0),
            None => Some(80),
        };
        return path
            .chars()
            .all(|c| c.is_ascii_graphic())
            .then_some(Asked { probe: ProbeKind::Http(path), port });
    }
    // `nc -z localhost 8000`, `</dev/tcp/localhost/8000`.
    let device = words.iter().find_map(|w| w.strip_prefix("/dev/tcp/")).and_then(|w| {
        let (host, port) = w.split_once('/')?;
        local(host, service).filter(|rest| rest.is_empty())?;
        port.parse().ok()
    });
    let netcat = || {
        let at = words.iter().position(|w| local(w, service) == Some(""))?;
        words.get(at + 1)?.parse().ok()
    };
    let is_netcat = ["nc", "ncat", "netcat"].iter().any(|n| program(n));
    let port = device.or_else(|| is_netcat.then(netcat).flatten())?;
    Some(Asked { probe: ProbeKind::Tcp, port: Some(port) })
}

/// What follows the host, when that is the service itself.
fn local<'w>(word: &'w str, service: &str) -> Option<&'w str> {
    let hosts = HERE.iter().copied().chain([service]);
    hosts.into_iter().find_map(|host| {
        word.strip_prefix(host).filter(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(test: &str) -> String {
        match asked(&words(test), "web") {
            Some(Asked { probe: ProbeKind::Http(path), port }) => format!("{path} on {port:?}"),
            Some(Asked { probe: ProbeKind::Tcp, port }) => format!("tcp on {port:?}"),
            None => "not understood".to_owned(),
        }
    }

    /// Bug: the second half was dropped without a word.
    #[test]
    fn what_is_asked_besides() {
        for (test, want) in [
            ("CMD-SHELL nc -z localhost 80 && test -f /tmp/ready", true),
            ("curl -s localhost:80/health | grep ok", true),
            ("test -f /tmp/ready && curl -f localhost:80", true),
            ("curl -f localhost:80 || exit 1", false),
            ("curl -f localhost:80 && echo ok || exit 1", false),
            ("wget -q localhost:80 || curl -f localhost:80", false),
            ("CMD curl -f localhost:80", false),
        ] {
            assert_eq!(asks_more(test, "web"), want, "{test}");
        }
    }

    #[test]
    fn what_checks_ask() {
        for (test, want) in [
            ("curl -f localhost:80/x", "/x on Some(80)"),
            ("CMD curl -f http://localhost:8000/health?x=1", "/health?x=1 on Some(8000)"),
            ("CMD-SHELL curl -fsS http://127.0.0.1:5000 || exit 1", "/ on Some(5000)"),
            ("wget -q --spider http://localhost/ok", "/ok on Some(80)"),
            ("wget -qO- 0.0.0.0:9000/ready >/dev/null", "/ready on Some(9000)"),
            ("curl --fail http://web:8000/health", "/health on Some(8000)"),
            ("curl -f http://[::1]:8000/health", "/health on Some(8000)"),
            (
                "python -c \"import urllib.request; urllib.request.urlopen('http://localhost:8000/healthz')\"",
                "/healthz on Some(8000)",
            ),
            (
                "python -c 'import requests; requests.get(\"http://localhost:8000/h\", timeout=2)'",
                "/h on Some(8000)",
            ),
            ("curl http://localhost:$PORT/h", "/h on None"),
            ("nc -z localhost 8000", "tcp on Some(8000)"),
            ("CMD-SHELL bash -c ':> /dev/tcp/127.0.0.1/8000' || exit 1", "tcp on Some(8000)"),
            ("NONE", "tcp on None"),
            ("curl -fk https://localhost/x", "not understood"),
            ("curl -f http://db:8000/x", "not understood"),
            ("pg_isready -U postgres -h localhost", "not understood"),
            ("CMD redis-cli -h localhost ping", "not understood"),
            ("test -f /tmp/healthy", "not understood"),
            ("", "not understood"),
        ] {
            assert_eq!(shown(test), want, "{test}");
        }
    }
}
