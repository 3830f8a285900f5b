//! One question to one instance: are you well? For hosts whose instances are reached by their addresses.

mod redirect;

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use dormouse_model::{Answer, Question};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout},
};

use redirect::Place;

/// How an answer by HTTP begins.
const HTTP: &[u8] = b"HTTP/1.";

/// How much of an answer is read: one that is longer works.
const ENOUGH: u64 = 64 << 10;

/// Time in which an answer whose length nobody knows, and that has begun, breaks off if it is going to.
const DRAIN: Duration = Duration::from_millis(250);

/// Time in which a protocol whose server speaks first has begun to, and one that reads lines has found fault with the first.
const FIRST_WORD: Duration = Duration::from_millis(50);

/// Time after which what nobody knows anything of, and what says nothing, is taken to speak no HTTP.
const UNKNOWN: Duration = Duration::from_secs(2);

/// As whom it is asked: like a visitor who comes by the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The name by which others ask for it, with a port unless that goes without saying.
    pub host: String,
    /// `http` or `https`: an app behind another proxy sends whoever says nothing from the one to the other.
    pub scheme: String,
}

/// What an instance is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// At which port.
    pub port: u16,
    /// As whom.
    pub visitor: Visitor,
    /// What.
    pub question: Question,
    /// How long its answer is waited for.
    pub limit: Duration,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// What it answered.
    pub answer: Answer,
    /// Whether it sends visitors who came by http to the same host by https.
    pub to_https: bool,
}

impl From<Answer> for ProbeAnswer {
    fn from(answer: Answer) -> Self {
        Self { answer, to_https: false }
    }
}

/// Ask what is at an address.
pub async fn ask(ip: Ipv4Addr, request: &ProbeRequest) -> ProbeAnswer {
    let ProbeRequest { port, visitor, question, limit } = request;
    let addr = SocketAddrV4::new(ip, *port);
    let limit = match question {
        Question::Protocol(_) => UNKNOWN.min(*limit),
        Question::Connection | Question::Http(_) => *limit,
    };
    let begun = Instant::now();
    let (answer, to) = timeout(limit, once(addr, visitor, question)).await.unwrap_or((Answer::Silent, None));
    let here = match question {
        Question::Http(path) | Question::Protocol(path) => Place::of(visitor, path),
        Question::Connection => None,
    };
    let (Answer::Status(code), Some(to), Some(here)) = (answer, to, here) else {
        return answer.into();
    };
    let to_https = here.is_the_same_but_for_tls(&to);
    // Who follows and hears nothing in time has been answered all the same.
    let left = limit.saturating_sub(begun.elapsed());
    let loops = timeout(left, redirect::loops(addr, visitor, here, to)).await.unwrap_or(false);
    ProbeAnswer { answer: if loops { Answer::Loop(code) } else { answer }, to_https }
}

/// One answer, and where it sends whoever asks.
async fn once(addr: SocketAddrV4, visitor: &Visitor, question: &Question) -> (Answer, Option<Place>) {
    match TcpStream::connect(addr).await {
        Ok(stream) => answer(stream, visitor, question).await,
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => (Answer::Refused, None),
        Err(_) => (Answer::Silent, None),
    }
}

async fn answer(mut stream: TcpStream, visitor: &Visitor, question: &Question) -> (Answer, Option<Place>) {
    let (path, carefully) = match question {
        Question::Connection => return (Answer::Accepted, None),
        Question::Http(path) => (path, false),
        Question::Protocol(path) => (path, true),
    };
    let line = format!("GET {path} HTTP/1.1\r\n");
    // An HTTP server says nothing before it has the whole request. Others greet, or complain of the first line; they
    // are spared the rest, which they would take for an attack.
    if carefully
        && (speaks(&stream).await
            || stream.write_all(line.as_bytes()).await.is_err()
            || speaks(&stream).await)
    {
        return (Answer::NotHttp, None);
    }
    let mut heard = Heard { stream, said: if carefully { line.len() } else { 0 }, begins: Vec::new() };
    let why = match request(&mut heard, path, visitor).await {
        Ok(answered) => return answered,
        Err(_) if !heard.begins.is_empty() && heard.begins != HTTP => Answer::NotHttp,
        Err(e) if e.is_parse() => Answer::NotHttp,
        // Reset, closed in the middle of a word, or before the first one.
        Err(_) => Answer::Cut,
    };
    (why, None)
}

/// Ask, and hear the answer to its end, within limits: one that breaks off is none.
async fn request(heard: &mut Heard, path: &str, visitor: &Visitor) -> hyper::Result<(Answer, Option<Place>)> {
    let request = Request::get(path)
        .header(HOST, &visitor.host)
        .header("X-Forwarded-Proto", &visitor.scheme)
        .header(USER_AGENT, "dormouse-probe")
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    // A path that cannot be asked for is nothing that any server answers well.
    let Ok(request) = request else { return Ok((Answer::NotHttp, None)) };
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(heard))
        .await?;
    let asked = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let to = redirect::leads_to(&response, path, visitor);
        hear_out(response).await?;
        Ok(match (100..600).contains(&status) {
            true => (Answer::Status(status), to),
            false => (Answer::NotHttp, None),
        })
    };
    tokio::pin!(asked, connection);
    tokio::select! {
        biased;
        answer = &mut asked => answer,
        // Then what was read of the answer is all there is.
        ended = &mut connection => match ended {
            Ok(()) => asked.await,
            Err(e) => Err(e),
        },
    }
}

/// Until the answer has ended, or begun well enough.
async fn hear_out(response: Response<Incoming>) -> hyper::Result<()> {
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    // It may be long until the first event.
    let mut begun = kind.starts_with(b"text/event-stream");
    let mut body = response.into_body();
    let (whole, mut got) = (body.size_hint().exact(), 0);
    while got < ENOUGH {
        let next = match begun && whole.is_none() {
            true => match timeout(DRAIN, body.frame()).await {
                Ok(next) => next,
                Err(_still_going) => return Ok(()),
            },
            false => body.frame().await,
        };
        let Some(frame) = next.transpose()? else { return Ok(()) };
        got += frame.data_ref().map_or(0, |data| data.len() as u64);
        begun = true;
    }
    Ok(())
}

/// A connection that remembers how the other side began.
struct Heard {
    stream: TcpStream,
    /// How much of what is to be written has been said already.
    said: usize,
    /// As much of the first bytes as tells HTTP from other protocols.
    begins: Vec<u8>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let missing = HTTP.len() - self.begins.len();
        let new = &buf.filled()[before..];
        self.begins.extend_from_slice(&new[..new.len().min(missing)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.said > 0 {
            let skipped = self.said.min(buf.len());
            self.said -= skipped;
            return Poll::Ready(Ok(skipped));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whether the other side says something, or hangs up, of its own accord.
async fn speaks(stream: &TcpStream) -> bool {
    let mut one = [0];
    timeout(FIRST_WORD, stream.peek(&mut one)).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{io::AsyncReadExt, net::TcpListener, sync::Mutex};

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
        /// Reads, answers, and then neither says more nor hangs up.
        Stops(&'static str),
        Hangs,
        Closes,
    }

    fn visitor(host: &str) -> Visitor {
        Visitor { host: host.to_owned(), scheme: "http".to_owned() }
    }

    async fn ask(addr: SocketAddrV4, visitor: &Visitor, question: &Question, limit: Duration) -> ProbeAnswer {
        let (visitor, question) = (visitor.clone(), question.clone());
        super::ask(*addr.ip(), &ProbeRequest { port: addr.port(), visitor, question, limit }).await
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
                    Does::Answers(says) | Does::Stops(says) => ("\r\n\r\n", says),
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
                if let Does::Stops(_) = does {
                    std::future::pending::<()>().await;
                }
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
            (Does::Answers("HTTP/1.1 999 Oh\r\n\r\n"), http(), Answer::NotHttp),
            (Does::Answers("SSH-2.0-OpenSSH_9.2"), http(), Answer::NotHttp),
            (Does::Answers("HTTP/"), http(), Answer::NotHttp),
            (Does::Closes, http(), Answer::Cut),
            // Bug: a version whose answers broke off after their heads replaced one that worked.
            (Does::Answers("HTTP/1.1 200 OK\r\n"), http(), Answer::Cut),
            (Does::Answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), http(), Answer::Cut),
            (
                Does::Answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
                http(),
                Answer::Cut,
            ),
            (Does::Stops("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), http(), Answer::Status(200)),
            (Does::Stops("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), http(), Answer::Silent),
            (Does::Stops("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), http(), Answer::Silent),
            (
                Does::Stops("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
                http(),
                Answer::Status(200),
            ),
            (
                Does::Stops(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n",
                ),
                http(),
                Answer::Status(200),
            ),
            (Does::Stops("HTTP/1.1 204 No Content\r\n\r\n"), http(), Answer::Status(204)),
            // Bug: an answer that only says that one is coming was taken for it.
            (Does::Stops("HTTP/1.1 100 Continue\r\n\r\n"), http(), Answer::Silent),
            (
                Does::Answers("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
                http(),
                Answer::Status(200),
            ),
            (Does::Answers("HTTP/1.1 101 Switching Protocols\r\n\r\n"), http(), Answer::Status(101)),
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
            let limit =
                Duration::from_millis(if matches!(does, Does::Hangs | Does::Stops(_)) { 600 } else { 5000 });
            assert_eq!(
                ask(addr, &visitor("shop.localhost"), &question, limit).await.answer,
                expected,
                "{does:?} {question:?}"
            );
        }
    }

    /// Bug: a page that only redirects to itself was well answered. This server says the same of every path.
    #[tokio::test]
    async fn redirects() {
        for (scheme, path, header, loops) in [
            ("http", "/", "Location: /", true),
            ("http", "/", "Location: http://Shop.localhost:8080", true),
            ("http", "/", "Location: //shop.localhost:8080/#top", true),
            ("http", "/up/", "Location: ./", true),
            ("http", "/up/x?y", "Location: x?y", true),
            ("http", "/", "Location: ", true),
            ("http", "/", "Location: /login", true),
            ("http", "/", "Location: /?lang=en", true),
            ("http", "/", "Location: login", true),
            ("http", "/", "Location: http://other.localhost:8080/", false),
            // It goes on there, once whoever ends TLS says so.
            ("http", "/", "Location: https://shop.localhost:8080/", false),
            ("https", "/", "Location: https://shop.localhost:8080/", true),
            ("http", "/", "Location: /\r\nSet-Cookie: seen=1", false),
            ("http", "/", "X: /", false),
        ] {
            let says = format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n{header}\r\n\r\n");
            let (addr, heard) = server(Does::Answers(says.leak())).await;
            let visitor = Visitor { scheme: scheme.to_owned(), ..visitor("shop.localhost:8080") };
            let question = Question::Http(path.to_owned());
            let want = if loops { Answer::Loop(302) } else { Answer::Status(302) };
            let got = ask(addr, &visitor, &question, Duration::from_secs(5)).await;
            assert_eq!(got.answer, want, "{scheme} {path} {header}");
            assert_eq!(got.to_https, scheme == "http" && header.contains("https://"), "{header}");
            assert!(heard.lock().await.contains(&format!("X-Forwarded-Proto: {scheme}\r\n")));
        }
    }

    /// Redis writes down every connection that sends `Host:` as an attack.
    #[tokio::test]
    async fn what_reads_lines_is_spared_the_headers() {
        let (addr, heard) = server(Does::Lines("-ERR\r\n")).await;
        ask(addr, &visitor("shop.localhost"), &Question::Protocol("/".to_owned()), Duration::from_secs(5))
            .await;
        assert_eq!(*heard.lock().await, "GET / HTTP/1.1\r\n");
    }

    /// Django answers 400, and writes an error down, when it does not know the name it is asked by.
    #[tokio::test]
    async fn it_is_asked_by_its_name() {
        let (addr, heard) = server(Does::Answers("HTTP/1.1 200 OK\r\n\r\n")).await;
        ask(addr, &visitor("shop.localhost:8080"), &Question::Http("/".to_owned()), Duration::from_secs(5))
            .await;
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
            let said = ask(addr, &visitor("x"), &question, Duration::from_secs(5)).await;
            assert_eq!(said.answer, Answer::Refused);
        }
    }
}
