//! From snapshots to listeners.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use dormouse_model::{RouteTable, ZoneRecord};
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

/// Answer at every zone's gateway, until `shutdown`.
///
/// # Errors
/// When the sender of `tables` is gone.
pub async fn serve(
    tables: watch::Receiver<Arc<RouteTable>>,
    upstreams: Vec<SocketAddr>,
    shutdown: CancellationToken,
) -> Result<(), DnsError> {
    serve_on(PORT, tables, upstreams, shutdown).await
}

/// [`serve`] at another port.
///
/// # Errors
/// As [`serve`].
pub async fn serve_on(
    port: u16,
    mut tables: watch::Receiver<Arc<RouteTable>>,
    upstreams: Vec<SocketAddr>,
    shutdown: CancellationToken,
) -> Result<(), DnsError> {
    let upstreams: Arc<[SocketAddr]> = upstreams.into();
    let mut gateways: BTreeMap<Ipv4Addr, Gateway> = BTreeMap::new();
    loop {
        let zones = tables.borrow_and_update().zones.clone();
        let wanted: BTreeSet<_> = zones.iter().map(|z| z.gateway).collect();
        gateways.retain(|address, _| wanted.contains(address));
        for zone in zones {
            match gateways.get(&zone.gateway) {
                Some(gateway) => gateway.update(zone),
                None => drop(gateways.insert(zone.gateway, Gateway::open(zone, port, upstreams.clone()))),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = tables.changed() => changed.map_err(|_| DnsError::NoTables)?,
        }
    }
}

/// The listeners of one gateway; dropping it closes them.
struct Gateway {
    zone: watch::Sender<Arc<ZoneRecord>>,
    task: JoinHandle<()>,
}

impl Gateway {
    fn open(zone: ZoneRecord, port: u16, upstreams: Arc<[SocketAddr]>) -> Self {
        let addr = SocketAddrV4::new(zone.gateway, port);
        let (sender, zone) = watch::channel(Arc::new(zone));
        let desk = Arc::new(Desk::new(zone, upstreams));
        let task = tokio::spawn(async move {
            let (udp, tcp) = bound(addr).await;
            info!(%addr, "answering private names");
            let mut listeners = JoinSet::new();
            listeners.spawn(listen::udp(udp, desk.clone()));
            listeners.spawn(listen::tcp(tcp, desk));
            listeners.join_all().await;
        });
        Self { zone: sender, task }
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

async fn bound(addr: SocketAddrV4) -> (tokio::net::UdpSocket, tokio::net::TcpListener) {
    let mut warned = false;
    loop {
        match listen::bind(addr) {
            Ok(sockets) => return sockets,
            Err(error) if !warned => {
                warn!(%addr, %error, "cannot listen for questions yet");
                warned = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}
