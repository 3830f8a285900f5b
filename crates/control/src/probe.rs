//! One question to one instance: are you well?

use std::{io, net::SocketAddrV4, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It accepted, or its health path answered below 400.
    Healthy,
    /// Nobody listens.
    Refused,
    /// No answer in time, or not a good one.
    Unhealthy,
}

/// `HTTP/1.1 200` and the space before the reason.
const STATUS_LINE: usize = 12;

/// Time the rest of an answer may take.
const DRAIN: Duration = Duration::from_millis(250);

/// Ask within `limit`: a GET of `path`, or a connection where there is none.
pub(crate) async fn ask(addr: SocketAddrV4, path: Option<&str>, limit: Duration) -> Answer {
    match timeout(limit, get(addr, path)).await {
        Ok(Ok(true)) => Answer::Healthy,
        Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => Answer::Refused,
        Ok(Ok(false) | Err(_)) | Err(_) => Answer::Unhealthy,
    }
}

async fn get(addr: SocketAddrV4, path: Option<&str>) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    let Some(path) = path else { return Ok(true) };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: dormouse-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; STATUS_LINE];
    stream.read_exact(&mut head).await?;
    let code = head.strip_prefix(b"HTTP/1.").and_then(|rest| std::str::from_utf8(&rest[2..]).ok());
    let healthy = code.and_then(|c| c.parse::<u16>().ok()).is_some_and(|c| (200..400).contains(&c));
    // Read what follows, within limits, so that the application does not see its answer cut off.
    let mut rest = stream.take(64 << 10);
    let drained = timeout(DRAIN, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    // How it ends says nothing about health.
    drop(drained);
    Ok(healthy)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    async fn server(answer: &'static str) -> SocketAddrV4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                if answer == "silence" {
                    std::future::pending::<()>().await;
                }
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[tokio::test]
    async fn answers() {
        for (answer, path, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some("/health"), Answer::Healthy),
            ("HTTP/1.0 302 Found\r\n\r\n", Some("/"), Answer::Healthy),
            ("HTTP/1.1 404 Not Found\r\n\r\n", Some("/"), Answer::Unhealthy),
            ("HTTP/1.1 500 Oh\r\n\r\n", Some("/"), Answer::Unhealthy),
            ("SSH-2.0-OpenSSH_9.2", Some("/"), Answer::Unhealthy),
            ("HTTP/", Some("/"), Answer::Unhealthy),
            ("silence", Some("/"), Answer::Unhealthy),
            ("silence", None, Answer::Healthy),
        ] {
            let addr = server(answer).await;
            let limit = Duration::from_millis(if answer == "silence" { 50 } else { 5000 });
            assert_eq!(ask(addr, path, limit).await, expected, "{answer:?} {path:?}");
        }
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        assert_eq!(ask(addr, None, Duration::from_secs(5)).await, Answer::Refused);
    }
}
