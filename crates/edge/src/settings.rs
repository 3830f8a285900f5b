//! What an operator can turn, resolved.

use std::{io, net::IpAddr, os::fd::BorrowedFd, time::Duration};

use dormouse_model::Classes;

use crate::Cidr;

/// Most connections of visitors, however large the machine.
const MOST: u64 = 65_536;

/// Bytes of the machine's memory for each of them: all busy with large heads at once, they take half of it.
const MEMORY_EACH: u64 = 128 << 10;

/// Connections that each service may have at least: more than the pools of any framework.
const EACH: usize = 1_024;

/// How the edge behaves. Times and sizes only: what is served comes from the route table.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// Threads that carry traffic; one per core by default.
    pub workers: usize,
    /// Most open connections of clients. One address has at most as many as are still free; what is more is turned away.
    pub max_connections: usize,
    /// The same for connections between services, of which one project has at most as many as are still free.
    pub max_private: usize,
    /// And of those, the most to one service. What is more waits in the backlog.
    pub max_private_each: usize,
    /// Longest time a request waits for its service to wake. Stays below what clients and load balancers in front
    /// put up with; a cold start of a large Python app takes tens of seconds.
    pub hold_timeout: Duration,
    /// How long a request for a host that no table names is held until the first table has come. The process that
    /// decides is back within seconds when it can come back at all.
    pub table_timeout: Duration,
    /// How long a request whose instance refuses connections waits for a new table before it is answered with 502.
    pub settle_timeout: Duration,
    /// Time for a connection to an instance.
    pub connect_timeout: Duration,
    /// Time a client has to send a whole request head, from its first byte.
    pub header_timeout: Duration,
    /// How long we wait in all for a client to bring the next [`Self::body_least`] bytes of a request's body.
    pub body_window: Duration,
    /// Bytes of a body that have to come in each [`Self::body_window`].
    pub body_least: u64,
    /// How long a client may take nothing of what it is to get, or leave it unconfirmed.
    pub stall_timeout: Duration,
    /// How long a client connection may stay open without a request.
    pub keep_alive: Duration,
    /// Most header lines of a request.
    pub max_headers: usize,
    /// Most bytes of a request head; at least 8192.
    pub max_header_bytes: usize,
    /// How long a connection to an instance is kept for reuse. Below the 5 s after which uvicorn and Node.js close
    /// theirs, so that a request seldom meets a connection that is just being closed.
    pub pool_idle: Duration,
    /// How long requests may take to be answered after we were asked to stop.
    pub drain_timeout: Duration,
    /// The same for calls between services that no visitor waits behind: a worker's question to its queue may wait for
    /// ever.
    pub drain_calls: Duration,
    /// How long connections may go on after another edge has taken over. Long enough for a working day of WebSockets and
    /// connection pools; each edge that waits for them costs some megabytes.
    pub hand_over_timeout: Duration,
    /// Peers whose `X-Forwarded-*` headers are kept and extended, and who may have as many connections as there are. From all
    /// others the headers are replaced.
    pub trusted_proxies: Vec<Cidr>,
    /// What `X-Forwarded-Proto` says unless a trusted proxy has said it: how visitors reach whatever stands before us.
    pub scheme: Scheme,
    /// What `X-Forwarded-Port` says in the same case; the listener's own where it is not set.
    pub public_port: Option<u16>,
    /// Where what leaves the host is divided between projects: how answers to visitors are counted.
    pub counting: Option<Counting>,
}

/// How visitors reach what stands before the edge, or the edge itself, which speaks no TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// As it is.
    #[default]
    Http,
    /// Something ends TLS before us.
    Https,
}

impl Scheme {
    /// As it begins a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How answers to visitors are counted. Takes a privilege: to administer the host's network.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// With these classes.
    pub classes: Classes,
    /// How much of what was sent a client has not confirmed.
    pub unconfirmed: Unconfirmed,
}

/// Tells how many bytes that were written to a TCP connection its peer has not confirmed.
pub type Unconfirmed = fn(BorrowedFd<'_>) -> io::Result<u32>;

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 16_384,
            max_private: 8_192,
            max_private_each: EACH,
            hold_timeout: Duration::from_secs(120),
            table_timeout: Duration::from_secs(30),
            settle_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            body_window: Duration::from_secs(60),
            body_least: 6_000,
            stall_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(75),
            max_headers: 100,
            max_header_bytes: 64 * 1024,
            pool_idle: Duration::from_secs(4),
            drain_timeout: Duration::from_secs(30),
            drain_calls: Duration::from_secs(5),
            hand_over_timeout: Duration::from_secs(12 * 3600),
            trusted_proxies: Vec::new(),
            scheme: Scheme::Http,
            public_port: None,
            counting: None,
        }
    }
}

impl EdgeSettings {
    /// As many connections as a process may have that opens so many files, on a machine with so many bytes of memory; or
    /// as many as are `wanted`, if they can be opened.
    ///
    /// A connection takes two files, and a request head in it up to [`Self::max_header_bytes`] of memory.
    #[must_use]
    pub fn fitted(self, files: u64, memory: u64, wanted: Option<u64>) -> Self {
        // Half of the files for visitors, a quarter for services, the rest for listeners and connections that are kept.
        let visitors = (files / 4).min(wanted.unwrap_or((memory / MEMORY_EACH).min(MOST)));
        let max_connections = usize::try_from(visitors).unwrap_or(usize::MAX);
        let max_private = max_connections / 2;
        Self { max_connections, max_private, max_private_each: (max_private / 8).max(EACH), ..self }
    }

    /// Whether visitors come through this peer.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|block| block.contains(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_the_machine() {
        for (files, gib, wanted, connections, private, each) in [
            (1_024, 8, None, 256, 128, 1_024),
            // Bug: as many as 49,152 files would hold were taken, and accepting failed for everybody.
            (20_000, 8, None, 5_000, 2_500, 1_024),
            (65_536, 2, None, 16_384, 8_192, 1_024),
            (524_288, 2, None, 16_384, 8_192, 1_024),
            (524_288, 4, None, 32_768, 16_384, 2_048),
            (1 << 30, 64, None, 65_536, 32_768, 4_096),
            (65_536, 8, Some(100), 100, 50, 1_024),
            (1 << 30, 64, Some(200_000), 200_000, 100_000, 12_500),
            (1_024, 8, Some(4_096), 256, 128, 1_024),
        ] {
            let fitted = EdgeSettings::default().fitted(files, gib << 30, wanted);
            let got = (fitted.max_connections, fitted.max_private, fitted.max_private_each);
            assert_eq!(got, (connections, private, each), "{files} files, {gib} GiB, {wanted:?}");
        }
    }
}
