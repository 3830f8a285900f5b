//! `[edge]`: whom the edge believes, what it calls itself, and what it bears.

use std::{fmt, ops::RangeInclusive, time::Duration};

use anyhow::{Result, anyhow, bail};
use dormouse_edge::{Cidr, EdgeSettings, Scheme};
use serde::Deserialize;

use super::{bytes, duration};

/// Times that a client may take. Seconds are what the edge counts.
const TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// Nothing shorter leaves the kernel time for three probes.
const STALLS: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3600);
/// Bytes of a request's head: no parser takes less, and each connection may hold so much.
const HEADS: RangeInclusive<u64> = 8 << 10..=1 << 20;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedEdge {
    drain: Option<String>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    scheme: Option<String>,
    port: Option<u16>,
    connections: Option<u64>,
    header_size: Option<String>,
    header_timeout: Option<String>,
    body_timeout: Option<String>,
    stall_timeout: Option<String>,
    idle_timeout: Option<String>,
    hold_timeout: Option<String>,
}

/// What `[edge]` says, with `None` for what it leaves to the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    drain: Option<Duration>,
    trusted_proxies: Vec<Cidr>,
    /// How visitors reach the server, perhaps through something that ends TLS.
    pub(crate) scheme: Scheme,
    port: Option<u16>,
    connections: Option<u64>,
    header_size: Option<usize>,
    header_timeout: Option<Duration>,
    body_timeout: Option<Duration>,
    stall_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    hold_timeout: Option<Duration>,
}

impl TypedEdge {
    pub(super) fn resolve(&self) -> Result<Edge> {
        let block = |text: &String| text.parse().map_err(|why| anyhow!("`edge.trusted_proxies`: {why}"));
        let time = |key, typed: &Option<String>| within(key, typed.as_deref(), TIMES);
        Ok(Edge {
            drain: self.drain.as_deref().map(|text| duration("edge.drain", text)).transpose()?,
            trusted_proxies: self.trusted_proxies.iter().map(block).collect::<Result<_>>()?,
            scheme: scheme(self.scheme.as_deref())?,
            port: self.port.map(port).transpose()?,
            connections: self.connections.map(connections).transpose()?,
            header_size: self.header_size.as_deref().map(header_size).transpose()?,
            header_timeout: time("edge.header_timeout", &self.header_timeout)?,
            body_timeout: time("edge.body_timeout", &self.body_timeout)?,
            stall_timeout: within("edge.stall_timeout", self.stall_timeout.as_deref(), STALLS)?,
            idle_timeout: time("edge.idle_timeout", &self.idle_timeout)?,
            hold_timeout: time("edge.hold_timeout", &self.hold_timeout)?,
        })
    }
}

impl Edge {
    /// At which port visitors reach a server that listens on `listen`.
    pub(crate) fn public_port(&self, listen: u16) -> u16 {
        let usual = match self.scheme {
            Scheme::Http => listen,
            Scheme::Https => 443,
        };
        self.port.unwrap_or(usual)
    }

    /// The edge's own settings, on a machine with so many bytes of memory for a process that may open so many files.
    pub(crate) fn settings(&self, listen: u16, files: u64, memory: u64) -> EdgeSettings {
        let EdgeSettings {
            hand_over_timeout,
            max_header_bytes,
            header_timeout,
            body_window,
            stall_timeout,
            keep_alive,
            hold_timeout,
            ..
        } = EdgeSettings::default();
        EdgeSettings {
            hand_over_timeout: self.drain.unwrap_or(hand_over_timeout),
            trusted_proxies: self.trusted_proxies.clone(),
            scheme: self.scheme,
            public_port: Some(self.public_port(listen)),
            max_header_bytes: self.header_size.unwrap_or(max_header_bytes),
            header_timeout: self.header_timeout.unwrap_or(header_timeout),
            body_window: self.body_timeout.unwrap_or(body_window),
            stall_timeout: self.stall_timeout.unwrap_or(stall_timeout),
            keep_alive: self.idle_timeout.unwrap_or(keep_alive),
            hold_timeout: self.hold_timeout.unwrap_or(hold_timeout),
            ..EdgeSettings::default()
        }
        .fitted(files, memory, self.connections)
    }
}

fn scheme(typed: Option<&str>) -> Result<Scheme> {
    match typed {
        None | Some("http") => Ok(Scheme::Http),
        Some("https") => Ok(Scheme::Https),
        Some(other) => bail!(
            "`edge.scheme`: `{other}` is neither `http` nor `https`\n  hint: `https` is for a server behind something \
             that ends TLS"
        ),
    }
}

fn port(typed: u16) -> Result<u16> {
    match typed {
        0 => bail!("`edge.port`: nobody reaches port 0\n  hint: name the port that visitors see"),
        port => Ok(port),
    }
}

fn connections(typed: u64) -> Result<u64> {
    match typed {
        // One address has half of what is free.
        0..16 => bail!("`edge.connections`: {typed} is too few to serve anybody\n  hint: the least is 16"),
        connections => Ok(connections),
    }
}

fn header_size(typed: &str) -> Result<usize> {
    match bytes("edge.header_size", typed)? {
        size if HEADS.contains(&size) => Ok(usize::try_from(size)?),
        _ => bail!("`edge.header_size`: `{typed}` is not between 8KiB and 1MiB"),
    }
}

fn within(key: &str, typed: Option<&str>, times: RangeInclusive<Duration>) -> Result<Option<Duration>> {
    let Some(typed) = typed else { return Ok(None) };
    match duration(key, typed)? {
        time if times.contains(&time) => Ok(Some(time)),
        _ => bail!("`{key}`: `{typed}` is not between {} and {}", Short(*times.start()), Short(*times.end())),
    }
}

/// A time as it is written in the file.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            hours if hours % 3600 == 0 => write!(f, "{}h", hours / 3600),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::Typed;

    fn check(text: &str, expected: &Expect) {
        let shown = match Typed::parse(&format!("[edge]\n{text}")).and_then(|typed| typed.edge.resolve()) {
            Err(error) => format!("{error:#}"),
            Ok(edge) => {
                let s = edge.settings(8080, 65_536, 8 << 30);
                let proxies = [[192, 0, 2, 1], [10, 1, 2, 3]].map(|ip| s.trusts(ip.into()));
                format!(
                    "{} {:?}, {} and {} connections, head {} in {:?}, body {:?}, stall {:?}, idle {:?}, hold {:?}, \
                     drain {:?}, trusts {proxies:?}",
                    s.scheme.as_str(),
                    s.public_port,
                    s.max_connections,
                    s.max_private,
                    s.max_header_bytes,
                    s.header_timeout,
                    s.body_window,
                    s.stall_timeout,
                    s.keep_alive,
                    s.hold_timeout,
                    s.hand_over_timeout,
                )
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_is_said_reaches_the_edge() {
        check(
            "",
            &expect![
                "http Some(8080), 16384 and 8192 connections, head 65536 in 10s, body 60s, stall 60s, idle 75s, hold 120s, drain 43200s, trusts [false, false]"
            ],
        );
        check(
            "drain = \"1h\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nscheme = \"https\"\nconnections = 200\n\
             header_size = \"16KiB\"\nheader_timeout = \"5s\"\nbody_timeout = \"30s\"\nstall_timeout = \"20s\"\n\
             idle_timeout = \"10m\"\nhold_timeout = \"3m\"",
            &expect![
                "https Some(443), 200 and 100 connections, head 16384 in 5s, body 30s, stall 20s, idle 600s, hold 180s, drain 3600s, trusts [false, true]"
            ],
        );
        check(
            "scheme = \"https\"\nport = 8443\ntrusted_proxies = [\"192.0.2.1\"]",
            &expect![
                "https Some(8443), 16384 and 8192 connections, head 65536 in 10s, body 60s, stall 60s, idle 75s, hold 120s, drain 43200s, trusts [true, false]"
            ],
        );
        // No more than files can be opened for.
        check(
            "connections = 1000000",
            &expect![
                "http Some(8080), 16384 and 8192 connections, head 65536 in 10s, body 60s, stall 60s, idle 75s, hold 120s, drain 43200s, trusts [false, false]"
            ],
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check(
            "trusted_proxies = [\"10.0.0.0/8\", \"proxy.example\"]",
            &expect![[r#"
            `edge.trusted_proxies`: `proxy.example` is not an address block
              hint: write it as 10.0.0.0/8, or as a single address"#]],
        );
        check(
            "scheme = \"wss\"",
            &expect![[r#"
            `edge.scheme`: `wss` is neither `http` nor `https`
              hint: `https` is for a server behind something that ends TLS"#]],
        );
        check(
            "port = 0",
            &expect![[r#"
            `edge.port`: nobody reaches port 0
              hint: name the port that visitors see"#]],
        );
        check(
            "connections = 3",
            &expect![[r#"
            `edge.connections`: 3 is too few to serve anybody
              hint: the least is 16"#]],
        );
        check("header_size = \"4KiB\"", &expect!["`edge.header_size`: `4KiB` is not between 8KiB and 1MiB"]);
        check("idle_timeout = \"0\"", &expect!["`edge.idle_timeout`: `0` is not between 1s and 24h"]);
        check("stall_timeout = \"2s\"", &expect!["`edge.stall_timeout`: `2s` is not between 10s and 1h"]);
        check(
            "body_timeout = \"soon\"",
            &expect!["`edge.body_timeout`: `soon` is not a time; write it like `30s`, `5m` or `1h30m`"],
        );
    }
}
