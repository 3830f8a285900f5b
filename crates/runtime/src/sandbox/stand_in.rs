//! Hosts of the outside that somebody stands in for, inside one sandbox: their names lead to its own loopback, and what listens
//! there belongs to this process. Nothing else on the host or in another sandbox can reach it, and it goes with the sandbox.

use std::{
    io,
    net::{SocketAddrV4, TcpListener},
    os::fd::{AsFd, OwnedFd},
    thread,
};

use nix::sched::{CloneFlags, setns};
use nlink::{Connection, Route, netlink::addr::Ipv4Address};
use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// A host that is stood in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// What programs look up; `None` where they know it by its address.
    pub name: Option<String>,
    /// Where they come then: on the loopback, or an address that becomes one of the sandbox's own.
    pub addr: SocketAddrV4,
}

/// Lines of `/etc/hosts`.
pub(super) fn names(stand_ins: &[StandIn]) -> String {
    let line = |s: &StandIn| Some(format!("{}\t{}\n", s.addr.ip(), s.name.as_ref()?));
    let mut lines: Vec<_> = stand_ins.iter().filter_map(line).collect();
    // One host may listen at several ports.
    lines.dedup();
    lines.concat()
}

/// A listener for each, in a network namespace.
pub(super) async fn listen(netns: OwnedFd, stand_ins: &[StandIn]) -> io::Result<Vec<TcpListener>> {
    let mut foreign: Vec<_> = stand_ins.iter().map(|s| *s.addr.ip()).filter(|ip| !ip.is_loopback()).collect();
    foreign.sort();
    foreign.dedup();
    if !foreign.is_empty() {
        let inside = Connection::<Route>::new_in(netns.as_fd()).map_err(io::Error::other)?;
        for ip in foreign {
            inside.add_address(Ipv4Address::new("lo", ip, 32)).await.map_err(io::Error::other)?;
        }
    }
    let addrs: Vec<_> = stand_ins.iter().map(|s| s.addr).collect();
    let (done, bound) = oneshot::channel();
    // A socket belongs to the namespace of the thread that makes it, so this one is never used for anything else.
    thread::Builder::new().name("stand-ins".to_owned()).spawn(move || {
        let all = setns(netns, CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .and_then(|()| addrs.into_iter().map(bind).collect());
        done.send(all).ok();
    })?;
    bound.await.unwrap_or_else(|_| Err(io::Error::other("the thread that binds broke off")))
}

fn bind(addr: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // The sandbox's first process brings its loopback up at about the same time.
    socket.set_freebind_v4(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_once() {
        let one = |name: Option<&str>, addr: &str| StandIn {
            name: name.map(str::to_owned),
            addr: addr.parse().unwrap(),
        };
        let all = [
            one(Some("a.example"), "127.0.2.1:443"),
            one(Some("a.example"), "127.0.2.1:8443"),
            one(None, "10.0.0.5:80"),
            one(Some("b.example"), "127.0.2.2:443"),
        ];
        assert_eq!(names(&all), "127.0.2.1\ta.example\n127.0.2.2\tb.example\n");
    }
}
