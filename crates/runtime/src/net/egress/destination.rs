//! A destination as an operator writes it.

use std::{fmt, net::Ipv4Addr, ops::RangeInclusive, str::FromStr};

use dormouse_model::AddressBlock;
use serde::Deserialize;

/// Addresses, and perhaps ports, such as `192.168.1.10:5432`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Destination {
    pub(super) block: AddressBlock,
    /// Of TCP and UDP; none said is every port, and every other protocol.
    pub(super) ports: Option<RangeInclusive<u16>>,
}

/// Why text is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It is none.
    #[error(
        "`{0}` is no destination\n  hint: write it as 192.168.1.10, 10.0.0.0/8, 192.168.1.10:5432 or 10.0.0.0/8:8000-8999; names are not looked up"
    )]
    Unreadable(String),
    /// An address within a block, as if it was the block.
    #[error(
        "`{typed}` is an address and a block of {block}\n  hint: write {block} for all of it, or {addr} for that one"
    )]
    Within {
        /// As typed.
        typed: String,
        /// What it lies in.
        block: AddressBlock,
        /// What it names.
        addr: Ipv4Addr,
    },
    /// IPv6.
    #[error("`{0}` is IPv6, which sandboxes do not have")]
    V6(String),
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(typed: &str) -> Result<Self, DestinationError> {
        let unreadable = || DestinationError::Unreadable(typed.to_owned());
        if typed.matches(':').count() > 1 {
            return Err(DestinationError::V6(typed.to_owned()));
        }
        let (block, ports) =
            typed.split_once(':').map_or((typed, None), |(block, ports)| (block, Some(ports)));
        let (addr, prefix) = block.split_once('/').unwrap_or((block, "32"));
        let addr: Ipv4Addr = addr.parse().map_err(|_| unreadable())?;
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or_else(unreadable)?;
        let block = AddressBlock::around(addr, prefix);
        if block.first() != addr {
            return Err(DestinationError::Within { typed: typed.to_owned(), block, addr });
        }
        let ports = ports.map(|ports| {
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            let ports = first.parse().ok()?..=last.parse().ok()?;
            (*ports.start() > 0 && !ports.is_empty()).then_some(ports)
        });
        match ports {
            Some(None) => Err(unreadable()),
            Some(Some(ports)) => Ok(Self { block, ports: Some(ports) }),
            None => Ok(Self { block, ports: None }),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.block)?;
        match &self.ports {
            None => Ok(()),
            Some(ports) if ports.start() == ports.end() => write!(f, ":{}", ports.start()),
            Some(ports) => write!(f, ":{}-{}", ports.start(), ports.end()),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(typed: String) -> Result<Self, DestinationError> {
        typed.parse()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn as_typed() {
        let rows = [
            "192.168.1.10",
            "192.168.1.10:5432",
            "10.0.0.0/8",
            "10.0.0.0/8:8000-8999",
            "0.0.0.0/0:443",
            "192.168.1.10/24",
            "192.168.1.0/33",
            "192.168.1",
            "db.lan:5432",
            "10.0.0.1:0",
            "10.0.0.1:9-8",
            "10.0.0.1:https",
            "10.0.0.1:",
            "fd00::/8",
            "",
        ]
        .map(|typed| match typed.parse::<Destination>() {
            Ok(read) => format!("{typed}: {read}\n"),
            Err(e) => format!("{e}\n").lines().next().unwrap_or_default().to_owned() + "\n",
        });
        expect![[r#"
            192.168.1.10: 192.168.1.10/32
            192.168.1.10:5432: 192.168.1.10/32:5432
            10.0.0.0/8: 10.0.0.0/8
            10.0.0.0/8:8000-8999: 10.0.0.0/8:8000-8999
            0.0.0.0/0:443: 0.0.0.0/0:443
            `192.168.1.10/24` is an address and a block of 192.168.1.0/24
            `192.168.1.0/33` is no destination
            `192.168.1` is no destination
            `db.lan:5432` is no destination
            `10.0.0.1:0` is no destination
            `10.0.0.1:9-8` is no destination
            `10.0.0.1:https` is no destination
            `10.0.0.1:` is no destination
            `fd00::/8` is IPv6, which sandboxes do not have
            `` is no destination
        "#]]
        .assert_eq(&rows.concat());
    }
}
