//! The host's own resolvers.

use std::net::{IpAddr, SocketAddr};

/// The name servers of the host's `/etc/resolv.conf`, in order. Empty when there are none or the file cannot be read.
#[must_use]
pub fn host_upstreams() -> Vec<SocketAddr> {
    parse(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn parse(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|w| *w == "nameserver").and_then(|_| words.next())?;
            // A zone (`fe80::1%eth0`) has no meaning for a socket we do not bind to an interface.
            address.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf() {
        let text = "# made by something\nsearch lan\nnameserver 192.0.2.53\nnameserver ::1\n nameserver\t198.51.100.1 \nnameserver fe80::1%eth0\noptions ndots:5\n";
        let got: Vec<_> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(got, ["192.0.2.53:53", "[::1]:53", "198.51.100.1:53"]);
    }
}
