//! Traffic between services: the platform's own address of each service, where bytes are carried and wake it.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    future::pending,
    io,
    net::SocketAddrV4,
    rc::Rc,
    time::Duration,
};

use dormouse_model::{Listener, ServiceKey};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    accept::accept,
    find::{Found, Hunt, Need, NoInstance},
    meter::Meter,
    tally::Lease,
    tunnel::{Side, Tunnel, dial},
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
pub(crate) struct Listeners(HashMap<SocketAddrV4, (Rc<RefCell<ServiceKey>>, AbortOnDropHandle<()>)>);

impl Listeners {
    /// Open what is new and close what is gone. Connections that were accepted go on. An address that goes to another
    /// service keeps its socket: closing it would reset the connections that wait in its backlog.
    pub(crate) fn follow(&mut self, worker: &Rc<Worker>, wanted: &[Listener]) {
        let there: HashSet<_> = wanted.iter().map(|l| l.addr).collect();
        self.0.retain(|addr, _| there.contains(addr));
        for Listener { addr, service } in wanted {
            let (current, _) = self.0.entry(*addr).or_insert_with(|| {
                let current = Rc::new(RefCell::new(service.clone()));
                let task = spawn_local(listen(worker.clone(), *addr, current.clone()));
                (current, AbortOnDropHandle::new(task))
            });
            if *current.borrow() != *service {
                current.replace(service.clone());
            }
        }
    }
}

async fn listen(worker: Rc<Worker>, addr: SocketAddrV4, service: Rc<RefCell<ServiceKey>>) {
    let mut pause = Duration::from_millis(50);
    let listener = loop {
        match bind(addr) {
            Ok(listener) => break listener,
            Err(error) => tracing::warn!(%addr, service = %service.borrow(), %error, "cannot listen yet"),
        }
        sleep(pause).await;
        pause = RETRY.min(pause * 2);
    };
    let rooms = worker.private();
    accept(worker, listener, rooms, || Origin::Private(service.borrow().clone())).await;
}

/// Listen on an address that need not exist yet: its bridge may come later.
fn bind(addr: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_freebind_v4(true)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Finds out within two minutes that a peer vanished without a word.
pub(crate) fn keep_alive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(75))
        .with_interval(Duration::from_secs(15))
        .with_retries(3)
}

/// Carry a connection to an instance of the service, which is woken for it when need be.
pub(crate) async fn carry(worker: Rc<Worker>, client: TcpStream, service: ServiceKey, counted: Counted) {
    // Both only make things better.
    let _ = client.set_nodelay(true);
    let _ = SockRef::from(&client).set_tcp_keepalive(&keep_alive());
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
            Tunnel::new(worker, service, lease, Meter::Bytes).carry(client, instance).await;
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
