//! Which /16 a server uses.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use dormouse_model::AddressBlock;
use nlink::{Connection, Route};

use super::{NetError, names::Names, route::POOL};

fn base(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, n, 0, 0)
}

/// Who says which /16 is this server's, whoever comes first having the last word.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// Addresses of what runs: whatever else is said, nobody's may change.
    pub(super) running: &'a [Ipv4Addr],
    /// The database.
    pub(super) database: Option<Ipv4Addr>,
    /// `networks.json`.
    pub(super) record: Option<Ipv4Addr>,
}

impl Known<'_> {
    /// The one that most of what runs lies in, else what is written down.
    pub(super) fn pool(&self) -> Option<Ipv4Addr> {
        let written = self.database.or(self.record);
        let mut pools: BTreeMap<_, usize> = BTreeMap::new();
        for addr in self.running {
            *pools.entry(AddressBlock::around(*addr, POOL).first()).or_default() += 1;
        }
        let most = pools.into_iter().max_by_key(|(pool, n)| (*n, Some(*pool) == written));
        most.map(|(pool, _)| pool).or(written)
    }
}

/// A /16 that nothing on this host overlaps; the one of our own bridges where there are any, whose record was lost. The tag
/// chooses where the search begins, so that a server whose record was lost is likely to find its old one.
pub(super) async fn choose(conn: &Connection<Route>, names: &Names, tag: &str) -> Result<Ipv4Addr, NetError> {
    let addresses = conn.get_addresses().await.map_err(NetError::making("a list of addresses"))?;
    let ours = |label: Option<&str>| label.is_some_and(|label| label.starts_with(&names.bridges()));
    let mut of_bridges = addresses.iter().filter(|a| ours(a.label()));
    if let Some(pool) = of_bridges.find_map(|a| around(a.local().or(a.address())?)) {
        return Ok(pool);
    }
    let routes = conn.get_routes().await.map_err(NetError::making("a list of routes"))?;
    let mut taken: Vec<AddressBlock> = routes
        .iter()
        .filter_map(|r| match r.destination() {
            // A default route goes everywhere and takes nothing.
            Some(IpAddr::V4(addr)) if r.dst_len() > 0 => Some(AddressBlock::around(*addr, r.dst_len())),
            _other => None,
        })
        .collect();
    taken.extend(addresses.iter().filter_map(|a| match a.address() {
        Some(IpAddr::V4(addr)) => Some(AddressBlock::around(*addr, a.prefix_len())),
        _other => None,
    }));
    let first = u8::from_str_radix(tag.get(..2).unwrap_or_default(), 16).unwrap_or(77);
    free(&taken, first).map(base).ok_or(NetError::NoRoom)
}

/// The pool that an address of a bridge lies in.
fn around(addr: &IpAddr) -> Option<Ipv4Addr> {
    match addr {
        IpAddr::V4(addr) => Some(AddressBlock::around(*addr, POOL).first()),
        IpAddr::V6(_) => None,
    }
}

fn free(taken: &[AddressBlock], first: u8) -> Option<u8> {
    // 10.0.0.0/16 and its neighbour are what home routers and clouds hand out first.
    (0..=255)
        .map(|n: u8| first.wrapping_add(n))
        .filter(|n| *n > 1)
        .find(|n| !taken.iter().any(|t| t.overlaps(AddressBlock::around(base(*n), 16))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_has_the_last_word() {
        let at = |n: u8, host: u8| Ipv4Addr::new(10, n, 1, host);
        let base = |n: u8| (n > 0).then(|| super::base(n));
        for (running, database, record, pool) in [
            (&[][..], 0, 0, 0),
            (&[], 0, 8, 8),
            (&[], 7, 0, 7),
            (&[], 7, 8, 7),
            (&[at(7, 9)], 0, 0, 7),
            (&[at(7, 9)], 7, 8, 7),
            (&[at(8, 9)], 7, 8, 8),
            (&[at(9, 9)], 7, 8, 9),
            (&[at(8, 9), at(7, 9)], 7, 0, 7),
            (&[at(7, 9), at(8, 9)], 8, 0, 8),
            (&[at(8, 9), at(7, 9), at(8, 10)], 7, 0, 8),
        ] {
            let known = Known { running, database: base(database), record: base(record) };
            assert_eq!(known.pool(), base(pool), "{known:?}");
        }
    }

    #[test]
    fn what_is_taken_is_left_alone() {
        let taken = |list: &[(&str, u8)]| -> Vec<AddressBlock> {
            list.iter().map(|(a, p)| AddressBlock::around(a.parse().unwrap(), *p)).collect()
        };
        assert_eq!(free(&[], 77), Some(77));
        assert_eq!(free(&[], 0), Some(2));
        assert_eq!(free(&taken(&[("10.77.3.0", 24), ("10.78.0.0", 15)]), 77), Some(80));
        assert_eq!(free(&taken(&[("10.79.0.1", 32)]), 79), Some(80));
        assert_eq!(free(&taken(&[("192.168.0.0", 16)]), 255), Some(255));
        assert_eq!(free(&taken(&[("10.0.0.0", 8)]), 77), None);
    }
}
