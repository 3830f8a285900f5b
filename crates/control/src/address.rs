//! Who lives where: project `i` has `<pool>.i.0/24` with the gateway at .1, service addresses at .2-.63 and instances
//! at .64-.254. The last /24 belongs to builds.

use std::{collections::BTreeSet, net::Ipv4Addr};

/// The prefix of every network.
pub(crate) const PREFIX: u8 = 24;
const GATEWAY: u8 = 1;
const VIPS: std::ops::RangeInclusive<u8> = 2..=63;
const INSTANCES: std::ops::RangeInclusive<u8> = 64..=254;
const BUILDS: u8 = 255;
/// Projects a pool has room for. Network 0 is left out: its addresses are easily mistaken for the pool itself.
const PROJECTS: std::ops::RangeInclusive<u8> = 1..=254;

fn at(pool: Ipv4Addr, subnet: u8, host: u8) -> Ipv4Addr {
    let [a, b, _, _] = pool.octets();
    Ipv4Addr::new(a, b, subnet, host)
}

pub(crate) fn gateway(pool: Ipv4Addr, subnet: u8) -> Ipv4Addr {
    at(pool, subnet, GATEWAY)
}

pub(crate) fn builds_gateway(pool: Ipv4Addr) -> Ipv4Addr {
    gateway(pool, BUILDS)
}

pub(crate) fn vip(pool: Ipv4Addr, subnet: u8, host: u8) -> Ipv4Addr {
    at(pool, subnet, host)
}

/// A subnet for a new project.
pub(crate) fn free_subnet(taken: &BTreeSet<u8>) -> Option<u8> {
    PROJECTS.into_iter().find(|n| !taken.contains(n))
}

/// A host number for a new service of a project.
pub(crate) fn free_vip(taken: &BTreeSet<u8>) -> Option<u8> {
    VIPS.into_iter().find(|n| !taken.contains(n))
}

/// An address for a new instance: the one whose last use is longest ago, as far as the number of the instance tells,
/// so that a late packet for an old instance finds nobody.
pub(crate) fn free_instance(
    pool: Ipv4Addr,
    subnet: u8,
    taken: &BTreeSet<Ipv4Addr>,
    instance: u64,
) -> Option<Ipv4Addr> {
    let room = u64::from(INSTANCES.end() - INSTANCES.start()) + 1;
    (0..room)
        .map(|n| (instance + n) % room)
        .filter_map(|n| u8::try_from(n).ok())
        .map(|n| at(pool, subnet, INSTANCES.start() + n))
        .find(|a| !taken.contains(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let pool = Ipv4Addr::new(10, 77, 0, 0);
        assert_eq!(gateway(pool, 3).to_string(), "10.77.3.1");
        assert_eq!(builds_gateway(pool).to_string(), "10.77.255.1");
        assert_eq!(free_subnet(&[1, 2, 4].into()), Some(3));
        assert_eq!(free_subnet(&(1..=254).collect()), None);
        assert_eq!(free_vip(&[2].into()), Some(3));
        assert_eq!(free_vip(&(2..=63).collect()), None);
    }

    #[test]
    fn instances_take_turns() {
        let pool = Ipv4Addr::new(10, 77, 0, 0);
        let mut taken = BTreeSet::new();
        let first = free_instance(pool, 1, &taken, 190).unwrap();
        taken.insert(first);
        let second = free_instance(pool, 1, &taken, 381).unwrap();
        assert_eq!((first.to_string(), second.to_string()), ("10.77.1.254".into(), "10.77.1.64".into()));
        taken.extend((64..=254).map(|h| at(pool, 1, h)));
        assert_eq!(free_instance(pool, 1, &taken, 5), None);
    }
}
