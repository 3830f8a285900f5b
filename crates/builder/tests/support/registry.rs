//! A registry of a few files that asks for credentials, by TLS, on the loopback. As a proxy it is reached by any name.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What it is asked.
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    /// All of the head, in lower case but for values.
    pub(crate) headers: Vec<(String, String)>,
}

impl Ask {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What it answers.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Sent behind the body when somebody says so.
    pub(crate) rest: Option<(Arc<tokio::sync::Notify>, Vec<u8>)>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

type Answers = Arc<dyn Fn(&Ask) -> Reply + Send + Sync>;

pub(crate) struct Stub {
    pub(crate) addr: SocketAddr,
    /// Who vouches for it.
    pub(crate) ca: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// One that is called `host`, by TLS.
    pub(crate) async fn start(host: &str, answers: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tls, ca) = certificate(host);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (answers, log): (Answers, _) = (Arc::new(answers), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, tls.clone(), answers.clone(), log.clone()));
            }
        });
        Self { addr, ca, asked }
    }

    /// `GET /path Basic …`: each request so far, with who has asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn certificate(host: &str) -> (TlsAcceptor, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca)
}

async fn connection(mut stream: TcpStream, tls: TlsAcceptor, answers: Answers, log: Arc<Mutex<Vec<String>>>) {
    let mut first = [0; 1];
    if stream.peek(&mut first).await.unwrap_or(0) == 0 {
        return;
    }
    if first == *b"C" {
        // CONNECT: to whatever host, that is us.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
    }
    if let Ok(stream) = tls.accept(stream).await {
        requests(stream, &answers, &log).await;
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, answers: &Answers, log: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut first, mut headers) = (String::new(), Vec::new());
        if stream.read_line(&mut first).await.unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let ask = Ask { method, path, headers };
        let who = ask.header("authorization").unwrap_or("nobody");
        log.lock().unwrap().push(format!("{} {} {who}", ask.method, ask.path));
        let reply = answers(&ask);
        let more = reply.rest.as_ref().map_or(0, |(_, rest)| rest.len());
        let mut out =
            format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", reply.status, reply.body.len() + more);
        reply.headers.iter().for_each(|(name, value)| out += &format!("{name}: {value}\r\n"));
        out += "\r\n";
        let body = if ask.method == "HEAD" { &[][..] } else { &reply.body };
        let whole = [out.as_bytes(), body].concat();
        if stream.write_all(&whole).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if let Some((when, rest)) = reply.rest {
            when.notified().await;
            stream.write_all(&rest).await.ok();
            stream.flush().await.ok();
        }
    }
}
