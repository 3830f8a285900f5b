//! Stretches of addresses.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The addresses that begin with the same `prefix` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressBlock {
    base: Ipv4Addr,
    prefix: u8,
}

impl AddressBlock {
    /// The block of this size that `addr` lies in.
    ///
    /// ```
    /// use dormouse_model::AddressBlock;
    /// let block = AddressBlock::around([10, 77, 3, 70].into(), 26);
    /// assert_eq!(block.to_string(), "10.77.3.64/26");
    /// assert_eq!(block.last().to_string(), "10.77.3.127");
    /// assert!(block.contains([10, 77, 3, 64].into()) && !block.contains([10, 77, 3, 63].into()));
    /// ```
    #[must_use]
    pub fn around(addr: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { base: Ipv4Addr::from_bits(addr.to_bits() & mask(prefix)), prefix }
    }

    /// Its first address, which is nobody's.
    #[must_use]
    pub fn first(self) -> Ipv4Addr {
        self.base
    }

    /// Its last address, which is nobody's either: broadcasts go there.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() | !mask(self.prefix))
    }

    /// How many bits its addresses have in common.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// How many addresses it has.
    #[must_use]
    pub fn size(self) -> u32 {
        1_u32.checked_shl(32 - u32::from(self.prefix)).unwrap_or(u32::MAX)
    }

    /// The address `n` after the first.
    #[must_use]
    pub fn at(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() | (n & !mask(self.prefix)))
    }

    /// Whether `addr` is one of them.
    #[must_use]
    pub fn contains(self, addr: Ipv4Addr) -> bool {
        Self::around(addr, self.prefix) == self
    }

    /// Whether they have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }
}

impl std::fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}
