//! What a project may reach beyond its own network: the operator's word on it, and what the firewall makes of that.

mod destination;
mod openings;

use std::{collections::BTreeMap, net::Ipv4Addr};

use dormouse_model::{AddressBlock, ProjectName};

pub use destination::{Destination, DestinationError};
pub(super) use openings::{Opening, openings};

/// Addresses of private networks, which a host may be on: those that everybody may use (RFC 1918), and those behind
/// carriers' translators (RFC 6598), which overlay networks use too.
pub(super) const PRIVATE: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// Where clouds keep the credentials of their machines: link-local addresses as a whole, and the few that are not.
/// Alibaba 100.100.100.200, Azure 168.63.129.16, Oracle 192.0.0.192.
pub(super) const METADATA: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(192, 0, 0, 192), 32),
];

/// The port on which servers take mail from each other.
pub(super) const SMTP: u16 = 25;

/// What the sandboxes of one project may reach beyond their own network. Never the host itself, nor other projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Public addresses.
    pub internet: bool,
    /// Private ones: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10.
    pub lan: bool,
    /// TCP port 25, wherever it is.
    pub smtp: bool,
    /// What is reached whatever the others say. Metadata addresses of clouds only when one names them, by themselves or by a
    /// block of nothing else.
    pub allow: Vec<Destination>,
}

impl Default for EgressPolicy {
    /// Everything but mail.
    fn default() -> Self {
        Self { internet: true, lan: true, smtp: false, allow: Vec::new() }
    }
}

impl EgressPolicy {
    /// Whether a connection to this port, of TCP or UDP, but for mail, is let out.
    pub(super) fn reaches(&self, addr: Ipv4Addr, port: u16) -> bool {
        let (number, port) = (addr.to_bits(), u32::from(port));
        let is_allowed =
            openings(&self.allow).iter().any(|o| o.has([number, u32::from(openings::TCP), port]));
        is_allowed
            || (!is_in(&METADATA, addr) && if is_in(&PRIVATE, addr) { self.lan } else { self.internet })
    }
}

/// What everybody may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressPolicies {
    /// Projects that are not named.
    pub default: EgressPolicy,
    /// All builds.
    pub builds: EgressPolicy,
    /// Projects that are.
    pub projects: BTreeMap<ProjectName, EgressPolicy>,
}

impl EgressPolicies {
    /// A project's.
    #[must_use]
    pub fn of(&self, project: &ProjectName) -> &EgressPolicy {
        self.projects.get(project).unwrap_or(&self.default)
    }
}

fn is_in(blocks: &[(Ipv4Addr, u8)], addr: Ipv4Addr) -> bool {
    blocks.iter().any(|(base, prefix)| AddressBlock::around(*base, *prefix).contains(addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached() {
        let all = EgressPolicy::default();
        let no_lan =
            EgressPolicy { lan: false, allow: vec!["192.168.1.53:53".parse().unwrap()], ..all.clone() };
        let nothing = EgressPolicy { internet: false, lan: false, ..all.clone() };
        let named = EgressPolicy { allow: vec!["169.254.169.253".parse().unwrap()], ..nothing.clone() };
        for (addr, reached) in [
            ("9.9.9.9", [true, true, false, false]),
            ("192.168.1.53", [true, true, false, false]),
            ("192.168.1.54", [true, false, false, false]),
            ("100.64.0.1", [true, false, false, false]),
            ("172.32.0.1", [true, true, false, false]),
            ("169.254.169.253", [false, false, false, true]),
            ("168.63.129.16", [false, false, false, false]),
        ] {
            let of =
                [&all, &no_lan, &nothing, &named].map(|policy| policy.reaches(addr.parse().unwrap(), 53));
            assert_eq!(of, reached, "{addr}");
        }
    }
}
