//! How much each class gets: numbers only.
//!
//! Below a class of all there is, each network has one, with little that is its own and everything for a ceiling. What is
//! nobody's own is lent, turn by turn, and by equally many bytes, to who has something to send. So it is divided between those
//! that do, however many there are and others come and go, and nobody's numbers depend on how many there are.

use dormouse_model::{ClassId, Classes};

use super::{Bandwidth, BitRate};
use crate::net::subnet::Subnet;

/// One class and its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: ClassId,
    /// The class that it belongs to; `None` is the one that has all.
    pub(super) parent: Option<ClassId>,
    /// Its own, in bytes a second.
    pub(super) rate: u64,
    /// The most, in bytes a second.
    pub(super) ceil: u64,
    /// Bytes that may be sent at once after a rest: of its own, and of all.
    pub(super) burst: u32,
    pub(super) ceil_burst: u32,
    /// Whoever has a lower one is lent to first.
    pub(super) turn: u32,
    /// Bytes that wait at most; `None` for a class of classes.
    pub(super) queue: Option<u32>,
}

/// Bytes of each turn: no packet is larger, also none that the kernel cuts up later. Otherwise one with large packets would
/// get more than one with small ones.
pub(super) const QUANTUM: u32 = 64 << 10;

/// Of its own each network has this part of all: as many as a server has room for have half of it together.
const OWN: u64 = 4096;
/// And at least this much, in bytes a second.
const LEAST: u64 = 1_000;
/// What the host has of its own, so that its operator is not locked out.
const HOST: u64 = 4;
/// What builds have, all together: apps are lent to first.
const BUILDS: u64 = 20;

/// At once after a rest: the first bytes of an answer do not wait for their turn.
const BURST: u32 = 32 << 10;
/// A timer is late by as long as it takes to send this part of a second.
const LATE: u64 = 1_000;

impl Shape {
    /// All there is.
    pub(super) fn whole(classes: Classes, bandwidth: &Bandwidth) -> Self {
        let out = bandwidth.out.bytes();
        let burst = at_once(out);
        Self {
            class: classes.whole(),
            parent: None,
            rate: out,
            ceil: out,
            burst,
            ceil_burst: burst,
            turn: 0,
            queue: None,
        }
    }

    /// What is the host's own.
    pub(super) fn host(classes: Classes, bandwidth: &Bandwidth) -> Self {
        Self::leaf(classes, classes.host(), bandwidth, bandwidth.out.bytes() / HOST, bandwidth.out)
    }

    /// A network's.
    pub(super) fn network(classes: Classes, bandwidth: &Bandwidth, net: &Subnet) -> Option<Self> {
        let share = net.share.as_ref()?;
        let most = share.most.unwrap_or(bandwidth.out);
        let shape = |own| Self::leaf(classes, share.class, bandwidth, own, most);
        Some(if net.apart {
            // Builds, of which several projects' are in one class.
            Self { turn: 1, ..shape(bandwidth.out.bytes() / BUILDS) }
        } else {
            shape((bandwidth.out.bytes() / OWN).max(LEAST))
        })
    }

    fn leaf(classes: Classes, class: ClassId, bandwidth: &Bandwidth, own: u64, most: BitRate) -> Self {
        let ceil = most.min(bandwidth.out).bytes();
        Self {
            class,
            parent: Some(classes.whole()),
            rate: own.min(ceil),
            ceil,
            burst: BURST,
            ceil_burst: at_once(ceil),
            turn: 0,
            queue: Some(queue(bandwidth.out.bytes())),
        }
    }
}

fn at_once(rate: u64) -> u32 {
    u32::try_from(rate / LATE).unwrap_or(u32::MAX).max(QUANTUM)
}

/// A tenth of a second of all there is, and room for two of the largest packets. What waits is nobody's memory.
fn queue(out: u64) -> u32 {
    u32::try_from(out / 10).unwrap_or(u32::MAX).clamp(2 * QUANTUM, 2 << 20)
}

#[cfg(test)]
mod tests {
    use dormouse_model::AddressBlock;
    use expect_test::expect;

    use super::*;
    use crate::net::{EgressPolicy, share::Share};

    fn net(apart: bool, most: Option<&str>) -> Subnet {
        let block = AddressBlock::around([10, 77, 1, 1].into(), 27);
        let most = most.map(|typed| typed.parse().unwrap());
        Subnet {
            bridge: "dm-0badcafe-01a".into(),
            gateway: block.at(1),
            blocks: vec![block],
            vips: vec![],
            apart,
            egress: EgressPolicy::default(),
            share: Some(Share { class: Classes::of("0badcafe").network(block.at(1)), most }),
        }
    }

    #[test]
    fn numbers() {
        let classes = Classes::of("0badcafe");
        let mut rows = String::new();
        for out in ["1mbit", "100mbit", "25gbit"] {
            let bandwidth = Bandwidth::new(out.parse().unwrap());
            let of = |net: &Subnet| Shape::network(classes, &bandwidth, net).unwrap();
            for (name, shape) in [
                ("whole", Shape::whole(classes, &bandwidth)),
                ("host", Shape::host(classes, &bandwidth)),
                ("builds", of(&net(true, None))),
                ("project", of(&net(false, None))),
                ("bounded", of(&net(false, Some("200kbit")))),
                ("not bounded", of(&net(false, Some("100gbit")))),
            ] {
                let Shape { class, parent, rate, ceil, burst, ceil_burst, turn, queue } = shape;
                assert_eq!(parent.is_none(), name == "whole");
                let queue = queue.unwrap_or_default();
                rows += &format!(
                    "{out} {name} {class}: rate={rate} ceil={ceil} burst={burst} {ceil_burst} turn={turn} queue={queue}\n"
                );
            }
        }
        expect![[r#"
            1mbit whole 4153:1: rate=125000 ceil=125000 burst=65536 65536 turn=0 queue=0
            1mbit host 4153:2: rate=31250 ceil=125000 burst=32768 65536 turn=0 queue=131072
            1mbit builds 4153:1008: rate=6250 ceil=125000 burst=32768 65536 turn=1 queue=131072
            1mbit project 4153:1008: rate=1000 ceil=125000 burst=32768 65536 turn=0 queue=131072
            1mbit bounded 4153:1008: rate=1000 ceil=25000 burst=32768 65536 turn=0 queue=131072
            1mbit not bounded 4153:1008: rate=1000 ceil=125000 burst=32768 65536 turn=0 queue=131072
            100mbit whole 4153:1: rate=12500000 ceil=12500000 burst=65536 65536 turn=0 queue=0
            100mbit host 4153:2: rate=3125000 ceil=12500000 burst=32768 65536 turn=0 queue=1250000
            100mbit builds 4153:1008: rate=625000 ceil=12500000 burst=32768 65536 turn=1 queue=1250000
            100mbit project 4153:1008: rate=3051 ceil=12500000 burst=32768 65536 turn=0 queue=1250000
            100mbit bounded 4153:1008: rate=3051 ceil=25000 burst=32768 65536 turn=0 queue=1250000
            100mbit not bounded 4153:1008: rate=3051 ceil=12500000 burst=32768 65536 turn=0 queue=1250000
            25gbit whole 4153:1: rate=3125000000 ceil=3125000000 burst=3125000 3125000 turn=0 queue=0
            25gbit host 4153:2: rate=781250000 ceil=3125000000 burst=32768 3125000 turn=0 queue=2097152
            25gbit builds 4153:1008: rate=156250000 ceil=3125000000 burst=32768 3125000 turn=1 queue=2097152
            25gbit project 4153:1008: rate=762939 ceil=3125000000 burst=32768 3125000 turn=0 queue=2097152
            25gbit bounded 4153:1008: rate=25000 ceil=25000 burst=32768 65536 turn=0 queue=2097152
            25gbit not bounded 4153:1008: rate=762939 ceil=3125000000 burst=32768 3125000 turn=0 queue=2097152
        "#]]
        .assert_eq(&rows);
    }
}
