//! Which address of its project's network an instance gets, on hosts that give it one themselves.

use std::{collections::BTreeSet, net::Ipv4Addr};

use dormouse_model::AddressBlock;

/// Addresses for instances in a block: those behind its first quarter, but for the last, which is nobody's.
pub fn instances(block: AddressBlock) -> impl Iterator<Item = Ipv4Addr> {
    (block.size() / 4..block.size() - 1).map(move |n| block.at(n))
}

/// An address for a new instance: the one whose last use is longest ago, as far as the number of the instance tells,
/// so that a late packet for an old instance finds nobody.
#[must_use]
pub fn free(blocks: &[AddressBlock], taken: &BTreeSet<Ipv4Addr>, instance: u64) -> Option<Ipv4Addr> {
    let all: Vec<_> = blocks.iter().flat_map(|b| instances(*b)).collect();
    let first = usize::try_from(instance.checked_rem(all.len() as u64)?).ok()?;
    all.iter().cycle().skip(first).take(all.len()).find(|addr| !taken.contains(addr)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> AddressBlock {
        let (addr, prefix) = text.split_once('/').unwrap();
        AddressBlock::around(addr.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn instances_take_turns() {
        let blocks = [block("10.77.1.0/24")];
        let mut taken = BTreeSet::new();
        let first = free(&blocks, &taken, 190).unwrap();
        taken.insert(first);
        let second = free(&blocks, &taken, 381).unwrap();
        assert_eq!((first.to_string(), second.to_string()), ("10.77.1.254".into(), "10.77.1.64".into()));
        taken.extend(instances(blocks[0]));
        assert_eq!(free(&blocks, &taken, 5), None);
        let grown = [blocks[0], block("10.77.9.32/27")];
        assert_eq!(free(&grown, &taken, 5).unwrap().to_string(), "10.77.9.40");
    }
}
