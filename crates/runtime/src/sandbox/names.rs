//! Who answers name lookups inside: `/etc/hosts` and `/etc/resolv.conf`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

use super::Resolver;

/// The gateway's name server is a process of ours, which may end with a question that it has read: ask again after two seconds,
/// and not after five. A shorter time would be all that C libraries have for which it is the whole of it.
const AGAIN: &str = "options timeout:2 attempts:4\n";

/// `/etc/hosts` of a sandbox; `addr` is its own address, when it is on a network.
pub(crate) fn hosts(hostname: &str, addr: Option<Ipv4Addr>) -> String {
    let own = addr.unwrap_or(Ipv4Addr::new(127, 0, 1, 1));
    format!("127.0.0.1\tlocalhost\n{own}\t{hostname}\n")
}

/// `/etc/resolv.conf` of a sandbox on the network with this gateway, if it is on one.
pub(crate) fn resolv_conf(resolver: Resolver, gateway: Option<Ipv4Addr>) -> String {
    let host = || from_host(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    match (resolver, gateway) {
        (Resolver::Gateway, Some(addr)) => format!("nameserver {addr}\n{AGAIN}"),
        (Resolver::At(addr), _) => format!("nameserver {addr}\n"),
        (Resolver::Gateway, None) => String::new(),
        (Resolver::Host, _) => host(),
    }
}

/// `/etc/resolv.conf` of a sandbox that asks these, and looks in the host's search domains.
pub(crate) fn resolv_conf_of(resolvers: &[Ipv4Addr]) -> String {
    let host = from_host(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    let servers = resolvers.iter().map(|addr| format!("nameserver {addr}\n"));
    let rest = host.lines().filter(|l| !l.starts_with("nameserver")).map(|l| format!("{l}\n"));
    servers.chain(rest).collect()
}

/// The name servers that are of use in a sandbox.
pub(crate) fn servers(text: &str) -> Vec<Ipv4Addr> {
    let kept = from_host(text);
    kept.lines().filter_map(|l| l.strip_prefix("nameserver")?.trim().parse().ok()).collect()
}

/// A host's loopback is not the sandbox's, so resolvers there are left out.
fn from_host(text: &str) -> String {
    let keep = |line: &&str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["nameserver", addr] => addr.parse().is_ok_and(|a: IpAddr| !a.is_loopback() && a.is_ipv4()),
        ["search" | "domain" | "options", ..] => true,
        _ => false,
    };
    text.lines().filter(keep).map(|l| format!("{l}\n")).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_lost_question_is_asked_again_soon() {
        let gateway = Ipv4Addr::new(10, 77, 1, 1);
        expect![["nameserver 10.77.1.1\noptions timeout:2 attempts:4\n"]]
            .assert_eq(&resolv_conf(Resolver::Gateway, Some(gateway)));
    }

    #[test]
    fn the_hosts_resolvers() {
        let text = "# made by hand\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nnameserver ::1\nsearch corp.example\noptions edns0\n";
        expect![["nameserver 10.1.1.1\nsearch corp.example\noptions edns0\n"]].assert_eq(&from_host(text));
        assert_eq!(servers(text), [Ipv4Addr::new(10, 1, 1, 1)]);
        assert_eq!(servers("nameserver 127.0.0.53\n"), [Ipv4Addr::LOCALHOST; 0]);
    }
}
