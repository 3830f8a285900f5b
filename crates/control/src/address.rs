//! Who lives where. A project has blocks of the server's /16, of a size that fits: from 32 addresses on, and another one when
//! it outgrows those it has, so that nobody ever moves. In each block the first address is nobody's, the second the
//! platform's (in the project's first block: its gateway), the rest of the first quarter are those of services, and then come
//! instances, up to the last, which is nobody's again. The last 256 addresses of the /16 belong to builds.

use std::{collections::BTreeSet, net::Ipv4Addr};

use dormouse_backend::address::instances;
use dormouse_model::{AddressBlock, ServiceKind};

/// Prefix lengths of the smallest and the largest block.
const SMALLEST: u8 = 27;
const LARGEST: u8 = 20;
/// Prefix length of what all networks of a server lie in.
const POOL: u8 = 16;
/// Blocks of the first 256 addresses are left out: they are easily mistaken for the pool itself.
const RESERVED: u8 = 24;

/// Instances that a project has room for beyond two for each replica: those that drain after deploys in quick succession.
const SPARE: usize = 4;

/// The number of addresses that a project needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Need {
    services: usize,
    instances: usize,
}

impl Need {
    /// What services of these kinds with so many replicas need: during a rollout what is replaced may take its time to end.
    pub(crate) fn of(services: impl IntoIterator<Item = (ServiceKind, u32)>) -> Self {
        let mut need = Self { services: 0, instances: SPARE };
        for (kind, replicas) in services {
            need.instances += 2 * replicas.max(1) as usize;
            match kind {
                ServiceKind::Web => need.services += 1,
                ServiceKind::Worker | ServiceKind::Job => {}
            }
        }
        need
    }

    fn fits(self, room: Self) -> bool {
        self.services <= room.services && self.instances <= room.instances
    }
}

/// The room in a number of blocks.
fn room(blocks: &[AddressBlock]) -> Need {
    blocks.iter().fold(Need::default(), |sum, block| Need {
        services: sum.services + services(*block).count(),
        instances: sum.instances + instances(*block).count(),
    })
}

/// The builds' block.
pub(crate) fn builds(pool: Ipv4Addr) -> AddressBlock {
    let pool = AddressBlock::around(pool, POOL);
    AddressBlock::around(pool.last(), RESERVED)
}

/// The smallest block that an address can lie in.
pub(crate) fn around(addr: Ipv4Addr) -> AddressBlock {
    AddressBlock::around(addr, SMALLEST)
}

/// The platform's address in a block.
pub(crate) fn gateway(block: AddressBlock) -> Ipv4Addr {
    block.at(1)
}

/// Addresses for services in a block.
fn services(block: AddressBlock) -> impl Iterator<Item = Ipv4Addr> {
    (2..block.size() / 4).map(move |n| block.at(n))
}

/// The block that a project with these blocks has to get so that there is room for `need`: `Ok(None)` when there is room
/// already, an error when the pool has none. `taken` is everybody's.
pub(crate) fn further(
    pool: Ipv4Addr,
    taken: &[AddressBlock],
    has: &[AddressBlock],
    need: Need,
) -> Result<Option<AddressBlock>, NoRoom> {
    if !has.is_empty() && need.fits(room(has)) {
        return Ok(None);
    }
    // At least as large as all it has: however it grows, its blocks stay few.
    let size: u32 = has.iter().map(|b| b.size()).sum();
    let mut fitting = (LARGEST..=SMALLEST).rev().map(|prefix| AddressBlock::around(pool, prefix));
    let fits = |block: &AddressBlock| block.size() >= size && need.fits(room(&[has, &[*block]].concat()));
    let prefix = fitting.find(fits).ok_or(NoRoom::TooLarge)?.prefix();
    free(pool, taken, prefix).map(Some).ok_or(NoRoom::Full)
}

/// Why a project cannot have addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// It needs more than any project may have.
    TooLarge,
    /// Others have them all.
    Full,
}

/// The first block of this size that nobody has.
fn free(pool: Ipv4Addr, taken: &[AddressBlock], prefix: u8) -> Option<AddressBlock> {
    let pool = AddressBlock::around(pool, POOL);
    let reserved = [AddressBlock::around(pool.first(), RESERVED), builds(pool.first())];
    let mut taken: Vec<_> = taken.iter().copied().chain(reserved).collect();
    taken.sort_unstable();
    let mut next = AddressBlock::around(pool.first(), prefix);
    for there in taken {
        if next.overlaps(there) {
            // The first that begins behind it.
            let behind = there.last().max(next.last());
            next = AddressBlock::around(Ipv4Addr::from_bits(behind.to_bits().checked_add(1)?), prefix);
        }
    }
    pool.contains(next.first()).then_some(next)
}

/// An address for a new service.
pub(crate) fn free_service(blocks: &[AddressBlock], taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    blocks.iter().flat_map(|b| services(*b)).find(|addr| !taken.contains(addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 0);

    fn block(text: &str) -> AddressBlock {
        let (addr, prefix) = text.split_once('/').unwrap();
        AddressBlock::around(addr.parse().unwrap(), prefix.parse().unwrap())
    }

    fn need(services: usize, workers: usize) -> Need {
        Need { services, instances: 2 * (services + workers) + SPARE }
    }

    #[test]
    fn replicas_have_addresses_of_their_own() {
        let needs = |all: &[(ServiceKind, u32)]| {
            let need = Need::of(all.iter().copied());
            format!("{} {}", need.services, need.instances)
        };
        assert_eq!(needs(&[(ServiceKind::Web, 1), (ServiceKind::Worker, 1)]), "1 8");
        assert_eq!(needs(&[(ServiceKind::Web, 3), (ServiceKind::Worker, 2)]), "1 14");
        let further = |replicas| match further(POOL, &[], &[], Need::of([(ServiceKind::Web, replicas)])) {
            Ok(Some(block)) => block.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            [1, 10, 100, 2000].map(further),
            ["10.77.1.0/27", "10.77.1.0/26", "10.77.2.0/23", "Err(TooLarge)"]
        );
    }

    #[test]
    fn who_gets_what() {
        for (has, services, workers, gets) in [
            ("", 1, 0, "10.77.1.0/27"),
            ("", 0, 1, "10.77.1.0/27"),
            ("", 6, 3, "10.77.1.0/27"),
            ("", 7, 0, "10.77.1.0/26"),
            ("", 0, 10, "10.77.1.0/26"),
            ("", 62, 0, "10.77.1.0/24"),
            ("", 63, 0, "10.77.2.0/23"),
            ("", 1000, 0, "10.77.16.0/20"),
            ("", 1023, 0, "more than any project may have"),
            ("10.77.1.0/27", 6, 0, "enough"),
            ("10.77.1.0/27", 7, 0, "10.77.1.32/27"),
            ("10.77.1.0/27", 13, 0, "10.77.1.64/26"),
            ("10.77.1.0/27 10.77.1.32/27", 13, 0, "10.77.1.64/26"),
            // As every project had it.
            ("10.77.9.0/24", 62, 0, "enough"),
            ("10.77.9.0/24", 63, 0, "10.77.1.0/24"),
        ] {
            let has: Vec<_> = has.split_whitespace().map(block).collect();
            let shown = match further(POOL, &has, &has, need(services, workers)) {
                Ok(None) => "enough".to_owned(),
                Ok(Some(block)) => block.to_string(),
                Err(NoRoom::TooLarge) => "more than any project may have".to_owned(),
                Err(NoRoom::Full) => "full".to_owned(),
            };
            assert_eq!(shown, gets, "{services} services and {workers} workers on {has:?}");
        }
    }

    /// A pool holds more than two thousand small projects, beside some that are large, and none shares an address.
    #[test]
    fn a_pool_for_thousands() {
        let mut taken = vec![block("10.77.3.0/24"), block("10.77.64.0/20")];
        for n in 0_usize.. {
            match further(POOL, &taken, &[], need(1 + n % 7, 0)) {
                Ok(Some(new)) => {
                    assert!(!taken.iter().any(|t| t.overlaps(new)), "{new}");
                    taken.push(new);
                }
                Ok(None) => unreachable!(),
                Err(_) => break,
            }
        }
        assert!(taken.len() > 1500, "{}", taken.len());
        let [first, builds] = [block("10.77.0.0/24"), builds(POOL)];
        assert_eq!(builds, block("10.77.255.0/24"));
        assert!(!taken.iter().any(|t| t.overlaps(first) || t.overlaps(builds)));
        let small = |taken: &[AddressBlock]| further(POOL, taken, &[], need(1, 0));
        while let Ok(Some(new)) = small(&taken) {
            taken.push(new);
        }
        let free = 65536 - 512 - taken.iter().map(|t| t.size()).sum::<u32>();
        assert_eq!(free, 0);
        // What one gives back another gets.
        let gone = taken.remove(700);
        assert_eq!(small(&taken).map(|new| new.map(|n| gone.contains(n.first()))), Ok(Some(true)));
    }

    #[test]
    fn a_block_of_256_is_as_it_always_was() {
        let block = block("10.77.3.0/24");
        let ends = |mut all: Vec<Ipv4Addr>| (all.remove(0).to_string(), all.pop().unwrap().to_string());
        assert_eq!(gateway(block).to_string(), "10.77.3.1");
        assert_eq!(ends(services(block).collect()), ("10.77.3.2".into(), "10.77.3.63".into()));
        assert_eq!(ends(instances(block).collect()), ("10.77.3.64".into(), "10.77.3.254".into()));
    }

    #[test]
    fn services_take_the_first_address_that_is_free() {
        let blocks = [block("10.77.1.0/27"), block("10.77.1.64/27")];
        let mut taken = BTreeSet::new();
        let all = std::iter::from_fn(|| {
            let next = free_service(&blocks, &taken)?;
            taken.insert(next);
            Some(next.octets()[3])
        });
        assert_eq!(all.collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 66, 67, 68, 69, 70, 71]);
    }
}
