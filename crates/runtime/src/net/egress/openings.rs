//! Destinations as the firewall keeps them: stretches that do not overlap, which its set refuses.

use super::{Destination, METADATA};
use dormouse_model::AddressBlock;

pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;

/// Addresses, protocols and ports, each from the first to the last: what is reached is reached by all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) struct Opening([(u32, u32); 3]);

impl Opening {
    /// The first address, protocol and port.
    pub(in crate::net) fn first(&self) -> [u32; 3] {
        self.0.map(|(first, _)| first)
    }

    /// The last ones.
    pub(in crate::net) fn last(&self) -> [u32; 3] {
        self.0.map(|(_, last)| last)
    }

    pub(super) fn has(&self, point: [u32; 3]) -> bool {
        self.0.iter().zip(point).all(|((first, last), at)| (*first..=*last).contains(&at))
    }

    /// What is left of it without another.
    fn without(self, other: &Self) -> Vec<Self> {
        if self.0.iter().zip(&other.0).any(|(a, b)| a.1 < b.0 || b.1 < a.0) {
            return vec![self];
        }
        let (mut rest, mut left) = (self, Vec::new());
        for (side, (first, last)) in other.0.into_iter().enumerate() {
            let (from, to) = rest.0[side];
            let mut keep = |part: (u32, u32)| {
                let mut kept = rest;
                kept.0[side] = part;
                left.push(kept);
            };
            if from < first {
                keep((from, first - 1));
            }
            if last < to {
                keep((last + 1, to));
            }
            rest.0[side] = (from.max(first), to.min(last));
        }
        left
    }
}

fn stretch(block: AddressBlock) -> (u32, u32) {
    (block.first().to_bits(), block.last().to_bits())
}

fn all_of(block: AddressBlock) -> Opening {
    Opening([stretch(block), (0, u32::from(u8::MAX)), (0, u32::from(u16::MAX))])
}

/// What these open, no part of it twice.
pub(in crate::net) fn openings(allow: &[Destination]) -> Vec<Opening> {
    let mut openings: Vec<Opening> = Vec::new();
    for destination in allow {
        let metadata = METADATA.map(|(base, prefix)| AddressBlock::around(base, prefix));
        let names = |it: &AddressBlock| {
            it.contains(destination.block.first()) && it.contains(destination.block.last())
        };
        let mut pieces = whole(destination);
        if !metadata.iter().any(names) {
            for block in metadata {
                pieces = pieces.into_iter().flat_map(|piece| piece.without(&all_of(block))).collect();
            }
        }
        for known in &openings {
            pieces = pieces.into_iter().flat_map(|piece| piece.without(known)).collect();
        }
        openings.extend(pieces);
    }
    openings
}

fn whole(destination: &Destination) -> Vec<Opening> {
    let addresses = stretch(destination.block);
    match &destination.ports {
        None => vec![all_of(destination.block)],
        Some(ports) => {
            let ports = (u32::from(*ports.start()), u32::from(*ports.end()));
            [TCP, UDP].map(|p| Opening([addresses, (u32::from(p), u32::from(p)), ports])).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use expect_test::expect;

    use super::*;

    fn opened(allow: &str) -> Vec<Opening> {
        let allow: Vec<Destination> = allow.split_whitespace().map(|d| d.parse().unwrap()).collect();
        openings(&allow)
    }

    fn shown(allow: &str) -> String {
        let line = |Opening([addresses, protocols, ports]): Opening| {
            let [first, last] = [addresses.0, addresses.1].map(Ipv4Addr::from_bits);
            format!("  {first}-{last} {}-{} {}-{}\n", protocols.0, protocols.1, ports.0, ports.1)
        };
        format!("{allow}:\n{}", opened(allow).into_iter().map(line).collect::<String>())
    }

    #[test]
    fn nothing_twice() {
        let table = [
            "192.168.1.10",
            "192.168.1.10:5432 192.168.1.10:5432",
            "10.0.0.0/8:443 10.1.0.0/16",
            "10.1.0.0/16 10.0.0.0/8:443",
            "169.254.169.254:80",
            "169.254.0.0/16",
            "168.0.0.0/8:80",
        ]
        .map(shown);
        expect![[r#"
            192.168.1.10:
              192.168.1.10-192.168.1.10 0-255 0-65535
            192.168.1.10:5432 192.168.1.10:5432:
              192.168.1.10-192.168.1.10 6-6 5432-5432
              192.168.1.10-192.168.1.10 17-17 5432-5432
            10.0.0.0/8:443 10.1.0.0/16:
              10.0.0.0-10.255.255.255 6-6 443-443
              10.0.0.0-10.255.255.255 17-17 443-443
              10.1.0.0-10.1.255.255 0-5 0-65535
              10.1.0.0-10.1.255.255 7-16 0-65535
              10.1.0.0-10.1.255.255 18-255 0-65535
              10.1.0.0-10.1.255.255 17-17 0-442
              10.1.0.0-10.1.255.255 17-17 444-65535
              10.1.0.0-10.1.255.255 6-6 0-442
              10.1.0.0-10.1.255.255 6-6 444-65535
            10.1.0.0/16 10.0.0.0/8:443:
              10.1.0.0-10.1.255.255 0-255 0-65535
              10.0.0.0-10.0.255.255 6-6 443-443
              10.2.0.0-10.255.255.255 6-6 443-443
              10.0.0.0-10.0.255.255 17-17 443-443
              10.2.0.0-10.255.255.255 17-17 443-443
            169.254.169.254:80:
              169.254.169.254-169.254.169.254 6-6 80-80
              169.254.169.254-169.254.169.254 17-17 80-80
            169.254.0.0/16:
              169.254.0.0-169.254.255.255 0-255 0-65535
            168.0.0.0/8:80:
              168.0.0.0-168.63.129.15 6-6 80-80
              168.63.129.17-168.255.255.255 6-6 80-80
              168.0.0.0-168.63.129.15 17-17 80-80
              168.63.129.17-168.255.255.255 17-17 80-80
        "#]]
        .assert_eq(&table.concat());
    }

    /// Whatever lists overlap how, each point is in as many openings as it should: one or none.
    #[test]
    fn each_point_once() {
        let lists = [
            "10.0.0.0/8:400-500 10.1.0.0/16:450-600 10.1.2.0/24 10.0.0.0/7:450",
            "0.0.0.0/0 10.0.0.0/8 169.254.169.254:80",
            "10.1.2.3:443 10.1.2.0/24:1-65535 10.0.0.0/8:443 10.1.0.0/16:400-443",
        ];
        let edges = [
            "9.255.255.255",
            "10.0.0.0",
            "10.1.0.0",
            "10.1.2.0",
            "10.1.2.3",
            "10.1.2.255",
            "10.1.3.0",
            "11.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
        ];
        for list in lists {
            let typed: Vec<Destination> = list.split(' ').map(|d| d.parse().unwrap()).collect();
            let openings = opened(list);
            for addr in edges.map(|a| a.parse::<Ipv4Addr>().unwrap()) {
                for protocol in [1, 6, 17, 50] {
                    for port in [1, 80, 399, 400, 443, 450, 500, 501, 600, 65535] {
                        let covers = |d: &Destination| {
                            let ported = d
                                .ports
                                .as_ref()
                                .is_none_or(|p| (protocol == 6 || protocol == 17) && p.contains(&port));
                            let metadata = super::super::is_in(&METADATA, addr) && d.block.prefix() < 16;
                            d.block.contains(addr) && ported && !metadata
                        };
                        let wanted = usize::from(typed.iter().any(covers));
                        let point = [addr.to_bits(), protocol, u32::from(port)];
                        let found = openings.iter().filter(|o| o.has(point)).count();
                        assert_eq!(found, wanted, "{list}: {addr} {protocol} {port}");
                    }
                }
            }
        }
    }
}
