//! The cable between a sandbox and a bridge.

use std::{
    net::Ipv4Addr,
    os::fd::{AsFd, OwnedFd},
};

use dormouse_model::AddressBlock;
use nlink::{
    Connection, Route,
    netlink::{
        addr::Ipv4Address,
        link::{BridgePortConfig, LinkCreateExt, VethLink},
        route::Ipv4Route,
    },
};

use super::{NetError, names::Names, subnet::Subnet};

/// Where a sandbox is plugged in.
#[derive(Debug)]
pub(super) struct Port {
    bridge: String,
    addr: Ipv4Addr,
    /// Prefix length of the block that the address lies in.
    prefix: u8,
    gateway: Ipv4Addr,
    /// Whether it sees only the gateway, and none of the others on the bridge.
    alone: bool,
}

impl Port {
    /// The port on `net` for `addr`.
    pub(super) fn on(net: &Subnet, addr: Ipv4Addr) -> Self {
        Self {
            bridge: net.bridge.clone(),
            addr,
            prefix: net.block(addr).map_or(32, AddressBlock::prefix),
            gateway: net.gateway,
            alone: net.apart,
        }
    }
}

/// What the interface is called inside.
const INSIDE: &str = "eth0";

/// Plug a network namespace in. The cable goes when the namespace does.
pub(super) async fn attach(names: &Names, port: &Port, netns: &OwnedFd) -> Result<(), NetError> {
    let cable = names.cable(port.addr);
    let making = || NetError::making(format!("the cable {cable} to {}", port.addr));
    let conn = Connection::<Route>::new().map_err(making())?;
    let veth = || {
        VethLink::new(&cable, INSIDE)
            .address(host_mac(port.addr))
            .peer_address(mac(port.addr))
            .peer_netns_fd(netns)
            .master(port.bridge.as_str())
    };
    match conn.add_link(veth()).await {
        // Of an instance that has just ended: the kernel takes namespaces apart in its own time.
        Err(e) if e.is_already_exists() => {
            conn.del_link_if_exists(cable.as_str()).await.map_err(making())?;
            conn.add_link(veth()).await.map_err(making())?;
        }
        other => other.map_err(making())?,
    }
    if port.alone {
        let isolated = BridgePortConfig::new().isolated(true);
        conn.set_bridge_port(cable.as_str(), isolated).await.map_err(making())?;
    }
    super::sysctl::no_ipv6(&cable)?;
    conn.set_link_up(cable.as_str()).await.map_err(making())?;
    let inside = Connection::<Route>::new_in(netns.as_fd()).map_err(making())?;
    inside.add_address(Ipv4Address::new(INSIDE, port.addr, port.prefix)).await.map_err(making())?;
    inside.set_link_up(INSIDE).await.map_err(making())?;
    // On the link also where it lies in another block than the address.
    let out = Ipv4Route::default_route().gateway(port.gateway).dev(INSIDE).onlink();
    inside.add_route(out).await.map_err(making())
}

/// Plug a cable that is there into the bridge it belongs to, as that may have been made anew; false when it is gone by now,
/// with its namespace.
pub(super) async fn plug(conn: &Connection<Route>, cable: &str, net: &Subnet) -> Result<bool, NetError> {
    let plugged = async {
        conn.set_link_master(cable, net.bridge.as_str()).await?;
        if net.apart {
            conn.set_bridge_port(cable, BridgePortConfig::new().isolated(true)).await?;
        }
        conn.set_link_up(cable).await
    };
    match plugged.await {
        Ok(()) => Ok(true),
        Err(e) if e.is_not_found() || e.is_no_device() => Ok(false),
        Err(e) => Err(NetError::making(format!("the cable {cable} to {}", net.bridge))(e)),
    }
}

/// The hardware address of `addr`: the same one each time the address is given out, so that no neighbour's memory of
/// an earlier holder is wrong.
pub(super) fn mac(addr: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = addr.octets();
    [0x02, 0x42, a, b, c, d]
}

fn host_mac(addr: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = addr.octets();
    [0x06, 0x42, a, b, c, d]
}
