//! From snapshots to listeners.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use dormouse_model::{Door, Keep, RouteTable, ZoneRecord};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::listen::{self, Desk};

/// Where stub resolvers ask.
pub const PORT: u16 = 53;

/// Between two attempts to bind.
const RETRY: Duration = Duration::from_millis(250);

/// Why no names are answered.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Nobody sends snapshots any more, and none is in force.
    #[error("the route tables ended")]
    NoTables,
}

/// Sockets of a process that we take over from: questions that wait in them are answered.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Bound to the port, at any address.
    pub udp: Vec<UdpSocket>,
    /// Listening there.
    pub tcp: Vec<TcpListener>,
    /// Told what else is listened on, and what no more. The above is held already by who gave it.
    pub keep: Option<Sender<Keep>>,
}

impl Inherited {
    fn take(&mut self, addr: SocketAddrV4) -> (Option<UdpSocket>, Option<TcpListener>) {
        let is = |local: io::Result<SocketAddr>| local.is_ok_and(|local| local == SocketAddr::V4(addr));
        let udp = self.udp.iter().position(|socket| is(socket.local_addr()));
        let tcp = self.tcp.iter().position(|listener| is(listener.local_addr()));
        (udp.map(|at| self.udp.swap_remove(at)), tcp.map(|at| self.tcp.swap_remove(at)))
    }
}

/// Whoever holds duplicates of the sockets, so that who asks while nobody answers waits for the next process that does.
#[derive(Debug, Clone)]
struct Holder(Option<Sender<Keep>>);

impl Holder {
    fn opened(&self, door: Door, addr: SocketAddrV4, socket: BorrowedFd<'_>) {
        let Some(holder) = &self.0 else { return };
        match socket.try_clone_to_owned() {
            // Nobody holds anything any more.
            Ok(socket) => drop(holder.send(Keep { door, addr, socket: Some(socket) })),
            Err(error) => warn!(%addr, %error, "questions would be lost were this process to end"),
        }
    }

    fn closed(&self, door: Door, addr: SocketAddrV4) {
        if let Some(holder) = &self.0 {
            let _ = holder.send(Keep { door, addr, socket: None });
        }
    }

    /// What nobody wants any more.
    fn clear(&self, inherited: &mut Inherited) {
        let addr = |local: io::Result<SocketAddr>| match local {
            Ok(SocketAddr::V4(addr)) => Some(addr),
            Ok(SocketAddr::V6(_)) | Err(_) => None,
        };
        let udp = inherited.udp.drain(..).filter_map(|s| Some((Door::NamesUdp, addr(s.local_addr())?)));
        let tcp = inherited.tcp.drain(..).filter_map(|s| Some((Door::NamesTcp, addr(s.local_addr())?)));
        udp.chain(tcp).for_each(|(door, addr)| self.closed(door, addr));
    }
}

/// Answer at every zone's gateway, until `shutdown`. What was inherited and is in no zone of the first table that has a
/// generation is closed.
///
/// # Errors
/// When the sender of `tables` is gone.
pub async fn serve(
    tables: watch::Receiver<Arc<RouteTable>>,
    upstreams: Vec<SocketAddr>,
    inherited: Inherited,
    shutdown: CancellationToken,
) -> Result<(), DnsError> {
    serve_on(PORT, tables, upstreams, inherited, shutdown).await
}

/// [`serve`] at another port.
///
/// # Errors
/// As [`serve`].
pub async fn serve_on(
    port: u16,
    mut tables: watch::Receiver<Arc<RouteTable>>,
    upstreams: Vec<SocketAddr>,
    mut inherited: Inherited,
    shutdown: CancellationToken,
) -> Result<(), DnsError> {
    let upstreams: Arc<[SocketAddr]> = upstreams.into();
    let holder = Holder(inherited.keep.take());
    let mut gateways: BTreeMap<Ipv4Addr, Gateway> = BTreeMap::new();
    loop {
        let (zones, generation) = {
            let table = tables.borrow_and_update();
            (table.zones.clone(), table.generation)
        };
        let wanted: BTreeSet<_> = zones.iter().map(|z| z.gateway).collect();
        let gone: Vec<_> = gateways.keys().filter(|address| !wanted.contains(address)).copied().collect();
        for address in gone {
            gateways.remove(&address);
            for door in [Door::NamesUdp, Door::NamesTcp] {
                holder.closed(door, SocketAddrV4::new(address, port));
            }
        }
        for zone in zones {
            match gateways.get(&zone.gateway) {
                Some(gateway) => gateway.update(zone),
                None => {
                    let sockets = inherited.take(SocketAddrV4::new(zone.gateway, port));
                    let gateway = Gateway::open(zone, port, sockets, upstreams.clone(), holder.clone());
                    gateways.insert(gateway.address, gateway);
                }
            }
        }
        if generation > 0 {
            holder.clear(&mut inherited);
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = tables.changed() => changed.map_err(|_| DnsError::NoTables)?,
        }
    }
}

/// The listeners of one gateway; dropping it closes them.
struct Gateway {
    address: Ipv4Addr,
    zone: watch::Sender<Arc<ZoneRecord>>,
    task: JoinHandle<()>,
}

impl Gateway {
    fn open(
        zone: ZoneRecord,
        port: u16,
        sockets: (Option<UdpSocket>, Option<TcpListener>),
        upstreams: Arc<[SocketAddr]>,
        holder: Holder,
    ) -> Self {
        let address = zone.gateway;
        let addr = SocketAddrV4::new(address, port);
        let (sender, zone) = watch::channel(Arc::new(zone));
        let desk = Arc::new(Desk::new(zone, upstreams));
        let task = tokio::spawn(async move {
            let (udp, tcp) = bound(addr, sockets, &holder).await;
            info!(%addr, "answering private names");
            let mut listeners = JoinSet::new();
            listeners.spawn(listen::udp(udp, desk.clone()));
            listeners.spawn(listen::tcp(tcp, desk));
            listeners.join_all().await;
        });
        Self { address, zone: sender, task }
    }

    fn update(&self, zone: ZoneRecord) {
        self.zone.send_if_modified(|old| {
            let changed = **old != zone;
            if changed {
                *old = Arc::new(zone);
            }
            changed
        });
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn bound(
    addr: SocketAddrV4,
    (mut udp, mut tcp): (Option<UdpSocket>, Option<TcpListener>),
    holder: &Holder,
) -> (tokio::net::UdpSocket, tokio::net::TcpListener) {
    let mut warned = false;
    loop {
        let held = (udp.is_some(), tcp.is_some());
        match listen::bind(addr, udp.take(), tcp.take()) {
            Ok(sockets) => {
                if !held.0 {
                    holder.opened(Door::NamesUdp, addr, sockets.0.as_fd());
                }
                if !held.1 {
                    holder.opened(Door::NamesTcp, addr, sockets.1.as_fd());
                }
                return sockets;
            }
            Err(error) if !warned => {
                warn!(%addr, %error, "cannot listen for questions yet");
                warned = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}
