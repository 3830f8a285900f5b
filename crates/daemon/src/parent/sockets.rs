//! The sockets that the parent holds, so that a child started again finds connections still queued.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use super::borrow::Borrowed;
use crate::{given::Purpose, handover::Offered, role::Role, state::StateDir};

/// How long the port may be held by an edge of ours that was asked to let go of it.
const RELEASE: Duration = Duration::from_secs(5);

/// Everything the children, and a successor, inherit.
pub(crate) struct Sockets {
    pub(crate) listen: SocketAddr,
    public: TcpListener,
    api: UnixListener,
    edge: UnixListener,
    /// Where a successor asks for all this.
    pub(crate) handover: UnixListener,
}

impl Sockets {
    /// Bind what none of our processes holds any more. `busy` is told when the public port is in use, and may see to it
    /// that it becomes free; false when it cannot.
    pub(crate) fn bind(
        state: &StateDir,
        listen: SocketAddr,
        borrowed: &mut Borrowed,
        busy: impl FnOnce() -> bool,
    ) -> Result<Self> {
        let public = match borrowed.public(listen) {
            Some(public) => public,
            None => free_public(listen, busy)?,
        };
        Ok(Self {
            listen: public.local_addr()?,
            public,
            api: borrowed.unix(&state.api_socket()).map_or_else(|| bind_unix(&state.api_socket()), Ok)?,
            edge: borrowed.unix(&state.edge_socket()).map_or_else(|| bind_unix(&state.edge_socket()), Ok)?,
            handover: bind_unix(&state.handover_socket())?,
        })
    }

    /// Those of the server that we take over from. Another public address than its own is bound.
    pub(crate) fn offered(offered: Offered, listen: Option<SocketAddr>) -> Result<Self> {
        let Offered { public, api, edge, handover, .. } = offered;
        let public = match listen {
            Some(listen) if listen != public.local_addr()? => free_public(listen, || false)?,
            Some(_) | None => public,
        };
        Ok(Self { listen: public.local_addr()?, public, api, edge, handover })
    }

    /// What a child of this role is started with.
    pub(crate) fn for_role(&self, role: Role) -> std::io::Result<Vec<(Purpose, OwnedFd)>> {
        Ok(match role {
            Role::Control => vec![
                (Purpose::Api, self.api.try_clone()?.into()),
                (Purpose::Edge, self.edge.try_clone()?.into()),
            ],
            Role::Edge => vec![(Purpose::Public, self.public.try_clone()?.into())],
        })
    }

    /// What a successor is given, in the order of [`Offered::ORDER`].
    pub(crate) fn offer(&self) -> [BorrowedFd<'_>; 4] {
        [self.public.as_fd(), self.api.as_fd(), self.edge.as_fd(), self.handover.as_fd()]
    }
}

fn free_public(listen: SocketAddr, busy: impl FnOnce() -> bool) -> Result<TcpListener> {
    let bound = match bind_public(listen) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && busy() => {
            let deadline = Instant::now() + RELEASE;
            loop {
                match bind_public(listen) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    bound => break bound,
                }
            }
        }
        bound => bound,
    };
    bound.with_context(|| {
        format!(
            "cannot listen on {listen}\n  hint: another program may use that port; choose another with --listen"
        )
    })
}

fn bind_public(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    // The kernel caps it at net.core.somaxconn.
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_unix(path: &Path) -> Result<UnixListener> {
    // We hold the folder's lock, so whatever is there is a dead server's.
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot remove {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!("cannot listen on {}\n  hint: the path of a Unix socket is at most 107 characters; choose a shorter --state", path.display())
    })?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
