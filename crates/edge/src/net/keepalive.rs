//! What the kernel finds out about connections by itself: who vanished without a word, and who takes nothing.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Watch over a visitor's connection: it is cut when for this long the peer has not confirmed anything, or has made no room for
/// what it is to get.
pub(crate) fn of_visitor(stream: &TcpStream, patience: Duration) {
    // All only make things better. The timeout ends a connection at the first probe behind it that is not answered
    // (tcp(7)), so probes begin early enough for three.
    let _ = stream.set_nodelay(true);
    let probes = TcpKeepalive::new().with_time(patience / 2).with_interval(patience / 6).with_retries(3);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&probes);
    let _ = socket.set_tcp_user_timeout(Some(patience));
}

/// The same for a service that calls another. It may take nothing for days, while it sleeps; that it vanished is found out
/// within two minutes.
pub(crate) fn of_service(stream: &TcpStream) {
    // Both only make things better.
    let _ = stream.set_nodelay(true);
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(75))
        .with_interval(Duration::from_secs(15))
        .with_retries(3);
    let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
}
