//! One question to one instance: are you well?

use std::{io, net::SocketAddrV4, time::Duration};

use dormouse_model::{Answer, Question};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// `HTTP/1.1 200` and the space before the reason.
const STATUS_LINE: usize = 12;

/// Time the rest of an answer may take.
const DRAIN: Duration = Duration::from_millis(250);

/// Time in which a protocol whose server speaks first has begun to, and one that reads lines has found fault with the first.
const FIRST_WORD: Duration = Duration::from_millis(50);

/// Time after which what nobody knows anything of, and what says nothing, is taken to speak no HTTP.
const UNKNOWN: Duration = Duration::from_secs(2);

/// Ask within `limit`, under the name by which others ask for it.
pub(crate) async fn ask(addr: SocketAddrV4, host: &str, question: &Question, limit: Duration) -> Answer {
    let limit = match question {
        Question::Protocol(_) => limit.min(UNKNOWN),
        Question::Connection | Question::Http(_) => limit,
    };
    let asked = async {
        match TcpStream::connect(addr).await {
            // Reset, or closed in the middle of a word.
            Ok(stream) => answer(stream, host, question).await.unwrap_or(Answer::Cut),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Answer::Refused,
            Err(_) => Answer::Silent,
        }
    };
    timeout(limit, asked).await.unwrap_or(Answer::Silent)
}

async fn answer(mut stream: TcpStream, host: &str, question: &Question) -> io::Result<Answer> {
    let (path, carefully) = match question {
        Question::Connection => return Ok(Answer::Accepted),
        Question::Http(path) => (path, false),
        Question::Protocol(path) => (path, true),
    };
    let line = format!("GET {path} HTTP/1.1\r\n");
    let headers =
        format!("Host: {host}\r\nUser-Agent: dormouse-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    if carefully {
        // An HTTP server says nothing before it has the whole request. Others greet, or complain of the first line; they
        // are spared the rest, which they would take for an attack.
        if speaks(&stream).await || stream.write_all(line.as_bytes()).await.is_err() || speaks(&stream).await
        {
            return Ok(Answer::NotHttp);
        }
        stream.write_all(headers.as_bytes()).await?;
    } else {
        stream.write_all((line + &headers).as_bytes()).await?;
    }
    let mut head = [0; STATUS_LINE];
    let mut got = 0;
    while got < STATUS_LINE {
        match stream.read(&mut head[got..]).await? {
            0 if got == 0 => return Ok(Answer::Cut),
            0 => break,
            n => got += n,
        }
    }
    let code = head[..got].strip_prefix(b"HTTP/1.").and_then(|rest| std::str::from_utf8(rest.get(2..)?).ok());
    let status = code.and_then(|c| c.parse().ok()).filter(|code| (100..600).contains(code));
    // Read what follows, within limits, so that the application does not see its answer cut off.
    let mut rest = stream.take(64 << 10);
    let drained = timeout(DRAIN, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    // How it ends says nothing about health.
    drop(drained);
    Ok(status.map_or(Answer::NotHttp, Answer::Status))
}

/// Whether the other side says something, or hangs up, of its own accord.
async fn speaks(stream: &TcpStream) -> bool {
    let mut one = [0];
    timeout(FIRST_WORD, stream.peek(&mut one)).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use tokio::{net::TcpListener, sync::Mutex};

    use super::*;

    /// What a server does with a connection.
    #[derive(Debug, Clone, Copy)]
    enum Does {
        /// Reads, and answers.
        Answers(&'static str),
        /// Speaks first.
        Greets(&'static str),
        /// Reads one line, and answers at once.
        Lines(&'static str),
        Hangs,
        Closes,
    }

    async fn server(does: Does) -> (SocketAddrV4, Arc<Mutex<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(String::new()));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = String::new();
                let mut buffer = [0; 1024];
                let (until, says) = match does {
                    Does::Answers(says) => ("\r\n\r\n", says),
                    Does::Lines(says) => ("\r\n", says),
                    Does::Greets(says) => ("", says),
                    Does::Closes => continue,
                    Does::Hangs => ("never", ""),
                };
                while !request.contains(until) {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(n) => request += std::str::from_utf8(&buffer[..n]).unwrap(),
                    }
                }
                hears.lock().await.push_str(&request);
                stream.write_all(says.as_bytes()).await.unwrap();
            }
        });
        (SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), heard)
    }

    #[tokio::test]
    async fn answers() {
        let http = || Question::Http("/health".to_owned());
        let protocol = || Question::Protocol("/".to_owned());
        let ok = "HTTP/1.1 200 OK\r\n\r\n";
        for (does, question, expected) in [
            (Does::Answers(ok), http(), Answer::Status(200)),
            (Does::Answers("HTTP/1.0 302 Found\r\n\r\n"), http(), Answer::Status(302)),
            (Does::Answers("HTTP/1.1 500 Oh\r\n\r\n"), http(), Answer::Status(500)),
            (Does::Answers("HTTP/1.1 oh no\r\n"), http(), Answer::NotHttp),
            (Does::Answers("HTTP/1.1 999 Oh\r\n"), http(), Answer::NotHttp),
            (Does::Answers("SSH-2.0-OpenSSH_9.2"), http(), Answer::NotHttp),
            (Does::Answers("HTTP/"), http(), Answer::NotHttp),
            (Does::Closes, http(), Answer::Cut),
            (Does::Hangs, http(), Answer::Silent),
            (Does::Hangs, Question::Connection, Answer::Accepted),
            (Does::Answers(ok), protocol(), Answer::Status(200)),
            (Does::Answers("HTTP/1.1 503 Oh\r\n\r\n"), protocol(), Answer::Status(503)),
            (Does::Greets("SSH-2.0-OpenSSH_9.2"), protocol(), Answer::NotHttp),
            (
                Does::Lines("-ERR wrong number of arguments for 'get' command\r\n"),
                protocol(),
                Answer::NotHttp,
            ),
            (Does::Closes, protocol(), Answer::NotHttp),
            (Does::Hangs, protocol(), Answer::Silent),
        ] {
            let (addr, _) = server(does).await;
            let limit = Duration::from_millis(if matches!(does, Does::Hangs) { 300 } else { 5000 });
            assert_eq!(
                ask(addr, "shop.localhost", &question, limit).await,
                expected,
                "{does:?} {question:?}"
            );
        }
    }

    /// Redis writes down every connection that sends `Host:` as an attack.
    #[tokio::test]
    async fn what_reads_lines_is_spared_the_headers() {
        let (addr, heard) = server(Does::Lines("-ERR\r\n")).await;
        ask(addr, "shop.localhost", &Question::Protocol("/".to_owned()), Duration::from_secs(5)).await;
        assert_eq!(*heard.lock().await, "GET / HTTP/1.1\r\n");
    }

    /// Django answers 400, and writes an error down, when it does not know the name it is asked by.
    #[tokio::test]
    async fn it_is_asked_by_its_name() {
        let (addr, heard) = server(Does::Answers("HTTP/1.1 200 OK\r\n\r\n")).await;
        ask(addr, "shop.localhost:8080", &Question::Http("/".to_owned()), Duration::from_secs(5)).await;
        let heard = heard.lock().await;
        assert!(heard.starts_with("GET / HTTP/1.1\r\nHost: shop.localhost:8080\r\n"), "{heard}");
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        for question in
            [Question::Http("/".to_owned()), Question::Protocol("/".to_owned()), Question::Connection]
        {
            assert_eq!(ask(addr, "x", &question, Duration::from_secs(5)).await, Answer::Refused);
        }
    }
}
