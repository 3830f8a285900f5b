//! Bridges: one for each project, with the platform's addresses on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use nlink::{
    Connection, Route,
    netlink::{addr::Ipv4Address, link::BridgeLink},
};

use super::{NetError, names::Names, subnet::Subnet, sysctl, veth};

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

/// What came of looking at all bridges.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Those that were not as they should be, and are now.
    pub(super) changed: BTreeSet<String>,
    /// Those that could not be made so.
    pub(super) failed: Vec<(String, NetError)>,
}

/// Make bridges, their addresses and what is plugged into them be as described, whatever there is: what can be is made, and
/// the rest told of. Asks the host for all it has at once.
pub(super) async fn settle(
    conn: &Connection<Route>,
    names: &Names,
    pool: Ipv4Addr,
    nets: &[Subnet],
) -> Result<Settled, NetError> {
    let there = interfaces(conn).await?;
    let cables: Vec<_> = there
        .iter()
        .filter_map(|(name, cable)| Some((name.as_str(), cable, names.at_the_end_of(name, pool)?)))
        .collect();
    let mut done = Settled::default();
    for net in nets {
        let bridge = there.get(&net.bridge);
        let settled = async {
            let mut changed = settle_one(conn, bridge, net).await?;
            for (name, cable, _) in cables.iter().filter(|(_, _, end)| net.block(*end).is_some()) {
                if bridge.is_none_or(|bridge| cable.master != Some(bridge.index)) {
                    changed |= veth::plug(conn, name, net).await?;
                }
            }
            Ok(changed)
        };
        match settled.await {
            Ok(true) => drop(done.changed.insert(net.bridge.clone())),
            Ok(false) => {}
            Err(error) => done.failed.push((net.bridge.clone(), error)),
        }
    }
    Ok(done)
}

/// The bridge itself; whether anything was not as it should be.
async fn settle_one(
    conn: &Connection<Route>,
    there: Option<&Interface>,
    net: &Subnet,
) -> Result<bool, NetError> {
    if there.is_none() {
        make(conn, net).await?;
    }
    let none = BTreeSet::new();
    let (has, wanted) = (there.map_or(&none, |bridge| &bridge.addresses), net.addresses());
    let missing: Vec<_> = wanted.iter().filter(|a| !has.contains(a)).collect();
    for (addr, prefix) in &missing {
        add(conn, &net.bridge, *addr, *prefix).await?;
    }
    let foreign: Vec<_> = has.iter().filter(|a| !wanted.contains(a)).collect();
    for (addr, prefix) in &foreign {
        take(conn, &net.bridge, *addr, *prefix).await?;
    }
    let is_up = there.is_some_and(|bridge| bridge.is_up);
    if !is_up {
        up(conn, &net.bridge).await?;
    }
    Ok(!(is_up && missing.is_empty() && foreign.is_empty()))
}

/// Remove a bridge; one that is not there is fine.
pub(super) async fn remove(conn: &Connection<Route>, name: &str) -> Result<(), NetError> {
    conn.del_link_if_exists(name).await.map(drop).map_err(NetError::making(format!("the bridge {name} go")))
}

/// Remove every bridge of this server.
pub(super) async fn remove_all(conn: &Connection<Route>, names: &Names) -> Result<(), NetError> {
    let ours = names.bridges();
    let mut first = Ok(());
    for name in interfaces(conn).await?.keys().filter(|n| n.starts_with(&ours)) {
        first = first.and(remove(conn, name).await);
    }
    first
}

/// An interface of the host.
#[derive(Debug)]
struct Interface {
    index: u32,
    is_up: bool,
    /// The bridge that it is plugged into.
    master: Option<u32>,
    /// Its IPv4 addresses.
    addresses: BTreeSet<(Ipv4Addr, u8)>,
}

/// Every interface of the host, by its name.
async fn interfaces(conn: &Connection<Route>) -> Result<BTreeMap<String, Interface>, NetError> {
    let links = conn.get_links().await.map_err(NetError::making("a list of interfaces"))?;
    let mut by_index: BTreeMap<u32, BTreeSet<(Ipv4Addr, u8)>> = BTreeMap::new();
    for found in conn.get_addresses().await.map_err(NetError::making("a list of addresses"))? {
        if let Some(IpAddr::V4(addr)) = found.local().or(found.address()) {
            by_index.entry(found.ifindex()).or_default().insert((*addr, found.prefix_len()));
        }
    }
    let named = |l: &nlink::netlink::messages::LinkMessage| {
        let (index, is_up, master) = (l.ifindex(), l.is_up(), l.master());
        let addresses = by_index.remove(&index).unwrap_or_default();
        Some((l.name()?.to_owned(), Interface { index, is_up, master, addresses }))
    };
    Ok(links.iter().filter_map(named).collect())
}

/// Make the bridge itself, unless it is there.
async fn make(conn: &Connection<Route>, net: &Subnet) -> Result<(), NetError> {
    let name = net.bridge.as_str();
    // An address of its own: otherwise it takes the lowest of its ports', and changes with them.
    let bridge = BridgeLink::new(name).stp(false).forward_delay_ms(0).address(veth::mac(net.gateway));
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
