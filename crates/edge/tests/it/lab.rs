//! An edge with a wake that is told what to answer, clients that speak bytes, and instances made of closures.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener as StdListener},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use dormouse_edge::{EdgeError, EdgeSettings, Ending, Pulse, Sockets, TrafficStats, Wake, run};
use dormouse_model::{
    Endpoint, InstanceId, Keep, Listener, ProjectName, Route, RouteTable, ServiceKey, Target, Traffic,
    WakeRefused, ZoneRecord,
};
use http_body_util::combinators::BoxBody;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::DropGuard;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Answer = Result<Vec<Target>, WakeRefused>;
pub(crate) type TestBody = BoxBody<Bytes, Infallible>;

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Wait until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A service of the project `shop`, unless another is named.
pub(crate) fn key(name: &str) -> ServiceKey {
    if name.contains('/') { name.parse() } else { format!("shop/{name}").parse() }.unwrap()
}

pub(crate) fn target(number: u64, addr: SocketAddrV4, asleep: bool) -> Target {
    Target { instance: InstanceId(number), addr, asleep }
}

pub(crate) fn ready(targets: &[Target]) -> Endpoint {
    Endpoint::Ready { targets: targets.to_vec() }
}

/// Answers when it is told what.
#[derive(Debug)]
pub(crate) struct Wakes {
    pub(crate) calls: AtomicUsize,
    pub(crate) running: AtomicUsize,
    answer: watch::Sender<Option<Answer>>,
}

impl Wakes {
    pub(crate) fn answer(&self, answer: Answer) {
        self.answer.send_replace(Some(answer));
    }
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

struct Running<'a>(&'a AtomicUsize);
impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wake for Wakes {
    async fn wake(&self, _: &ServiceKey) -> Answer {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(&self.running);
        let mut answer = self.answer.subscribe();
        let answer = answer.wait_for(Option::is_some).await.unwrap();
        answer.clone().unwrap()
    }
}

pub(crate) struct Lab {
    pub(crate) addr: SocketAddr,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) book: Arc<TrafficStats>,
    pub(crate) ending: Ending,
    pub(crate) pulses: mpsc::UnboundedSender<Pulse>,
    held: Arc<Mutex<BTreeMap<SocketAddrV4, OwnedFd>>>,
    pub(crate) served: JoinHandle<Result<(), EdgeError>>,
    tables: watch::Sender<Arc<RouteTable>>,
    traffic: Mutex<BTreeMap<InstanceId, Traffic>>,
    _stop: DropGuard,
}

impl Lab {
    pub(crate) async fn new(endpoints: &[(&str, Endpoint)]) -> Self {
        Self::with(EdgeSettings::default(), endpoints).await
    }

    /// Each service is at `<service>.localhost`.
    pub(crate) async fn with(settings: EdgeSettings, endpoints: &[(&str, Endpoint)]) -> Self {
        Self::keeping(TrafficStats::new(), settings, endpoints).await
    }

    /// With its traffic in this book.
    pub(crate) async fn keeping(
        book: TrafficStats,
        settings: EdgeSettings,
        endpoints: &[(&str, Endpoint)],
    ) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let lab = Self::on(listener, Vec::new(), book, settings);
        lab.table(endpoints).await;
        lab
    }

    /// On this listener, with those private ones of an edge before it, and without a table yet.
    pub(crate) fn on(
        listener: StdListener,
        private: Vec<StdListener>,
        book: TrafficStats,
        settings: EdgeSettings,
    ) -> Self {
        let settings = EdgeSettings { workers: 2, ..settings };
        let addr = listener.local_addr().unwrap();
        let wakes = Arc::new(Wakes {
            calls: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            answer: watch::Sender::new(None),
        });
        let (tables, seen) = watch::channel(Arc::default());
        let book = Arc::new(book);
        let ending = Ending::default();
        let (keep, kept) = std::sync::mpsc::channel();
        let held = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let holding = held.clone();
        std::thread::spawn(move || {
            for Keep { addr, socket, .. } in kept {
                let mut held = holding.lock().unwrap();
                match socket {
                    Some(socket) => held.insert(addr, socket),
                    None => held.remove(&addr),
                };
            }
        });
        let sockets = Sockets { public: vec![listener], private, keep: Some(keep) };
        let (pulses, asked) = mpsc::unbounded_channel();
        let served =
            tokio::spawn(run(settings, sockets, seen, wakes.clone(), book.clone(), ending.clone(), asked));
        let stop = ending.stop.clone().drop_guard();
        let traffic = Mutex::default();
        Self { addr, wakes, book, ending, pulses, held, served, tables, traffic, _stop: stop }
    }

    /// What is held of this address, as by the parent of an edge.
    pub(crate) fn held(&self, addr: SocketAddrV4) -> Option<StdListener> {
        Some(StdListener::from(self.held.lock().unwrap().get(&addr)?.try_clone().unwrap()))
    }

    /// Publish a table, and wait until it is applied.
    pub(crate) async fn table(&self, endpoints: &[(&str, Endpoint)]) -> u64 {
        self.table_and(endpoints, &[]).await
    }

    pub(crate) async fn table_and(
        &self,
        endpoints: &[(&str, Endpoint)],
        listeners: &[(SocketAddrV4, &str)],
    ) -> u64 {
        let generation = self.tables.borrow().generation + 1;
        self.tables.send_replace(Arc::new(route_table(generation, endpoints, listeners)));
        soon("applying a table", self.book.applied(generation)).await;
        generation
    }

    /// Show what an edge before this one has kept: no table that anybody stands for.
    pub(crate) fn saved_table(&self, endpoints: &[(&str, Endpoint)]) {
        self.tables.send_replace(Arc::new(route_table(0, endpoints, &[])));
    }

    /// What is known of an instance after all reports so far.
    pub(crate) fn traffic(&self, instance: u64) -> Traffic {
        let mut traffic = self.traffic.lock().unwrap();
        traffic.extend(self.book.report().instances);
        traffic.get(&InstanceId(instance)).copied().unwrap_or_default()
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.addr).await
    }

    /// The same from this address.
    pub(crate) async fn connect_from(&self, addr: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((addr.parse::<std::net::Ipv4Addr>().unwrap(), 0).into()).unwrap();
        Client::of(socket.connect(self.addr).await.unwrap())
    }

    /// A GET on a connection of its own.
    pub(crate) async fn get(&self, service: &str) -> String {
        let mut client = self.connect().await;
        client.get(service).await;
        client.response().await
    }
}

fn route_table(
    generation: u64,
    endpoints: &[(&str, Endpoint)],
    listeners: &[(SocketAddrV4, &str)],
) -> RouteTable {
    RouteTable {
        generation,
        hosts: endpoints
            .iter()
            .map(|(name, _)| (format!("{}.localhost", name.replace('/', ".")), Route { service: key(name) }))
            .collect(),
        endpoints: endpoints.iter().map(|(name, endpoint)| (key(name), endpoint.clone())).collect(),
        listeners: listeners
            .iter()
            .map(|(addr, name)| Listener { addr: *addr, service: key(name) })
            .collect(),
        zones: endpoints.iter().map(|(name, _)| zone(key(name).project)).collect(),
    }
}

/// The network of a project, which its name's length chooses.
fn zone(project: ProjectName) -> ZoneRecord {
    let gateway = gateway(&project);
    ZoneRecord { gateway, prefix: 27, more: vec![], project: Some(project), names: BTreeMap::new() }
}

pub(crate) fn gateway(project: &ProjectName) -> Ipv4Addr {
    let subnet = u8::try_from(project.as_str().len()).unwrap();
    Ipv4Addr::new(10, 77, subnet, 1)
}

/// Speaks bytes.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: impl Into<SocketAddr>) -> Self {
        Self { stream: TcpStream::connect(addr.into()).await.unwrap(), buffer: Vec::new() }
    }
    pub(crate) fn of(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }
    pub(crate) async fn get(&mut self, service: &str) {
        self.send(&format!("GET / HTTP/1.1\r\nhost: {service}.localhost\r\n\r\n")).await;
    }

    /// More bytes; false at the end.
    async fn more(&mut self) -> bool {
        match soon("reading", self.stream.read_buf(&mut self.buffer)).await {
            Ok(read) => read > 0,
            Err(_) => false,
        }
    }

    /// Everything up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end.as_bytes()) {
                let rest = self.buffer.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
            }
            let seen = String::from_utf8_lossy(&self.buffer).into_owned();
            assert!(self.more().await, "ended before {end:?}: {seen:?}");
        }
    }

    pub(crate) async fn read_exact(&mut self, length: usize) -> String {
        while self.buffer.len() < length {
            assert!(self.more().await, "ended after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        let rest = self.buffer.split_off(length);
        String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap()
    }

    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    /// A response with a content-length or in chunks: its head without the date, and its body as framed.
    pub(crate) async fn response(&mut self) -> String {
        let head = self.head().await;
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
        let body = match length {
            Some(length) => self.read_exact(length.parse().unwrap()).await,
            None if head.contains("transfer-encoding: chunked") => self.read_until("0\r\n\r\n").await,
            None => String::new(),
        };
        head + &body
    }

    /// A response head without the date.
    pub(crate) async fn head(&mut self) -> String {
        let head = self.read_until("\r\n\r\n").await;
        head.lines().filter(|l| !l.starts_with("date:")).map(|l| format!("{l}\n")).collect()
    }
}

/// An instance made of a closure.
pub(crate) async fn instance<F, Fut>(answer: F) -> SocketAddrV4
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<TestBody>> + Send + 'static,
{
    let (listener, addr) = listener().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let response = answer(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades(),
            );
        }
    });
    addr
}

pub(crate) fn text(body: &str) -> Response<TestBody> {
    Response::new(BoxBody::new(http_body_util::Full::new(Bytes::from(body.to_owned()))))
}

/// An instance that says its name.
pub(crate) async fn named(name: &'static str) -> SocketAddrV4 {
    instance(move |_| async move { text(name) }).await
}

pub(crate) async fn listener() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let SocketAddr::V4(addr) = listener.local_addr().unwrap() else { unreachable!() };
    (listener, addr)
}

/// An address nobody listens on.
pub(crate) async fn nobody() -> SocketAddrV4 {
    listener().await.1
}
