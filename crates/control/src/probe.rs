//! One question to one instance: are you well?

use std::{io, net::SocketAddrV4, time::Duration};

use dormouse_model::HealthSpec;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    /// Does somebody listen?
    Connection,
    /// Does somebody answer HTTP, whatever it is?
    AnyAnswer,
    /// Is the answer for this path below 400?
    Path(&'a str),
}

impl<'a> Question<'a> {
    pub(crate) fn of(health: &'a HealthSpec) -> Self {
        match &health.path {
            Some(path) => Self::Path(path),
            None if health.speaks_http => Self::AnyAnswer,
            None => Self::Connection,
        }
    }
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What was asked is so.
    Healthy,
    /// Nobody listens.
    Refused,
    /// No answer in time, or not a good one.
    Unhealthy,
}

/// Asked where any answer will do. No application is likely to have it, so none of the application's own code runs,
/// which might be slow; who reads it in the application's log is told where it comes from.
const NOWHERE: &str = "/dormouse-probe";

/// `HTTP/1.1 200` and the space before the reason.
const STATUS_LINE: usize = 12;

/// Time the rest of an answer may take.
const DRAIN: Duration = Duration::from_millis(250);

/// Ask within `limit`.
pub(crate) async fn ask(addr: SocketAddrV4, question: Question<'_>, limit: Duration) -> Answer {
    match timeout(limit, is_so(addr, question)).await {
        Ok(Ok(true)) => Answer::Healthy,
        Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => Answer::Refused,
        Ok(Ok(false) | Err(_)) | Err(_) => Answer::Unhealthy,
    }
}

async fn is_so(addr: SocketAddrV4, question: Question<'_>) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    let (method, path, good) = match question {
        Question::Connection => return Ok(true),
        Question::AnyAnswer => ("HEAD", NOWHERE, 100..600),
        Question::Path(path) => ("GET", path, 200..400),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: dormouse-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; STATUS_LINE];
    stream.read_exact(&mut head).await?;
    let code = head.strip_prefix(b"HTTP/1.").and_then(|rest| std::str::from_utf8(&rest[2..]).ok());
    let healthy = code.and_then(|c| c.parse::<u16>().ok()).is_some_and(|c| good.contains(&c));
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
        let (path, root) = (Question::Path("/health"), Question::Path("/"));
        for (answer, question, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", path, Answer::Healthy),
            ("HTTP/1.0 302 Found\r\n\r\n", root, Answer::Healthy),
            ("HTTP/1.1 404 Not Found\r\n\r\n", root, Answer::Unhealthy),
            ("HTTP/1.1 500 Oh\r\n\r\n", root, Answer::Unhealthy),
            ("SSH-2.0-OpenSSH_9.2", root, Answer::Unhealthy),
            ("HTTP/", root, Answer::Unhealthy),
            ("silence", root, Answer::Unhealthy),
            ("silence", Question::Connection, Answer::Healthy),
            ("silence", Question::AnyAnswer, Answer::Unhealthy),
            ("HTTP/1.1 404 Not Found\r\n\r\n", Question::AnyAnswer, Answer::Healthy),
            ("HTTP/1.1 500 Oh\r\n\r\n", Question::AnyAnswer, Answer::Healthy),
            ("HTTP/1.1 oh", Question::AnyAnswer, Answer::Unhealthy),
            ("SSH-2.0-OpenSSH_9.2", Question::AnyAnswer, Answer::Unhealthy),
        ] {
            let addr = server(answer).await;
            let limit = Duration::from_millis(if answer == "silence" { 50 } else { 5000 });
            assert_eq!(ask(addr, question, limit).await, expected, "{answer:?} {question:?}");
        }
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        assert_eq!(ask(addr, Question::AnyAnswer, Duration::from_secs(5)).await, Answer::Refused);
    }
}
