//! What an operator can turn, resolved.

use std::{net::IpAddr, time::Duration};

use crate::Cidr;

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
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 16_384,
            max_private: 8_192,
            max_private_each: 1_024,
            hold_timeout: Duration::from_secs(120),
            table_timeout: Duration::from_secs(30),
            settle_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            max_headers: 100,
            max_header_bytes: 64 * 1024,
            pool_idle: Duration::from_secs(4),
            drain_timeout: Duration::from_secs(30),
            drain_calls: Duration::from_secs(5),
            hand_over_timeout: Duration::from_secs(12 * 3600),
            trusted_proxies: Vec::new(),
        }
    }
}

impl EdgeSettings {
    /// Whether visitors come through this peer.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|block| block.contains(peer))
    }
}
