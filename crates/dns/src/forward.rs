//! Asking the host's resolvers. The datagram goes through as it is; only its way is ours.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

/// How long one resolver may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// When the next is asked beside it. A stub resolver in a sandbox asks again after two seconds (its `resolv.conf`), and takes no
/// answer to what it asked before, so several must fit.
const BESIDE: Duration = Duration::from_millis(500);

/// Largest UDP message (RFC 6891 lets both sides agree on any size).
const MAX_DATAGRAM: usize = 65_535;

/// Ask by UDP: each resolver twice at most, the next when one has refused or hesitates, and take whichever answers first.
pub(crate) async fn by_udp(upstreams: &[SocketAddr], query: &[u8]) -> io::Result<Vec<u8>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no resolvers");
    let mut asked = JoinSet::new();
    let mut others = upstreams.iter().chain(upstreams);
    loop {
        let answer = if let Some(upstream) = others.next() {
            asked.spawn(ask_patiently(*upstream, query.to_vec()));
            let Ok(answer) = timeout(BESIDE, asked.join_next()).await else { continue };
            answer
        } else {
            asked.join_next().await
        };
        match answer {
            Some(Ok(Ok(reply))) => return Ok(reply),
            Some(Ok(Err(error))) => last = error,
            Some(Err(error)) => last = io::Error::other(error),
            None => return Err(last),
        }
    }
}

async fn ask_patiently(upstream: SocketAddr, query: Vec<u8>) -> io::Result<Vec<u8>> {
    let silent = || io::Error::new(io::ErrorKind::TimedOut, format!("{upstream} does not answer"));
    timeout(PATIENCE, ask_udp(upstream, &query)).await.unwrap_or_else(|_| Err(silent()))
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        (socket, addr)
    }

    async fn question(at: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 64];
        let (n, from) = at.recv_from(&mut buffer).await.unwrap();
        (buffer[..n].to_vec(), from)
    }

    /// Bug: an answer that came after the next resolver was asked was lost, and a resolver that is gone took two seconds of
    /// each question.
    #[tokio::test]
    async fn the_next_is_asked_beside_the_first() {
        let ((slow, first), (silent, second)) = (resolver().await, resolver().await);
        // The first answers what it was asked first, once the second has been asked too; that one never does.
        let answers = async {
            let (query, from) = question(&slow).await;
            question(&silent).await;
            slow.send_to(&[&query[..], b" yes"].concat(), from).await.unwrap();
            std::future::pending::<()>().await;
        };
        let upstreams = [first, second];
        tokio::select! {
            reply = by_udp(&upstreams, b"id?") => assert_eq!(reply.unwrap(), b"id? yes"),
            () = answers => {}
        }
    }

    #[tokio::test]
    async fn who_refuses_is_passed_over() {
        let (gone, nobody) = resolver().await;
        drop(gone);
        let (there, second) = resolver().await;
        let answers = async {
            let (query, from) = question(&there).await;
            there.send_to(&query, from).await.unwrap();
            std::future::pending::<()>().await;
        };
        let upstreams = [nobody, second];
        tokio::select! {
            reply = by_udp(&upstreams, b"id?") => assert_eq!(reply.unwrap(), b"id?"),
            () = answers => {}
        }
        assert!(by_udp(&[nobody], b"id?").await.is_err());
        assert!(by_udp(&[], b"id?").await.is_err());
    }
}
