//! How many connections each network may have through this host: the kernel remembers so many for all (`nf_conntrack_max`).

use nlink::netlink::nftables::{DynsetExpr, DynsetOp, ElementStatement, Expr, MetaKey, Rule, Set};

use super::{
    FAMILY,
    members::{IFNAME, at},
};

/// For each bridge, the connections that have come from it. The kernel drops those that have no more. `nft`
/// shows their names as empty ones: it reads a name that stands alone from its other end.
const CONNECTIONS: &str = "connections";

/// Connections that one network may have at a time. A host of 4 GiB remembers 262,144.
const MOST: u32 = 8192;

/// As many bridges as a set has room for when a rule adds to it.
const BRIDGES: u32 = 65_535;

pub(super) fn set(table: &str) -> Set {
    Set::new(table, CONNECTIONS).family(FAMILY).key_type(IFNAME).dynamic().size(BRIDGES)
}

/// Let `rule` go on only with what would be one connection more than that.
pub(super) fn too_many(rule: Rule) -> Rule {
    let over = ElementStatement::Connlimit { count: MOST, over: true };
    let count = DynsetExpr::new(DynsetOp::Add, CONNECTIONS, at(0)).statement(over);
    rule.expr(Expr::Meta { dreg: at(0), key: MetaKey::IifName }).expr(count)
}
