//! One gateway's two sockets, and those who ask there.

use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV4, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    sync::Arc,
    time::Duration,
};

use dormouse_model::ZoneRecord;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::{debug, warn};

use crate::{
    answer::{Answer, answer, belongs, unreachable},
    forward,
};

/// Questions in the air at once for one network; beyond that they are dropped, and asked again by who wants to know.
const AT_ONCE: usize = 256;

/// A TCP connection that says nothing for this long is closed.
const TCP_IDLE: Duration = Duration::from_secs(10);

/// What the listeners of one gateway share.
pub(crate) struct Desk {
    pub(crate) zone: watch::Receiver<Arc<ZoneRecord>>,
    pub(crate) upstreams: Arc<[SocketAddr]>,
    room: Semaphore,
}

impl Desk {
    pub(crate) fn new(zone: watch::Receiver<Arc<ZoneRecord>>, upstreams: Arc<[SocketAddr]>) -> Self {
        Self { zone, upstreams, room: Semaphore::new(AT_ONCE) }
    }

    fn serves(&self, peer: SocketAddr) -> bool {
        match peer.ip() {
            IpAddr::V4(ip) => belongs(&self.zone.borrow(), ip),
            IpAddr::V6(_) => false,
        }
    }

    fn answer(&self, query: &[u8]) -> Answer {
        answer(&self.zone.borrow(), query)
    }
}

/// Both sockets: those of a process that we take over from, as far as there are any, and otherwise new ones. The address
/// need not exist yet (IP_FREEBIND), and another process of ours that is being replaced may still hold it (SO_REUSEPORT).
pub(crate) fn bind(
    addr: SocketAddrV4,
    udp: Option<StdUdpSocket>,
    tcp: Option<StdTcpListener>,
) -> io::Result<(UdpSocket, TcpListener)> {
    let socket = |kind, protocol| -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, kind, Some(protocol))?;
        socket.set_freebind_v4(true)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::V4(addr).into())?;
        Ok(socket)
    };
    let new_udp = || socket(Type::DGRAM, Protocol::UDP).map(StdUdpSocket::from);
    let new_tcp = || -> io::Result<StdTcpListener> {
        let tcp = socket(Type::STREAM, Protocol::TCP)?;
        tcp.listen(128)?;
        Ok(tcp.into())
    };
    let (udp, tcp) = (udp.map_or_else(new_udp, Ok)?, tcp.map_or_else(new_tcp, Ok)?);
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?))
}

/// Answer datagrams for ever.
pub(crate) async fn udp(socket: UdpSocket, desk: Arc<Desk>) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; 4096];
    loop {
        let (n, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                warn!(%error, "cannot receive questions");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !desk.serves(peer) {
            continue;
        }
        match desk.answer(&buffer[..n]) {
            Answer::Ignore => {}
            // Not worth an error: who asked asks again.
            Answer::Reply(reply) => drop(socket.send_to(&reply, peer).await),
            Answer::Forward => {
                let (socket, desk, query) = (socket.clone(), desk.clone(), buffer[..n].to_vec());
                tokio::spawn(async move {
                    let Ok(_room) = desk.room.try_acquire() else { return };
                    let reply = forward::by_udp(&desk.upstreams, &query)
                        .await
                        .inspect_err(|error| debug!(%error, "cannot forward"))
                        .ok()
                        .or_else(|| unreachable(&query));
                    if let Some(reply) = reply {
                        drop(socket.send_to(&reply, peer).await);
                    }
                });
            }
        }
    }
}

/// Answer connections for ever.
pub(crate) async fn tcp(listener: TcpListener, desk: Arc<Desk>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if desk.serves(peer) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &desk).await {
                        debug!(%error, "a connection ended early");
                    }
                });
            }
            Ok(_) => {}
            Err(error) => {
                warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let Ok(_room) = desk.room.try_acquire() else { return Ok(()) };
    while let Ok(query) = timeout(TCP_IDLE, forward::read_message(&mut stream)).await {
        let Some(query) = query? else { break };
        let reply = match desk.answer(&query) {
            Answer::Ignore => break,
            Answer::Reply(reply) => Some(reply),
            Answer::Forward => {
                forward::by_tcp(&desk.upstreams, &query).await.ok().or_else(|| unreachable(&query))
            }
        };
        match reply {
            Some(reply) => forward::write_message(&mut stream, &reply).await?,
            None => break,
        }
    }
    Ok(())
}
