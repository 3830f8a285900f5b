//! Proxy variables.

use std::collections::BTreeMap;

use super::{Ecosystem, Found, Host};

/// Hand them on in both spellings: programs differ in which they read.
pub(super) fn read(host: &Host, found: &mut Found) {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        let lower = name.to_ascii_lowercase();
        // Lower case first, as curl reads it.
        let Some(value) = host.var(&lower).or_else(|| host.var(name)) else { continue };
        if name != "NO_PROXY" && is_loopback(value) {
            found.warn(format!(
                "{name} names a proxy on this host's loopback, which sandboxes cannot reach: {value}\n  \
                 hint: let the proxy listen on another address of this host and name that"
            ));
        }
        found.env(Ecosystem::Proxy, name, value);
        found.env(Ecosystem::Proxy, &lower, value);
    }
}

/// Keep tools from asking a proxy for these hosts: the relay stands in for them.
pub(super) fn leave_out(env: &mut BTreeMap<String, String>, hosts: &[String]) {
    for name in ["NO_PROXY", "no_proxy"] {
        let before = env.remove(name).filter(|v| !v.is_empty());
        let all: Vec<_> = before.into_iter().chain(hosts.iter().cloned()).collect();
        env.insert(name.to_owned(), all.join(","));
    }
    // pip takes it for every host; the variables that all read say the same.
    env.remove("PIP_PROXY");
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]")
}
