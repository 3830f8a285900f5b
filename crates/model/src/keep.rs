//! Sockets that outlive the process that listens on them.

use std::{net::SocketAddrV4, os::fd::OwnedFd};

use serde::{Deserialize, Serialize};

/// What a socket between services is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Calls to a service, at the platform's own address for it.
    Service,
    /// Questions for private names.
    NamesUdp,
    /// The same over connections.
    NamesTcp,
}

/// Tells whoever outlives an edge what to hold a duplicate of: who connects or asks while there is no edge then waits for the
/// next one, and is not refused.
#[derive(Debug)]
pub struct Keep {
    /// What the socket is for.
    pub door: Door,
    /// Where it listens.
    pub addr: SocketAddrV4,
    /// A duplicate of it, in place of what was held of this address before; `None` when nobody listens there any more.
    pub socket: Option<OwnedFd>,
}
