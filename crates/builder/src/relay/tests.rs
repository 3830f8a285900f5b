use std::{collections::BTreeMap, path::Path, sync::Mutex};

use expect_test::expect;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use registry::{Ask, Reply, Stub};

#[path = "../../tests/support/registry.rs"]
mod registry;

const HOST: &str = "registry.example";

/// A relay for a registry, as a build has it.
struct Bench {
    relay: Relay,
    at: std::net::SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
    stub: Stub,
    _serves: JoinSet<()>,
}

impl Bench {
    async fn new(registries: &[Registry], answers: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let stub = Stub::start(HOST, answers).await;
        // By way of a proxy, which is how a name that nobody knows is reached.
        let env = BTreeMap::from([("https_proxy".to_owned(), format!("http://{}", stub.addr))]);
        let host = Host::new(Path::new("/nowhere"), Path::new("/root"), env);
        let (relay, unserved) = Relay::new(registries, &host, stub.ca.clone()).unwrap();
        assert_eq!(unserved, Vec::<String>::new());
        let relay = relay.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let to = told.clone();
        let tell = Arc::new(Tell::new(move |text| to.lock().unwrap().push(text.to_owned())));
        let serves = relay.serve(vec![listener], &tell);
        Self { relay, at, told, stub, _serves: serves }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let all = CertificateDer::pem_slice_iter(self.relay.bundle().as_bytes()).map(Result::unwrap);
        roots.add_parsable_certificates(all);
        let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.at).await.unwrap();
        let name = ServerName::try_from(HOST).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// What is answered to a request, but for its date.
    async fn ask(&self, first: &str, headers: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("{first} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.ok();
        let text = String::from_utf8_lossy(&text).replace("\r\n", "\n");
        text.lines().filter(|l| !l.starts_with("date: ")).collect::<Vec<_>>().join("\n")
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

fn whole(of: Ecosystem, url: &str) -> Registry {
    Registry::whole(of, url, None).unwrap()
}

#[tokio::test]
async fn credentials_are_added_and_everything_else_is_as_it_was() {
    let index = whole(Ecosystem::Pip, "https://joe:sesame@registry.example/simple");
    let b = Bench::new(&[index], |ask| match ask.path.as_str() {
        "/simple/six/" => Reply {
            headers: vec![
                ("content-type", "application/vnd.pypi.simple.v1+json".to_owned()),
                ("content-encoding", "gzip".to_owned()),
                ("set-cookie", "SESSION=sesame".to_owned()),
                ("etag", "\"1\"".to_owned()),
            ],
            ..Reply::ok(format!("{:?} {:?}", ask.header("accept-encoding"), ask.header("cookie")))
        },
        "/simple/moved/" => {
            Reply { headers: vec![("location", "https://cdn.example/x".to_owned())], ..Reply::status(302) }
        }
        "/simple/secret/" => Reply::status(403),
        _other => Reply::status(404),
    })
    .await;
    let mut out = String::new();
    for (first, headers) in [
        ("GET /simple/six/", "accept-encoding: gzip\r\ncookie: a=b\r\nauthorization: Basic eDp5\r\n"),
        ("HEAD /simple/six/", ""),
        ("GET /simple/moved/", ""),
        ("GET /simple/secret/", ""),
        ("GET /other/", ""),
        ("POST /simple/six/", "content-length: 0\r\n"),
        ("GET https://other.example/simple/six/", ""),
    ] {
        out += &format!("{first}: {}\n\n", b.ask(first, headers).await.trim_end());
    }
    expect![[r#"
        GET /simple/six/: HTTP/1.1 200 OK
        content-encoding: gzip
        content-length: 17
        content-type: application/vnd.pypi.simple.v1+json
        etag: "1"
        connection: close

        Some("gzip") None

        HEAD /simple/six/: HTTP/1.1 200 OK
        content-encoding: gzip
        content-length: 9
        content-type: application/vnd.pypi.simple.v1+json
        etag: "1"
        connection: close

        GET /simple/moved/: HTTP/1.1 302 Found
        content-length: 0
        location: https://cdn.example/x
        connection: close

        GET /simple/secret/: HTTP/1.1 403 Forbidden
        content-length: 0
        connection: close

        GET /other/: HTTP/1.1 403 Forbidden
        connection: close
        content-length: 88

        /other/ is no part of the registries of registry.example that this host's settings name

        POST /simple/six/: HTTP/1.1 405 Method Not Allowed
        allow: GET, HEAD
        connection: close
        content-length: 58

        builds only read from registry.example, they do not write

        GET https://other.example/simple/six/: HTTP/1.1 403 Forbidden
        connection: close
        content-length: 63

        this is registry.example, and no other host is asked from here

    "#]]
    .assert_eq(&out);
    expect![[r#"
        GET /simple/six/ Basic am9lOnNlc2FtZQ==
        HEAD /simple/six/ Basic am9lOnNlc2FtZQ==
        GET /simple/moved/ Basic am9lOnNlc2FtZQ==
        GET /simple/secret/ Basic am9lOnNlc2FtZQ=="#]]
    .assert_eq(&b.stub.asked().join("\n"));
    expect![[r#"
        registry.example refuses this host's credentials for pip: 403 Forbidden
          hint: check them in the settings of the user that the server runs as; they are read when it starts
        /other/ is no part of the registries of registry.example that this host's settings name
          hint: builds reach nothing else of a host for which the server adds credentials; name the registry in the server's settings, or take its ecosystem out of `credentials` under [build] in server.toml"#]].assert_eq(&b.told());
}

/// A wheel may be larger than this process's memory.
#[tokio::test]
async fn what_is_large_passes_through() {
    let more = Arc::new(tokio::sync::Notify::new());
    let (rest, root) = (more.clone(), whole(Ecosystem::Npm, "https://joe:sesame@registry.example/"));
    let b = Bench::new(&[root], move |_| Reply {
        rest: Some((rest.clone(), vec![b'y'; 1000])),
        ..Reply::ok(vec![b'x'; 1000])
    })
    .await;
    let mut stream = b.connect().await;
    stream.write_all(b"GET /a.tgz HTTP/1.1\r\nhost: registry.example\r\n\r\n").await.unwrap();
    // The first half is here before there is a second.
    let mut got = Vec::new();
    while got.iter().filter(|b| **b == b'x').count() < 1000 {
        got.push(stream.read_u8().await.unwrap());
    }
    more.notify_one();
    while got.iter().filter(|b| **b == b'y').count() < 1000 {
        got.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn cargo_is_not_asked_for_a_token() {
    let index = Registry::whole(
        Ecosystem::Cargo,
        "sparse+https://registry.example/index/",
        Some(crate::hostnet::Credential::Token("cio-sesame".into())),
    );
    let b = Bench::new(&[index.unwrap()], |ask| match ask.path.as_str() {
        "/index/config.json" => {
            Reply::ok(r#"{"dl":"https://files.example/{crate}","api":null,"auth-required":true}"#)
        }
        _other => Reply::status(404),
    })
    .await;
    let got = b.ask("GET /index/config.json", "accept-encoding: gzip\r\n").await;
    expect![[r#"
        HTTP/1.1 200 OK
        connection: close
        content-length: 49

        {"api":null,"dl":"https://files.example/{crate}"}
        GET /index/config.json cio-sesame
        registry.example keeps its packages on files.example, to which no credentials are sent
          hint: where it asks for them, set up a registry that keeps both on one host"#]]
    .assert_eq(&format!("{got}\n{}\n{}", b.stub.asked().join("\n"), b.told()));
}

async fn ends(b: &Bench, path: &str) -> String {
    b.ask(&format!("GET {path}"), "").await.split(' ').nth(1).unwrap().to_owned()
}

/// What the index does not name is not asked for, whoever asks first.
#[tokio::test]
async fn crates_are_where_the_index_says() {
    let index = "sparse+https://joe:sesame@registry.example/index/";
    let index = Registry::whole(Ecosystem::Cargo, index, None).unwrap();
    let b = Bench::new(&[index.packages_at("/"), index], |ask| match ask.path.as_str() {
        "/index/config.json" => {
            Reply::ok(r#"{"dl":"https://registry.example/files/{crate}-{version}.crate"}"#)
        }
        "/files/x-1.crate" | "/index/x" => Reply::ok("x"),
        _other => Reply::status(404),
    })
    .await;
    for (path, want) in
        [("/files/x-1.crate", "200"), ("/index/x", "200"), ("/users/download", "403"), ("/x.crate", "403")]
    {
        assert_eq!(ends(&b, path).await, want, "{path}");
    }
    assert_eq!(b.stub.asked().len(), 3, "{:?}", b.stub.asked());
}

#[tokio::test]
async fn it_says_no_secret_of_itself() {
    let index = whole(Ecosystem::Pip, "https://joe:sesame@127.0.0.1:1/simple");
    let host = Host::new(Path::new("/nowhere"), Path::new("/root"), BTreeMap::new());
    let relay = Relay::new(&[index], &host, String::new()).unwrap().0.unwrap();
    let told = format!("{relay:?}");
    assert!(told.contains("127.0.0.1:1") && !told.contains("sesame"), "{told}");
    assert_eq!(relay.hosts(), ["127.0.0.1"]);
}
