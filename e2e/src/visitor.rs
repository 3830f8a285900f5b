//! Somebody out there: plain HTTP and WebSocket, by host name.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use tungstenite::{WebSocket, client::IntoClientRequest};

/// A client of one public host. Names under `.localhost` are not asked of any resolver: the visitor knows the port.
#[derive(Clone)]
pub struct Visitor {
    agent: ureq::Agent,
    port: u16,
    host: String,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
    /// From the request's first byte to the answer's last.
    pub took: Duration,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON: {e}\n{self:?}"))
    }

    /// The same, after a look at the status.
    ///
    /// # Panics
    /// When the status is not 200.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }
}

impl Visitor {
    pub(crate) fn new(port: u16, host: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(150)))
            .build();
        Self { agent: config.into(), port, host: host.to_owned() }
    }

    /// GET, and the lines of what comes back, head and all, as they come.
    ///
    /// # Panics
    /// When the edge does not take it.
    #[must_use]
    #[track_caller]
    pub fn lines(&self, path: &str) -> Lines<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the edge accepts");
        stream.set_read_timeout(Some(Duration::from_secs(150))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host).expect("the edge reads");
        BufReader::new(stream).lines()
    }

    /// The same visitor with no connection kept from before.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(self.port, &self.host)
    }

    /// GET; transport errors are errors, statuses are not.
    ///
    /// # Errors
    /// When no whole answer arrives.
    pub fn try_get(&self, path: &str) -> Result<Reply, ureq::Error> {
        let start = Instant::now();
        let answer = self
            .agent
            .get(format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", format!("{}:{}", self.host, self.port))
            .call()?;
        Self::read(answer, start)
    }

    /// GET.
    ///
    /// # Panics
    /// When no whole answer arrives.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap_or_else(|e| panic!("GET {path} on {}: {e}", self.host))
    }

    /// POST with an empty body.
    ///
    /// # Panics
    /// When no whole answer arrives.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str) -> Reply {
        let start = Instant::now();
        self.agent
            .post(format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", format!("{}:{}", self.host, self.port))
            .send_empty()
            .and_then(|answer| Self::read(answer, start))
            .unwrap_or_else(|e| panic!("POST {path} on {}: {e}", self.host))
    }

    /// POST with a JSON body.
    ///
    /// # Panics
    /// When no whole answer arrives.
    #[must_use]
    #[track_caller]
    pub fn post_json(&self, path: &str, body: &Value) -> Reply {
        let start = Instant::now();
        self.agent
            .post(format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", format!("{}:{}", self.host, self.port))
            .header("content-type", "application/json")
            .send(body.to_string())
            .and_then(|answer| Self::read(answer, start))
            .unwrap_or_else(|e| panic!("POST {path} on {}: {e}", self.host))
    }

    /// PUT.
    ///
    /// # Panics
    /// When no whole answer arrives.
    #[must_use]
    #[track_caller]
    pub fn put(&self, path: &str, body: Vec<u8>) -> Reply {
        let start = Instant::now();
        self.agent
            .put(format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", format!("{}:{}", self.host, self.port))
            .send(&body)
            .and_then(|answer| Self::read(answer, start))
            .unwrap_or_else(|e| panic!("PUT {path} on {}: {e}", self.host))
    }

    fn read(mut answer: ureq::http::Response<ureq::Body>, start: Instant) -> Result<Reply, ureq::Error> {
        let body = answer.body_mut().read_to_string()?;
        Ok(Reply { status: answer.status().as_u16(), body, took: start.elapsed() })
    }

    /// Open a WebSocket.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    #[track_caller]
    pub fn websocket(&self, path: &str) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the edge accepts");
        stream.set_read_timeout(Some(Duration::from_secs(150))).expect("a timeout");
        let request = format!("ws://{}:{}{path}", self.host, self.port).into_client_request().expect("a URL");
        tungstenite::client(request, stream).unwrap_or_else(|e| panic!("WebSocket {path}: {e}")).0
    }
}
