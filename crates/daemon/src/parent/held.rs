//! Sockets between services that the parent holds, beside the edge that listens on them: who calls another service while there is
//! no edge waits in their backlogs for the next one, and is not refused. The edge says what to hold (`FromChild::Keeps`).

use std::{
    collections::BTreeMap,
    net::{SocketAddr, SocketAddrV4},
    os::fd::OwnedFd,
};

use dormouse_model::Door;
use socket2::SockRef;
use tracing::warn;

use crate::given::Purpose;

/// Longest list of names that a child is started with; the kernel takes 128 KiB of one variable (execve(2)).
const LONGEST: usize = 100_000;

/// What is held.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<(Door, SocketAddrV4), OwnedFd>);

impl Held {
    /// Those of an edge that was before.
    pub(super) fn taken(borrowed: Vec<(Door, OwnedFd)>) -> Self {
        let addressed = borrowed.into_iter().filter_map(|(door, socket)| {
            let addr = SockRef::from(&socket).local_addr().ok()?.as_socket();
            match addr? {
                SocketAddr::V4(addr) => Some(((door, addr), socket)),
                SocketAddr::V6(_) => None,
            }
        });
        Self(addressed.collect())
    }

    /// Hold this one, and no other of its address: nobody would take what waits in that.
    pub(super) fn keep(&mut self, door: Door, addr: SocketAddrV4, socket: OwnedFd) {
        self.0.insert((door, addr), socket);
    }

    pub(super) fn let_go(&mut self, door: Door, addr: SocketAddrV4) {
        self.0.remove(&(door, addr));
    }

    /// Duplicates of all, for the next edge. What cannot be passed on is not held either: that edge will listen there anew.
    pub(super) fn duplicates(&mut self) -> Vec<(Purpose, OwnedFd)> {
        let (mut out, mut length, before) = (Vec::new(), 0, self.0.len());
        self.0.retain(|(door, _), socket| {
            let purpose = Purpose::of(*door);
            length += purpose.name().len() + 1;
            match socket.try_clone() {
                Ok(duplicate) if length <= LONGEST => {
                    out.push((purpose, duplicate));
                    true
                }
                Ok(_) | Err(_) => false,
            }
        });
        if self.0.len() < before {
            warn!(lost = before - self.0.len(), "calls that wait at some services are lost");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn v4(addr: SocketAddr) -> SocketAddrV4 {
        match addr {
            SocketAddr::V4(addr) => addr,
            SocketAddr::V6(addr) => panic!("{addr}"),
        }
    }

    #[test]
    fn who_connects_while_nobody_listens_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, names) = (listener.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut held = Held::taken(vec![(Door::NamesUdp, names.into())]);
        held.keep(Door::Service, v4(addr), listener.into());
        let client = TcpStream::connect(addr).unwrap();
        let mut given = held.duplicates();
        assert_eq!(given.iter().map(|(p, _)| p.name()).collect::<Vec<_>>(), ["private", "names-udp"]);
        assert_eq!(held.duplicates().len(), 2, "for the one after, too");
        let listener = TcpListener::from(given.remove(0).1);
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
        drop((listener, client));
        held.let_go(Door::Service, v4(addr));
        assert!(TcpStream::connect(addr).is_err(), "nobody would ever answer");
    }

    #[test]
    fn no_more_than_can_be_passed_on() {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut held = Held::default();
        let ports = u16::try_from(LONGEST / "private:".len() + 7).unwrap();
        for port in 1..=ports {
            // The same few descriptors would do as well; what counts is how many there are.
            if let Ok(socket) = one.try_clone() {
                held.keep(Door::Service, SocketAddrV4::new([10, 0, 0, 1].into(), port), socket.into());
            }
        }
        let given = held.duplicates().len();
        assert!(given <= LONGEST / "private:".len());
        assert_eq!(held.0.len(), given);
    }
}
