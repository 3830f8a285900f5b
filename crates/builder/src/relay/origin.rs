//! Hosts that are stood in for, and where in a sandbox.

use std::net::{Ipv4Addr, SocketAddrV4};

use dormouse_runtime::StandIn;
use reqwest::Url;

use crate::hostnet::Registry;

/// A scheme, a host and a port, of which at least one registry has credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Without a path.
    pub(super) base: Url,
    /// A name, or an address of IPv4.
    pub(super) host: String,
    /// Where it is stood in for.
    pub(super) at: SocketAddrV4,
    /// All that is known there, those without credentials too.
    pub(super) registries: Vec<Registry>,
}

impl Origin {
    pub(super) fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    pub(super) fn stand_in(&self) -> StandIn {
        let is_known = self.host.parse::<Ipv4Addr>().is_ok() || self.host == "localhost";
        StandIn { name: (!is_known).then(|| self.host.clone()), addr: self.at }
    }
}

/// The origins of those that have credentials, and hosts that cannot be stood in for.
pub(super) fn origins(registries: &[Registry]) -> (Vec<Origin>, Vec<String>) {
    let (mut origins, mut unserved) = (Vec::<Origin>::new(), Vec::new());
    let mut named = Vec::new();
    for registry in registries.iter().filter(|r| r.credential.is_some()) {
        let mut base = registry.root.clone();
        base.set_path("/");
        if origins.iter().any(|o| o.base == base) {
            continue;
        }
        let Some(host) = base.host_str().map(str::to_owned) else { continue };
        let ip = match host.parse::<Ipv4Addr>() {
            Ok(ip) => Some(ip),
            Err(_) if host == "localhost" => Some(Ipv4Addr::LOCALHOST),
            Err(_) if host.starts_with('[') => None,
            Err(_) => {
                let n = named.iter().position(|h| *h == host).unwrap_or_else(|| {
                    named.push(host.clone());
                    named.len() - 1
                });
                // Clear of those that systems use themselves, as 127.0.0.1, 127.0.0.53 and 127.0.1.1.
                u8::try_from(n + 1).ok().map(|n| Ipv4Addr::new(127, 0, 2, n))
            }
        };
        let (Some(ip), Some(port)) = (ip, base.port_or_known_default()) else {
            unserved.push(host);
            continue;
        };
        let same = |r: &&Registry| r.root.origin() == base.origin();
        let registries = registries.iter().filter(same).cloned().collect();
        origins.push(Origin { host, at: SocketAddrV4::new(ip, port), registries, base });
    }
    // Those of one host lie together.
    origins.sort_by_key(|o| (o.at, o.host.clone()));
    // A port of an address can be listened at once, by TLS or without.
    origins.dedup_by(|b, a| {
        a.at == b.at && {
            unserved.push(b.host.clone());
            true
        }
    });
    unserved.dedup();
    (origins, unserved)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::hostnet::{Credential, Ecosystem};

    #[test]
    fn where_they_are_stood_in_for() {
        let mut out = String::new();
        let token = Some(Credential::Bearer("t".into()));
        let all: Vec<_> = [
            ("https://n.example/npm/", token.clone()),
            ("https://n.example/simple/", None),
            ("http://n.example:8081/", token.clone()),
            ("https://10.1.2.3/", token.clone()),
            ("http://127.0.0.1:4000/", token.clone()),
            ("http://localhost:4000/", token.clone()),
            ("https://[fd00::1]/", token),
            ("https://open.example/", None),
        ]
        .into_iter()
        .filter_map(|(url, credential)| Registry::whole(Ecosystem::Npm, url, credential))
        .collect();
        let (origins, unserved) = origins(&all);
        for o in origins {
            let StandIn { name, addr } = o.stand_in();
            out += &format!("{} {name:?} {addr} {}\n", o.base, o.registries.len());
        }
        out += &format!("{unserved:?}\n");
        expect![[r#"
            https://10.1.2.3/ None 10.1.2.3:443 1
            http://127.0.0.1:4000/ None 127.0.0.1:4000 1
            https://n.example/ Some("n.example") 127.0.2.1:443 2
            http://n.example:8081/ Some("n.example") 127.0.2.1:8081 1
            ["[fd00::1]", "localhost"]
        "#]]
        .assert_eq(&out);
    }
}
