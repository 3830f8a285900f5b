//! The network for builds: a way out, and no neighbours.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use dormouse_model::AddressBlock;

use super::{NetError, egress::EgressPolicy, names::Names, resolvers, share::Share, subnet::Subnet};
use crate::host::BuildLink;

/// Third number of the addresses of builds; projects never get it.
pub(super) const SUBNET: u8 = 255;

/// An address of builds that is in use until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    host: u8,
    in_use: Arc<Mutex<BTreeSet<u8>>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.host);
    }
}

/// Who of the builds has which address.
#[derive(Debug)]
pub(super) struct Addresses {
    pool: Ipv4Addr,
    in_use: Arc<Mutex<BTreeSet<u8>>>,
}

impl Addresses {
    pub(super) fn new(pool: Ipv4Addr) -> Self {
        Self { pool, in_use: Arc::default() }
    }

    pub(super) fn take(&self, egress: &EgressPolicy) -> Result<BuildLink, NetError> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let host = (2..=254).find(|h| !in_use.contains(h)).ok_or(NetError::BuildsFull)?;
        in_use.insert(host);
        let (addr, gateway) = (at(self.pool, host), at(self.pool, 1));
        let mut resolvers = resolvers::reachable(egress);
        if resolvers.is_empty() {
            // The edge's, which asks the host's, from the host, for what it does not know.
            resolvers.push(gateway);
        }
        let lease = Box::new(Lease { host, in_use: self.in_use.clone() });
        Ok(BuildLink { addr, gateway, resolvers, lease })
    }
}

fn at(pool: Ipv4Addr, host: u8) -> Ipv4Addr {
    let [a, b, ..] = pool.octets();
    Ipv4Addr::new(a, b, SUBNET, host)
}

/// The platform's address in the network of builds.
pub(super) fn gateway(pool: Ipv4Addr) -> Ipv4Addr {
    at(pool, 1)
}

/// The network of builds.
pub(super) fn subnet(names: &Names, pool: Ipv4Addr, egress: &EgressPolicy, share: Option<Share>) -> Subnet {
    let gateway = gateway(pool);
    let blocks = vec![AddressBlock::around(gateway, 24)];
    Subnet {
        bridge: names.builds(),
        gateway,
        blocks,
        vips: Vec::new(),
        apart: true,
        egress: egress.clone(),
        share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_lent() {
        let addresses = Addresses::new(Ipv4Addr::new(10, 77, 0, 0));
        let take = || addresses.take(&EgressPolicy::default());
        let first = take().unwrap();
        let second = take().unwrap();
        assert_eq!(
            (first.addr.to_string(), second.addr.to_string()),
            ("10.77.255.2".into(), "10.77.255.3".into())
        );
        drop(first);
        let all: Vec<_> = std::iter::from_fn(|| take().ok()).collect();
        assert_eq!(all[0].addr.to_string(), "10.77.255.2");
        assert_eq!(all.len(), 252);
        assert!(matches!(take(), Err(NetError::BuildsFull)));
    }
}
