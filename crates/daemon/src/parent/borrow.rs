//! Listening sockets of another of our processes, taken without its help (pidfd_getfd(2)): of an edge that shall drain, or
//! of children whose parent was killed. The sockets stay the same, so no connection that waits in a backlog is lost, and
//! it does not matter which release the other process is of.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
};

use dormouse_model::Door;
use dormouse_runtime::Process;
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use socket2::{Domain, SockRef, Type};
use tracing::warn;

/// What was taken and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Borrowed {
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    unix: Vec<UnixListener>,
}

impl Borrowed {
    /// All listening sockets of this process, as far as the kernel lets us have them.
    pub(crate) fn add(&mut self, process: &Process) {
        if let Err(error) = self.take_from(process) {
            // What is missing is bound anew; only connections that wait in the old backlogs are lost.
            warn!(pid = process.pid(), %error, "cannot take over sockets of an earlier process");
        }
    }

    fn take_from(&mut self, process: &Process) -> io::Result<()> {
        let Some(pidfd) = process.open()? else { return Ok(()) };
        for entry in fs::read_dir(format!("/proc/{}/fd", process.pid()))? {
            let entry = entry?;
            // It may be closed meanwhile.
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let fd = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let (true, Some(fd)) = (target.as_os_str().as_encoded_bytes().starts_with(b"socket:"), fd) else {
                continue;
            };
            match pidfd_getfd(&pidfd, fd, PidfdGetfdFlags::empty()) {
                Ok(socket) => self.sort(socket),
                Err(rustix::io::Errno::BADF) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Keep what listens, once; the process may have several duplicates of a socket.
    fn sort(&mut self, socket: OwnedFd) {
        let about = SockRef::from(&socket);
        let (Ok(domain), Ok(kind)) = (about.domain(), about.r#type()) else { return };
        let listens = about.is_listener().unwrap_or(false);
        if domain == Domain::UNIX && kind == Type::STREAM && listens {
            self.unix.push(socket.into());
        } else if kind == Type::STREAM && listens {
            let listener = TcpListener::from(socket);
            let addr = listener.local_addr().ok();
            if !self.tcp.iter().any(|known| known.local_addr().ok() == addr) {
                self.tcp.push(listener);
            }
        } else if domain == Domain::IPV4 && kind == Type::DGRAM {
            let socket = UdpSocket::from(socket);
            let addr = socket.local_addr().ok();
            let answers = addr.is_some_and(|a| a.port() == dormouse_dns::PORT) && socket.peer_addr().is_err();
            if answers && !self.udp.iter().any(|known| known.local_addr().ok() == addr) {
                self.udp.push(socket);
            }
        }
    }

    /// The public listener on this address.
    pub(crate) fn public(&mut self, listen: SocketAddr) -> Option<TcpListener> {
        let at = self.tcp.iter().position(|l| l.local_addr().is_ok_and(|addr| addr == listen))?;
        Some(self.tcp.swap_remove(at))
    }

    /// The listener on this path, if it still is what is found there.
    pub(crate) fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let there = |l: &UnixListener| l.local_addr().is_ok_and(|addr| addr.as_pathname() == Some(path));
        let at = self.unix.iter().position(there).filter(|_| path.exists())?;
        Some(self.unix.swap_remove(at))
    }

    /// What is between services, for the next edge.
    pub(crate) fn private(self) -> Vec<(Door, OwnedFd)> {
        let tcp = self.tcp.into_iter().filter_map(|listener| {
            let SocketAddr::V4(addr) = listener.local_addr().ok()? else { return None };
            let names = addr.port() == dormouse_dns::PORT;
            Some((if names { Door::NamesTcp } else { Door::Service }, listener.into()))
        });
        let udp = self.udp.into_iter().map(|socket| (Door::NamesUdp, socket.into()));
        tcp.chain(udp).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        process::{Command, Stdio},
    };

    use command_fds::{CommandFdExt, FdMapping};

    use super::*;

    #[test]
    fn what_another_process_listens_on() {
        let public = TcpListener::bind("127.0.0.1:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let api = UnixListener::bind(&path).unwrap();
        let (listen, other) = (public.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        // Waits in the backlog before, and is accepted after.
        let client = std::net::TcpStream::connect(listen).unwrap();
        let fds: [OwnedFd; 4] = [public.try_clone().unwrap().into(), public.into(), api.into(), other.into()];
        let mut command = Command::new("sh");
        command.args(["-c", "echo; exec sleep 60"]).stdout(Stdio::piped());
        let mappings =
            (3..).zip(fds).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        let mut child = command.fd_mappings(mappings).unwrap().spawn().unwrap();
        drop(command);
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let process = Process::find(child.id()).unwrap().unwrap();
        let mut borrowed = Borrowed::default();
        borrowed.add(&process);
        child.kill().unwrap();
        child.wait().unwrap();
        let public = borrowed.public(listen).expect("root may take another's sockets");
        assert!(borrowed.public(listen).is_none(), "one is enough");
        assert_eq!(public.accept().unwrap().1, client.local_addr().unwrap());
        assert!(borrowed.unix(&path).is_some());
        assert!(borrowed.private().is_empty(), "a socket of another use is left alone");
    }
}
