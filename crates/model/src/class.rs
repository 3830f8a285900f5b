//! Classes of traffic control: whose share of the host's line what is sent is counted with.

use std::{fmt, net::Ipv4Addr};

/// One class, as packets and sockets name it (`SO_PRIORITY`, tc(8)'s `classid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId {
    major: u16,
    minor: u16,
}

impl ClassId {
    /// The number of the queueing discipline that it belongs to.
    #[must_use]
    pub fn major(self) -> u16 {
        self.major
    }

    /// Its number there.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.minor
    }

    /// Both in one, as the kernel takes them.
    #[must_use]
    pub fn bits(self) -> u32 {
        u32::from(self.major) << 16 | u32::from(self.minor)
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:x}", self.major, self.minor)
    }
}

/// The classes of one server. Which one a network has follows from its gateway, so that everybody knows it without being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes {
    major: u16,
}

/// Numbers of networks begin here.
const NETWORKS: u16 = 0x1000;

/// Several networks may lie in 256 addresses, none in fewer than these.
const SMALLEST: u8 = 32;

impl Classes {
    /// Those of the server with this tag. Their major number is neither among the low ones, which people choose, nor among
    /// the high ones, which the kernel does.
    ///
    /// ```
    /// use dormouse_model::Classes;
    /// let classes = Classes::of("0badcafe");
    /// assert_eq!(classes.network([10, 77, 8, 193].into()).to_string(), "4153:1046");
    /// ```
    #[must_use]
    pub fn of(tag: &str) -> Self {
        let [a, b, c, d] = u32::from_str_radix(tag, 16).unwrap_or_default().to_be_bytes();
        let folded = u16::from_be_bytes([a, b]) ^ u16::from_be_bytes([c, d]);
        Self { major: 0x4000 | (folded & 0x3fff) }
    }

    /// The number of the queueing discipline.
    #[must_use]
    pub fn major(self) -> u16 {
        self.major
    }

    /// All there is to be divided.
    #[must_use]
    pub fn whole(self) -> ClassId {
        self.at(1)
    }

    /// What nobody has named a class for: the host's own.
    #[must_use]
    pub fn host(self) -> ClassId {
        self.at(2)
    }

    /// What comes from the network with this gateway, or is answered for it: a project's, or that of builds.
    #[must_use]
    pub fn network(self, gateway: Ipv4Addr) -> ClassId {
        let [_, _, subnet, host] = gateway.octets();
        self.at(NETWORKS + u16::from(subnet) * u16::from(u8::MAX / SMALLEST + 1) + u16::from(host / SMALLEST))
    }

    fn at(self, minor: u16) -> ClassId {
        ClassId { major: self.major, minor }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_networks_have_the_same() {
        let classes = Classes::of("0badcafe");
        let gateways =
            (0..=255).flat_map(|subnet| (0..8).map(move |n| Ipv4Addr::new(10, 77, subnet, n * 32 + 1)));
        let all: BTreeSet<_> = gateways.map(|gateway| classes.network(gateway)).collect();
        assert_eq!(all.len(), 2048);
        assert!(!all.contains(&classes.host()) && !all.contains(&classes.whole()));
        assert!(all.iter().all(|class| class.bits() >> 16 == u32::from(classes.major())));
    }

    #[test]
    fn nobody_elses_numbers() {
        for tag in ["00000000", "ffffffff", "0badcafe", "doctor"] {
            assert!((0x4000..0x8000).contains(&Classes::of(tag).major()), "{tag}");
        }
    }
}
