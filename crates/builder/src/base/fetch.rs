//! Downloads: by way of the host's proxies and certificates, with time limits, again and elsewhere when they fail.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{Client, Proxy, Url, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use sha2::{Digest, Sha256};

use super::{BaseError, proxy::Proxies, release::Listed};

/// Connecting, and each wait for more bytes, may take this long.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(30);

/// Rounds through all mirrors.
const ROUNDS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Fetches files of an archive.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    client: Client,
}

/// Told of bytes.
pub(super) type Progress<'a> = &'a (dyn Fn(i64) + Sync);

#[derive(Clone, Copy)]
enum Wanted<'a> {
    UpTo(u64),
    Listed(&'a Listed, Progress<'a>),
}

enum Failure {
    /// Another attempt could do better.
    Passing(String),
    /// This mirror does not have it.
    Lasting(String),
}

impl Fetcher {
    /// `ca` is PEM text of certificates trusted on top of the host's.
    pub(super) fn new(proxies: &Proxies, ca: &[u8]) -> Result<Self, BaseError> {
        let bad = |e: &dyn std::fmt::Display| BaseError::Settings(format!("cannot set up downloads: {e}"));
        let mut roots = RootCertStore::empty();
        // Honours SSL_CERT_FILE and SSL_CERT_DIR. A host without certificates can still use http mirrors.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca).filter_map(Result::ok));
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|e| bad(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let proxies = proxies.clone();
        let proxy = Proxy::custom(move |url| {
            let proxy = proxies.of(url.scheme(), url.host_str()?)?;
            proxy.parse::<Url>().ok()
        });
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .proxy(proxy)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(redirect::Policy::limited(5))
            .user_agent(concat!("dormouse/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| bad(&e))?;
        Ok(Self { client })
    }

    /// A small file, from the first of `roots` that has it.
    pub(super) async fn text(&self, roots: &[String], path: &str, limit: u64) -> Result<Vec<u8>, BaseError> {
        self.first_of(roots, path, Wanted::UpTo(limit)).await
    }

    /// A file the release vouches for. `progress` is told of bytes as they arrive, and of bytes that turned out to be
    /// for nothing as a negative number.
    pub(super) async fn listed(
        &self,
        roots: &[String],
        path: &str,
        listed: &Listed,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, BaseError> {
        self.first_of(roots, path, Wanted::Listed(listed, progress)).await
    }

    async fn first_of(&self, roots: &[String], path: &str, wanted: Wanted<'_>) -> Result<Vec<u8>, BaseError> {
        let mut last = None;
        let mut gone = vec![false; roots.len()];
        for round in 0..ROUNDS {
            if round > 0 && !gone.iter().all(|g| *g) {
                tokio::time::sleep(PAUSE * 2u32.pow(round - 1)).await;
            }
            for (n, root) in roots.iter().enumerate() {
                if gone[n] {
                    continue;
                }
                let url = format!("{root}/{path}");
                let shown = shown(&url);
                let url: Url =
                    url.parse().map_err(|e| BaseError::Settings(format!("`{shown}` is not a URL: {e}")))?;
                let why = match self.attempt(url, wanted).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(Failure::Passing(why)) => why,
                    Err(Failure::Lasting(why)) => {
                        gone[n] = true;
                        why
                    }
                };
                tracing::debug!("{shown}: {why}");
                last = Some((shown, why));
            }
        }
        let (url, why) = last.unwrap_or_else(|| (path.to_owned(), "no mirror is configured".to_owned()));
        Err(match why.strip_prefix(MISMATCH) {
            Some(why) => BaseError::Mismatch { what: url, why: why.to_owned() },
            None => BaseError::Fetch { url, why },
        })
    }

    async fn attempt(&self, url: Url, wanted: Wanted<'_>) -> Result<Vec<u8>, Failure> {
        let (listed, progress) = match wanted {
            Wanted::UpTo(limit) => return self.once(url, limit, &|_| {}).await,
            Wanted::Listed(listed, progress) => (listed, progress),
        };
        let counted = AtomicI64::new(0);
        let count = |n: u64| {
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            counted.fetch_add(n, Ordering::Relaxed);
            progress(n);
        };
        let fetched = self.once(url, listed.size, &count).await;
        let checked = fetched.and_then(|bytes| match differs(&bytes, listed) {
            None => Ok(bytes),
            Some(why) => Err(Failure::Passing(why)),
        });
        if checked.is_err() {
            progress(-counted.into_inner());
        }
        checked
    }

    async fn once(&self, url: Url, limit: u64, progress: &(dyn Fn(u64) + Sync)) -> Result<Vec<u8>, Failure> {
        let passing = |e: reqwest::Error| Failure::Passing(chain(&e.without_url()));
        let answer = self.client.get(url).send().await.map_err(passing)?;
        let status = answer.status();
        if !status.is_success() {
            let why = format!("the server answered {status}");
            return Err(if status.is_client_error() { Failure::Lasting(why) } else { Failure::Passing(why) });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(limit.min(64 << 20)).unwrap_or(0));
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(passing)?;
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(Failure::Passing(format!("{MISMATCH}it is larger than {limit} bytes")));
            }
            bytes.extend_from_slice(&chunk);
            progress(chunk.len() as u64);
        }
        Ok(bytes)
    }
}

/// Marks a reason as one about content.
const MISMATCH: &str = "mismatch: ";

fn differs(bytes: &[u8], listed: &Listed) -> Option<String> {
    if bytes.len() as u64 != listed.size {
        return Some(format!("{MISMATCH}it has {} bytes instead of {}", bytes.len(), listed.size));
    }
    let sha256 = sha256(bytes);
    (sha256 != listed.sha256)
        .then(|| format!("{MISMATCH}its SHA-256 is {sha256} instead of {}", listed.sha256))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A URL without the credentials in it.
pub(super) fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, h)| h);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

/// An error with all that it was caused by: the outermost only says that a request failed.
pub(crate) fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = e.source();
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        collections::BTreeMap,
        io::{BufRead, BufReader, Write},
        net::{TcpListener, TcpStream},
        path::Path,
        sync::{Arc, Mutex},
        thread,
    };

    use super::*;
    use crate::hostnet::Host;

    /// A web server of a few files on the loopback, until the test's end.
    pub(in crate::base) struct Mirror {
        at: String,
        files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Mirror {
        pub(in crate::base) fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = format!("http://{}", listener.local_addr().unwrap());
            let mirror = Self { at, files: Arc::default(), asked: Arc::default() };
            let (files, asked) = (mirror.files.clone(), mirror.asked.clone());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (files, asked) = (files.clone(), asked.clone());
                    thread::spawn(move || answer(stream.unwrap(), &files, &asked));
                }
            });
            mirror
        }

        pub(in crate::base) fn url(&self) -> String {
            self.at.clone()
        }

        pub(in crate::base) fn put(&self, path: &str, bytes: &[u8]) {
            self.files.lock().unwrap().insert(path.to_owned(), bytes.to_owned());
        }

        /// First lines of all requests so far.
        pub(in crate::base) fn asked(&self) -> Vec<String> {
            self.asked.lock().unwrap().clone()
        }
    }

    fn answer(mut stream: TcpStream, files: &Mutex<BTreeMap<String, Vec<u8>>>, asked: &Mutex<Vec<String>>) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        lines.take_while(|l| !l.is_empty()).for_each(drop);
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        asked.lock().unwrap().push(first);
        let head = |status: &str, size: usize| {
            format!("HTTP/1.1 {status}\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n")
        };
        let found = files.lock().unwrap().get(&target).cloned();
        let mut out = match &found {
            // Says more than it sends.
            Some(bytes) if bytes == b"hel" => head("200 OK", bytes.len() + 10),
            Some(bytes) => head("200 OK", bytes.len()),
            None => head("404 Not Found", 0),
        }
        .into_bytes();
        out.extend(found.unwrap_or_default());
        stream.write_all(&out).ok();
    }

    async fn listed(roots: &[String], path: &str) -> (Result<Vec<u8>, String>, i64) {
        let fetcher = Fetcher::new(&Proxies::default(), b"").unwrap();
        let sum = std::sync::atomic::AtomicI64::new(0);
        let count = |n| {
            sum.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        };
        let wanted = Listed { sha256: sha256(b"hello"), size: 5 };
        let got = fetcher.listed(roots, path, &wanted, &count).await;
        (got.map_err(|e| e.to_string()), sum.into_inner())
    }

    #[tokio::test]
    async fn the_next_mirror_when_one_has_it_wrong() {
        let (bad, good) = (Mirror::start(), Mirror::start());
        bad.put("/wrong", b"hellO");
        bad.put("/long", b"hello and more");
        bad.put("/cut", b"hel");
        for path in ["wrong", "long", "cut", "missing"] {
            good.put(&format!("/{path}"), b"hello");
            let (got, counted) = listed(&[bad.url(), good.url()], path).await;
            assert_eq!(got.as_deref(), Ok(&b"hello"[..]), "{path}");
            assert_eq!(counted, 5, "{path}: what was for nothing is taken back");
        }
    }

    #[tokio::test]
    async fn what_all_mirrors_have_wrong_is_refused() {
        let mirror = Mirror::start();
        mirror.put("/wrong", b"hellO");
        mirror.put("/long", b"hello and more");
        mirror.put("/short", b"hell");
        for (path, want) in [
            ("wrong", "its SHA-256 is"),
            ("long", "it is larger than 5 bytes"),
            ("short", "it has 4 bytes instead of 5"),
            ("missing", "the server answered 404"),
        ] {
            let (got, counted) = listed(&[mirror.url()], path).await;
            let error = got.unwrap_err();
            assert!(error.contains(want) && error.contains("hint:"), "{path}: {error}");
            assert_eq!(counted, 0, "{path}");
        }
        assert_eq!(mirror.asked().iter().filter(|a| a.contains("missing")).count(), 1, "404 is final");
    }

    #[tokio::test]
    async fn through_a_proxy_as_proxies_expect_it() {
        let proxy = Mirror::start();
        proxy.put("http://deb.example.org/debian/x", b"hello");
        let host = Host::new(Path::new("/nowhere"), Path::new("/root"), [].into());
        let dump = format!("Acquire::http::Proxy \"{}\";", proxy.url());
        let fetcher = Fetcher::new(&Proxies::read(&host, &dump), b"").unwrap();
        let got = fetcher.text(&["http://deb.example.org/debian".to_owned()], "x", 100).await.unwrap();
        assert_eq!(got, b"hello");
        assert_eq!(proxy.asked(), ["GET http://deb.example.org/debian/x HTTP/1.1"]);
    }

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(shown("https://user:pass@m.example.org/a@b"), "https://m.example.org/a@b");
        assert_eq!(shown("http://m/x"), "http://m/x");
    }
}
