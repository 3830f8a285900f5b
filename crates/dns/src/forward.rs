//! Asking the host's resolvers. The datagram goes through as it is; only its way is ours.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// How long one resolver may take. A stub resolver asks again after 5 s (resolv.conf(5)), so two must fit.
const PATIENCE: Duration = Duration::from_secs(2);

/// Largest UDP message (RFC 6891 lets both sides agree on any size).
const MAX_DATAGRAM: usize = 65_535;

/// Ask by UDP, resolver after resolver, each twice at most.
pub(crate) async fn by_udp(upstreams: &[SocketAddr], query: &[u8]) -> io::Result<Vec<u8>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no resolvers");
    for upstream in upstreams.iter().chain(upstreams) {
        match timeout(PATIENCE, ask_udp(*upstream, query)).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{upstream} does not answer")),
        }
    }
    Err(last)
}

async fn ask_udp(upstream: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any = if upstream.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    // A port of its own for every question: what a forger has to guess besides the id.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(upstream).await?;
    socket.send(query).await?;
    let mut reply = vec![0; MAX_DATAGRAM];
    loop {
        let n = socket.recv(&mut reply).await?;
        if n >= 2 && query.len() >= 2 && reply[..2] == query[..2] {
            reply.truncate(n);
            return Ok(reply);
        }
    }
}

/// Ask by TCP, resolver after resolver.
pub(crate) async fn by_tcp(upstreams: &[SocketAddr], query: &[u8]) -> io::Result<Vec<u8>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no resolvers");
    for upstream in upstreams {
        let ask = async {
            let mut stream = TcpStream::connect(upstream).await?;
            write_message(&mut stream, query).await?;
            read_message(&mut stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        match timeout(PATIENCE * 2, ask).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{upstream} does not answer")),
        }
    }
    Err(last)
}

/// One message of a TCP stream: two octets of length, then the message (RFC 1035 §4.2.2). `None` at the end.
pub(crate) async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// The counterpart of [`read_message`].
pub(crate) async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    stream.write_all(&framed).await
}
