//! The TCP connections of a network namespace (`sock_diag(7)`).

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    time::Duration,
};

use dormouse_model::{Call, Time, clock};
use nlink::{
    Connection,
    netlink::SockDiag,
    sockdiag::{InetSocket, SocketFilter, SocketInfo, SocketState, TcpInfo, TcpState},
};
use tokio::task::spawn_blocking;

use super::threads;

/// The connections that were opened from within the network namespace of `init`, unless one of the sides has ended;
/// `procs` are the processes that may wait for their bytes. From `gateway` the edge connects, whoever listens.
pub(crate) async fn calls(init: u32, gateway: Option<Ipv4Addr>, procs: Vec<u32>) -> io::Result<Vec<Call>> {
    let (all, at) = sockets(init).await?;
    let edge = gateway.map(IpAddr::V4);
    let listening: BTreeSet<u16> = all.iter().filter(|s| s.is_listening()).map(|s| s.local.port()).collect();
    let open = |s: &&InetSocket| {
        is_open(s) && !listening.contains(&s.local.port()) && Some(s.remote.ip().to_canonical()) != edge
    };
    let opened: Vec<(u32, Call)> = all.iter().filter(open).map(|s| (s.inode, call(s, at))).collect();
    // Looking at threads costs more, and only what came last from the other side leaves a question open.
    let asked: BTreeSet<u32> = opened.iter().filter(|(_, c)| c.received >= c.sent).map(|(i, _)| *i).collect();
    let awaited = match asked.is_empty() {
        true => BTreeSet::new(),
        false => spawn_blocking(move || threads::awaited(&procs, &asked)).await.map_err(io::Error::other)?,
    };
    Ok(opened.into_iter().map(|(inode, c)| Call { awaited: awaited.contains(&inode), ..c }).collect())
}

/// Whether bytes lie unread on a connection of the network namespace of `init` that came within `lately` from elsewhere
/// than `gateway`.
pub(crate) async fn unread(init: u32, gateway: Ipv4Addr, lately: Duration) -> io::Result<bool> {
    let (all, at) = sockets(init).await?;
    let is = |s: &InetSocket| {
        s.recv_q > 0
            && matches!(s.state, SocketState::Tcp(TcpState::Established | TcpState::CloseWait))
            && s.remote.ip().to_canonical() != IpAddr::V4(gateway)
            && call(s, at).received.is_some_and(|received| at.since(received) <= lately)
    };
    Ok(all.iter().any(is))
}

/// Every TCP socket there, and when it was looked at.
async fn sockets(init: u32) -> io::Result<(Vec<InetSocket>, Time)> {
    let namespace = File::open(format!("/proc/{init}/ns/net"))?;
    let conn = Connection::<SockDiag>::new_in(namespace.as_fd()).map_err(io::Error::other)?;
    let filter = SocketFilter::tcp().all_states().with_tcp_info().build();
    let all = conn.query(&filter).await.map_err(io::Error::other)?;
    Ok((all.iter().filter_map(SocketInfo::as_inet).cloned().collect(), clock::now()))
}

/// Whether both sides may still say something that the instance hears.
fn is_open(s: &InetSocket) -> bool {
    let is = |state| s.state == SocketState::Tcp(state);
    // Of the two last it has said all it has to say, and waits; unless it has let go of it.
    is(TcpState::SynSent)
        || is(TcpState::Established)
        || (s.inode != 0 && (is(TcpState::FinWait1) || is(TcpState::FinWait2)))
}

fn call(s: &InetSocket, at: Time) -> Call {
    let info = s.tcp_info.clone().unwrap_or_default();
    let ago = |ms: u32| at.before(Duration::from_millis(ms.into()));
    let connecting = s.state == SocketState::Tcp(TcpState::SynSent);
    // What the other side has not taken yet is on its way.
    let sending = connecting || s.send_q > 0;
    let TcpInfo { bytes_sent, bytes_received, last_data_sent, last_data_recv, .. } = info;
    Call {
        to: SocketAddr::new(s.remote.ip().to_canonical(), s.remote.port()),
        sent: if sending { Some(at) } else { (bytes_sent > 0).then(|| ago(last_data_sent)) },
        received: (bytes_received > 0).then(|| ago(last_data_recv)),
        segments_sent: info.data_segs_out,
        round_trip: Duration::from_micros(info.rtt.into()),
        awaited: false,
    }
}
