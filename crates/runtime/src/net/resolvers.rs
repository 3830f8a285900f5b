//! Which of the host's name servers builds can ask themselves.

use std::{fs, net::Ipv4Addr};

use nix::ifaddrs::getifaddrs;

use super::egress::EgressPolicy;
use crate::sandbox::names::servers;

/// The host's name servers that answer a build. Where a local cache answers the host, those that systemd's would ask.
/// None where only the host itself may ask: clouds answer names at addresses that the firewall refuses, and so may those of a LAN
/// be that builds are kept from.
pub(super) fn reachable(egress: &EgressPolicy) -> Vec<Ipv4Addr> {
    let own = own_addresses();
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .iter()
        .map(|file| among(servers(&fs::read_to_string(file).unwrap_or_default()), &own, egress))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

const DNS: u16 = 53;

fn among(mut servers: Vec<Ipv4Addr>, own: &[Ipv4Addr], egress: &EgressPolicy) -> Vec<Ipv4Addr> {
    servers.retain(|addr| {
        let host = addr.is_loopback() || addr.is_unspecified() || own.contains(addr);
        !host && egress.reaches(*addr, DNS)
    });
    servers
}

/// Builds do not reach the host at any of these. Unknown ones are none: then a resolver may be tried in vain.
fn own_addresses() -> Vec<Ipv4Addr> {
    let all = getifaddrs().into_iter().flatten();
    all.filter_map(|i| i.address.as_ref()?.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::ip)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_can_ask() {
        let own = [Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(10, 77, 255, 1)];
        for (what, typed, left) in [
            ("a router and a public one", "192.168.1.1 9.9.9.9", "192.168.1.1 9.9.9.9"),
            ("a cache on the host", "127.0.0.53 ::1", ""),
            ("any address of the host", "0.0.0.0", ""),
            ("the host in its network", "192.168.1.2 192.168.1.1", "192.168.1.1"),
            ("Azure", "168.63.129.16", ""),
            ("Google Cloud", "169.254.169.254", ""),
            ("Amazon, by either address", "169.254.169.253 172.31.0.2", "172.31.0.2"),
            ("link-local", "169.254.7.7", ""),
            (
                "Alibaba, whose resolvers are near its metadata",
                "100.100.100.200 100.100.2.136",
                "100.100.2.136",
            ),
            ("no IPv4", "2001:db8::1", ""),
        ] {
            let text: String = typed.split(' ').map(|a| format!("nameserver {a}\n")).collect();
            let found: Vec<_> = among(servers(&text), &own, &EgressPolicy::default())
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found.join(" "), left, "{what}");
        }
    }

    #[test]
    fn whom_it_is_kept_from() {
        let servers = || ["192.168.1.1", "9.9.9.9"].map(|a| a.parse().unwrap()).to_vec();
        let no_lan = EgressPolicy { lan: false, ..EgressPolicy::default() };
        assert_eq!(among(servers(), &[], &no_lan), [Ipv4Addr::new(9, 9, 9, 9)]);
        let nothing = EgressPolicy { internet: false, ..no_lan };
        assert!(among(servers(), &[], &nothing).is_empty(), "the edge asks for it");
    }

    #[test]
    fn the_host_knows_its_addresses() {
        let own = own_addresses();
        assert!(own.contains(&Ipv4Addr::LOCALHOST), "{own:?}");
    }
}
