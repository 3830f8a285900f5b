//! The platform's own address of each service, by which others call it.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fmt, io,
    net::{SocketAddr, SocketAddrV4, TcpListener as StdListener},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use dormouse_model::{Door, Keep, Listener, ServiceKey};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpListener, sync::Semaphore, task::spawn_local, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    ctx::Table,
    net::{Accepted, accept},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Longest wait between two attempts to listen.
const RETRY: Duration = Duration::from_secs(5);

/// Takes what comes in for a service.
type Take = Rc<dyn Fn(Accepted, ServiceKey)>;

/// The private listeners of the newest table.
pub(crate) struct Listeners {
    open: HashMap<SocketAddrV4, (Rc<RefCell<ServiceKey>>, AbortOnDropHandle<()>)>,
    /// Those of the edge before us, until the first table: what waits in their backlogs is served.
    inherited: HashMap<SocketAddrV4, StdListener>,
    kept: Kept,
    /// Most connections to each service.
    each: usize,
    take: Take,
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("open", &self.open).finish_non_exhaustive()
    }
}

/// Whoever holds duplicates of them, so that who connects while there is no edge waits for the next one.
#[derive(Debug, Default, Clone)]
struct Kept(Option<Sender<Keep>>);

impl Kept {
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
        if let Some(keeper) = &self.0 {
            // Nobody holds anything any more.
            let _ = keeper.send(Keep { door: Door::Service, addr, socket });
        }
    }
}

impl Listeners {
    pub(crate) fn new(
        inherited: Vec<StdListener>,
        keeper: Option<Sender<Keep>>,
        each: usize,
        take: impl Fn(Accepted, ServiceKey) + 'static,
    ) -> Self {
        let by_address = |listener: StdListener| match listener.local_addr() {
            Ok(SocketAddr::V4(addr)) => Some((addr, listener)),
            Ok(SocketAddr::V6(_)) | Err(_) => None,
        };
        let inherited = inherited.into_iter().filter_map(by_address).collect();
        Self { open: HashMap::new(), inherited, kept: Kept(keeper), each, take: Rc::new(take) }
    }

    /// Open what is new and close what is gone. Connections that were accepted go on. An address that goes to another
    /// service keeps its socket: closing it would reset the connections that wait in its backlog.
    pub(crate) fn follow(&mut self, table: &Table) {
        let wanted = &table.listeners;
        let there: HashSet<_> = wanted.iter().map(|l| l.addr).collect();
        let gone: Vec<_> = self.open.keys().filter(|addr| !there.contains(addr)).copied().collect();
        for addr in gone {
            self.open.remove(&addr);
            self.kept.closed(addr);
        }
        for Listener { addr, service } in wanted {
            let inherited = self.inherited.remove(addr);
            let (current, _) = self.open.entry(*addr).or_insert_with(|| {
                let current = Rc::new(RefCell::new(service.clone()));
                let (addr, service) = (*addr, current.clone());
                let (kept, take) = (self.kept.clone(), self.take.clone());
                let queue = Arc::new(Semaphore::new(self.each));
                let task = spawn_local(async move {
                    let listener = open(addr, &service, inherited, &kept).await;
                    accept(listener, Some(queue), |accepted| take(accepted, service.borrow().clone())).await;
                });
                (current, AbortOnDropHandle::new(task))
            });
            if *current.borrow() != *service {
                current.replace(service.clone());
            }
        }
        if table.generation > 0 {
            // Nobody wants the others any more.
            self.inherited.drain().for_each(|(addr, _)| self.kept.closed(addr));
        }
    }
}

/// Listen, as soon as that is possible.
async fn open(
    addr: SocketAddrV4,
    service: &RefCell<ServiceKey>,
    mut inherited: Option<StdListener>,
    kept: &Kept,
) -> TcpListener {
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
        kept.opened(addr, listener.as_fd());
    }
    listener
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
