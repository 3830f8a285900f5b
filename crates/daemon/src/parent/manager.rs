//! Telling a service manager how we are (sd_notify(3)): that we serve, and who is the main process after a hand-over.

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
};

use tracing::warn;

/// Where the manager listens; not set when there is none.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tell it, if there is one.
pub(super) fn tell(what: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let address = match socket.to_str().and_then(|name| name.strip_prefix('@')) {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(Path::new(&socket)),
    };
    let told = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address));
    if let Err(error) = told {
        warn!(%error, "cannot tell the service manager");
    }
}
