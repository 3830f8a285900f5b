//! Traffic between services: the platform's own address of each service, where bytes are carried and wake it.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    future::pending,
    io,
    net::{SocketAddr, SocketAddrV4, TcpListener as StdListener},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use dormouse_model::{Door, Keep, Listener, ServiceKey};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::spawn_local,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    accept::accept,
    answers::Answers,
    find::{Found, Hunt, Need, NoInstance},
    meter::Meter,
    table::Table,
    tally::Lease,
    tunnel::{Side, Tunnel, dial},
    upkeep,
    worker::{Counted, Origin, Worker},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Most bytes taken from a client before its service is there.
const EARLY: usize = 64 * 1024;

/// Longest wait between two attempts to listen.
const RETRY: Duration = Duration::from_secs(5);

/// The private listeners of the newest table.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    open: HashMap<SocketAddrV4, (Rc<RefCell<ServiceKey>>, AbortOnDropHandle<()>)>,
    /// Those of the edge before us, until the first table: what waits in their backlogs is served.
    inherited: HashMap<SocketAddrV4, StdListener>,
    holder: Holder,
}

/// Whoever holds duplicates of them, so that who connects while there is no edge waits for the next one.
#[derive(Debug, Default, Clone)]
struct Holder(Option<Sender<Keep>>);

impl Holder {
    fn opened(&self, addr: SocketAddrV4, socket: BorrowedFd<'_>) {
        match socket.try_clone_to_owned() {
            Ok(socket) => self.tell(addr, Some(socket)),
            Err(error) => {
                tracing::warn!(%addr, %error, "calls to a service would be refused were this process to end")
            }
        }
    }

    fn closed(&self, addr: SocketAddrV4) {
        self.tell(addr, None);
    }

    fn tell(&self, addr: SocketAddrV4, socket: Option<OwnedFd>) {
        if let Some(holder) = &self.0 {
            // Nobody holds anything any more.
            let _ = holder.send(Keep { door: Door::Service, addr, socket });
        }
    }
}

impl Listeners {
    pub(crate) fn new(inherited: Vec<StdListener>, holder: Option<Sender<Keep>>) -> Self {
        let by_address = |listener: StdListener| match listener.local_addr() {
            Ok(SocketAddr::V4(addr)) => Some((addr, listener)),
            Ok(SocketAddr::V6(_)) | Err(_) => None,
        };
        let inherited = inherited.into_iter().filter_map(by_address).collect();
        Self { open: HashMap::new(), inherited, holder: Holder(holder) }
    }

    /// Open what is new and close what is gone. Connections that were accepted go on. An address that goes to another
    /// service keeps its socket: closing it would reset the connections that wait in its backlog.
    pub(crate) fn follow(&mut self, worker: &Rc<Worker>, table: &Table) {
        let wanted = &table.listeners;
        let there: HashSet<_> = wanted.iter().map(|l| l.addr).collect();
        let gone: Vec<_> = self.open.keys().filter(|addr| !there.contains(addr)).copied().collect();
        for addr in gone {
            self.open.remove(&addr);
            self.holder.closed(addr);
        }
        for Listener { addr, service } in wanted {
            let inherited = self.inherited.remove(addr);
            let (current, _) = self.open.entry(*addr).or_insert_with(|| {
                let current = Rc::new(RefCell::new(service.clone()));
                let task = spawn_local(listen(
                    worker.clone(),
                    *addr,
                    current.clone(),
                    inherited,
                    self.holder.clone(),
                ));
                (current, AbortOnDropHandle::new(task))
            });
            if *current.borrow() != *service {
                current.replace(service.clone());
            }
        }
        if table.generation > 0 {
            // Nobody wants the others any more.
            self.inherited.drain().for_each(|(addr, _)| self.holder.closed(addr));
        }
    }
}

async fn listen(
    worker: Rc<Worker>,
    addr: SocketAddrV4,
    service: Rc<RefCell<ServiceKey>>,
    mut inherited: Option<StdListener>,
    holder: Holder,
) {
    let mut held = inherited.is_some();
    let mut pause = Duration::from_millis(50);
    let listener = loop {
        match inherited.take().map_or_else(|| bind(addr), adopt) {
            Ok(listener) => break listener,
            Err(error) => tracing::warn!(%addr, service = %service.borrow(), %error, "cannot listen yet"),
        }
        held = false;
        sleep(pause).await;
        pause = RETRY.min(pause * 2);
    };
    if !held {
        holder.opened(addr, listener.as_fd());
    }
    let queue = Arc::new(Semaphore::new(worker.settings().max_private_each));
    accept(worker, listener, Some(queue), || Origin::Private(service.borrow().clone())).await;
}

fn adopt(listener: StdListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Listen on an address that need not exist yet: its bridge may come later. Nor need it be free: an edge that we take over
/// from may still listen there.
fn bind(addr: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_freebind_v4(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Carry a connection to an instance of the service, which is woken for it when need be.
pub(crate) async fn carry(worker: Rc<Worker>, client: TcpStream, service: ServiceKey, counted: Counted) {
    upkeep::of_service(&client);
    let mut early = Vec::new();
    let reached = tokio::select! {
        biased;
        reached = reach(&worker, &service) => reached,
        () = gone(&client, &mut early) => return,
    };
    match reached {
        Ok((lease, stream)) => {
            let client = Side { stream: client, early: early.into() };
            let instance = Side { stream, early: bytes::Bytes::new() };
            Tunnel::new(worker, service, lease, Meter::Bytes(Answers::default()))
                .carry(client, instance)
                .await;
        }
        Err(why) => {
            tracing::debug!(%service, ?why, "no instance for a private connection");
            // A reset tells the caller at once that nobody is there; an ordinary end would look like an empty answer.
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
        }
    }
    drop(counted);
}

async fn reach(worker: &Rc<Worker>, service: &ServiceKey) -> Result<(Lease, TcpStream), NoInstance> {
    let mut hunt = Hunt::new(worker.clone(), service.clone(), Need::Connection);
    loop {
        let Found { lease, addr } = hunt.find().await?;
        match dial(addr, worker.settings().connect_timeout).await {
            Ok(stream) => return Ok((lease, stream)),
            Err(error) => {
                tracing::debug!(%addr, %error, "cannot connect");
                hunt.refused(lease.tally().instance);
            }
        }
    }
}

/// Returns when the client has left without having said anything. What it says is collected, so that its leaving
/// can be seen behind it.
async fn gone(client: &TcpStream, early: &mut Vec<u8>) {
    while early.len() < EARLY {
        if client.readable().await.is_err() {
            return;
        }
        match client.try_read_buf(early) {
            Ok(0) if early.is_empty() => return,
            // It said something and awaits the answer with its side closed.
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
    pending().await
}
