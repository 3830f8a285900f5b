//! Bridges: one for each project, with the platform's addresses on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use nlink::{
    Connection, Route,
    netlink::{addr::Ipv4Address, link::BridgeLink},
};

use super::{NetError, names::Names, subnet::Subnet, sysctl};

/// Make a bridge and its addresses be as described; `old` is what it was like before.
pub(super) async fn ensure(
    conn: &Connection<Route>,
    old: Option<&Subnet>,
    net: &Subnet,
) -> Result<(), NetError> {
    let name = net.bridge.as_str();
    let wanted = net.addresses();
    make(conn, net).await?;
    for (addr, prefix) in &wanted {
        add(conn, name, *addr, *prefix).await?;
    }
    let old = old.map(Subnet::addresses).unwrap_or_default();
    for (addr, prefix) in old.iter().filter(|a| !wanted.contains(a)) {
        take(conn, name, *addr, *prefix).await?;
    }
    up(conn, name).await
}

/// Make bridges and their addresses be as described, whatever there is: what can be is made, and the rest told of. Asks
/// the host for all it has at once.
pub(super) async fn settle(
    conn: &Connection<Route>,
    nets: &[Subnet],
) -> Result<Vec<(String, NetError)>, NetError> {
    let mut there = addresses(conn).await?;
    let mut failed = Vec::new();
    for net in nets {
        let there = there.remove(&net.bridge);
        let settled = async {
            if there.is_none() {
                make(conn, net).await?;
            }
            let there = there.unwrap_or_default();
            let wanted = net.addresses();
            for (addr, prefix) in wanted.iter().filter(|a| !there.contains(a)) {
                add(conn, &net.bridge, *addr, *prefix).await?;
            }
            for (addr, prefix) in there.iter().filter(|a| !wanted.contains(a)) {
                take(conn, &net.bridge, *addr, *prefix).await?;
            }
            up(conn, &net.bridge).await
        };
        if let Err(error) = settled.await {
            failed.push((net.bridge.clone(), error));
        }
    }
    Ok(failed)
}

/// Remove a bridge; one that is not there is fine.
pub(super) async fn remove(conn: &Connection<Route>, name: &str) -> Result<(), NetError> {
    conn.del_link_if_exists(name).await.map(drop).map_err(NetError::making(format!("the bridge {name} go")))
}

/// Remove every bridge of this server.
pub(super) async fn remove_all(conn: &Connection<Route>, names: &Names) -> Result<(), NetError> {
    let ours = names.bridges();
    let mut first = Ok(());
    for name in addresses(conn).await?.keys().filter(|n| n.starts_with(&ours)) {
        first = first.and(remove(conn, name).await);
    }
    first
}

/// Every interface of the host, and its IPv4 addresses.
async fn addresses(conn: &Connection<Route>) -> Result<BTreeMap<String, BTreeSet<(Ipv4Addr, u8)>>, NetError> {
    let links = conn.get_links().await.map_err(NetError::making("a list of interfaces"))?;
    let mut by_index: BTreeMap<u32, BTreeSet<(Ipv4Addr, u8)>> = BTreeMap::new();
    for found in conn.get_addresses().await.map_err(NetError::making("a list of addresses"))? {
        if let Some(IpAddr::V4(addr)) = found.local().or(found.address()) {
            by_index.entry(found.ifindex()).or_default().insert((*addr, found.prefix_len()));
        }
    }
    let named = |l: &nlink::netlink::messages::LinkMessage| {
        Some((l.name()?.to_owned(), by_index.remove(&l.ifindex()).unwrap_or_default()))
    };
    Ok(links.iter().filter_map(named).collect())
}

/// Make the bridge itself, unless it is there.
async fn make(conn: &Connection<Route>, net: &Subnet) -> Result<(), NetError> {
    let name = net.bridge.as_str();
    // An address of its own: otherwise it takes the lowest of its ports', and changes with them.
    let bridge = BridgeLink::new(name).stp(false).forward_delay_ms(0).address(super::veth::mac(net.gateway));
    unless_there(name, conn.add_link(bridge).await)?;
    sysctl::no_ipv6(name)
}

async fn add(conn: &Connection<Route>, name: &str, addr: Ipv4Addr, prefix: u8) -> Result<(), NetError> {
    unless_there(name, conn.add_address(Ipv4Address::new(name, addr, prefix)).await)
}

async fn take(conn: &Connection<Route>, name: &str, addr: Ipv4Addr, prefix: u8) -> Result<(), NetError> {
    conn.del_address_if_exists(name, addr.into(), prefix).await.map(drop).map_err(making(name))
}

async fn up(conn: &Connection<Route>, name: &str) -> Result<(), NetError> {
    conn.set_link_up(name).await.map_err(making(name))
}

fn unless_there(name: &str, done: Result<(), nlink::Error>) -> Result<(), NetError> {
    match done {
        Err(e) if !e.is_already_exists() => Err(making(name)(e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn making(name: &str) -> impl FnOnce(nlink::Error) -> NetError {
    NetError::making(format!("the bridge {name}"))
}
