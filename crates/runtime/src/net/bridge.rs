//! Bridges: one for each project, with the platform's addresses on it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use nlink::{
    Connection, Route,
    netlink::{addr::Ipv4Address, link::BridgeLink},
};

use super::{NetError, names::Names, subnet::Subnet, sysctl};

/// Make a bridge and its addresses be as described.
pub(super) async fn ensure(conn: &Connection<Route>, subnet: &Subnet) -> Result<(), NetError> {
    let name = subnet.bridge.as_str();
    let making = || NetError::making(format!("the bridge {name}"));
    if conn.get_link_by_name(name).await.map_err(making())?.is_none() {
        // An address of its own: otherwise it takes the lowest of its ports', and changes with them.
        let bridge =
            BridgeLink::new(name).stp(false).forward_delay_ms(0).address(super::veth::mac(subnet.gateway));
        conn.add_link(bridge).await.map_err(making())?;
    }
    sysctl::no_ipv6(name)?;
    let wanted: BTreeSet<(Ipv4Addr, u8)> =
        subnet.vips.iter().map(|v| (v.addr, 32)).chain([(subnet.gateway, subnet.prefix)]).collect();
    let there = conn.get_addresses_by_name(name).await.map_err(making())?;
    let there: BTreeSet<(Ipv4Addr, u8)> = there
        .iter()
        .filter_map(|a| match a.local().or(a.address()) {
            Some(IpAddr::V4(addr)) => Some((*addr, a.prefix_len())),
            _other => None,
        })
        .collect();
    // The gateway first: without it the others have no network to be on.
    let gateway = (subnet.gateway, subnet.prefix);
    let missing = wanted.difference(&there).copied();
    let (first, rest): (Vec<_>, Vec<_>) = missing.partition(|a| *a == gateway);
    for (addr, prefix) in first.into_iter().chain(rest) {
        conn.add_address(Ipv4Address::new(name, addr, prefix)).await.map_err(making())?;
    }
    for (addr, prefix) in there.difference(&wanted) {
        conn.del_address_if_exists(name, (*addr).into(), *prefix).await.map_err(making())?;
    }
    conn.set_link_up(name).await.map_err(making())
}

/// Remove a bridge; one that is not there is fine.
pub(super) async fn remove(conn: &Connection<Route>, name: &str) -> Result<(), NetError> {
    conn.del_link_if_exists(name).await.map(drop).map_err(NetError::making(format!("the bridge {name} go")))
}

/// Remove every bridge of this server.
pub(super) async fn remove_all(conn: &Connection<Route>, names: &Names) -> Result<(), NetError> {
    let links = conn.get_links().await.map_err(NetError::making("a list of interfaces"))?;
    let ours = names.bridges();
    let mut first = Ok(());
    for name in links.iter().filter_map(|l| l.name()).filter(|n| n.starts_with(&ours)) {
        first = first.and(remove(conn, name).await);
    }
    first
}
