//! To an instance.

use std::{io, net::SocketAddrV4, time::Duration};

use tokio::{net::TcpStream, time::timeout};

/// Connect to an instance, for at most `limit`.
pub(crate) async fn dial(addr: SocketAddrV4, limit: Duration) -> io::Result<TcpStream> {
    let stream = timeout(limit, TcpStream::connect(addr)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}
