//! One thread of the edge and what it owns.

use std::{
    cell::{Cell, RefCell, RefMut},
    convert::Infallible,
    net::{IpAddr, TcpStream as StdStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dormouse_model::{ClassId, InstanceId, ServiceKey};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::spawn_local,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::{
    EdgeSettings, TrafficBook,
    drain::Drain,
    http1::{Pool, Watch, serve},
    private::{Listeners, carry},
    room::{Holder, Place, Rooms},
    table::Table,
    turn_away,
    turns::Turns,
    wakes::Wakes,
};

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: EdgeSettings,
    pub(crate) wakes: Wakes,
    pub(crate) book: Arc<TrafficBook>,
    pub(crate) public: Rooms,
    pub(crate) private: Rooms,
    pub(crate) links: Vec<Link>,
    /// Told by each worker that has drained.
    pub(crate) drained: mpsc::UnboundedSender<usize>,
}

/// The way to a worker.
#[derive(Debug)]
pub(crate) struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    connections: AtomicUsize,
}

impl Link {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        (Self { jobs, connections: AtomicUsize::new(0) }, queue)
    }

    /// Workers end only when told to, and then need no more jobs.
    pub(crate) fn send(&self, job: Job) {
        let _ = self.jobs.send(job);
    }
}

/// Asks an edge whether it works: closed once each of its threads has let go of it.
pub type Pulse = mpsc::Sender<Infallible>;

#[derive(Debug)]
pub(crate) enum Job {
    Apply(Arc<Table>),
    /// Dropped by a worker that works.
    Pulse(Pulse),
    Connection(StdStream, Origin, Place),
    /// Take nothing new, and tell when what is open has ended.
    Drain(Drain),
    /// Nobody is served any more.
    End,
}

/// Where a connection came in.
#[derive(Debug)]
pub(crate) enum Origin {
    Public,
    /// On the private address of a service.
    Private(ServiceKey),
}

#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    index: usize,
    table: watch::Sender<Arc<Table>>,
    pub(crate) pool: Pool,
    pub(crate) watch: Watch,
    pub(crate) turns: Turns,
    tasks: TaskTracker,
    drain: Cell<Option<Drain>>,
    scratch: RefCell<Box<[u8]>>,
    to_turn_away: Arc<Semaphore>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Rc<Self> {
        Rc::new(Self {
            shared,
            index,
            table: watch::Sender::new(Arc::default()),
            pool: Pool::default(),
            watch: Watch::default(),
            turns: Turns::default(),
            tasks: TaskTracker::new(),
            drain: Cell::new(None),
            // As much as one read of a tunnel takes at most.
            scratch: RefCell::new(vec![0; 64 * 1024].into()),
            to_turn_away: Arc::new(Semaphore::new(turn_away::AT_A_TIME)),
        })
    }

    /// Do what is asked until told to drain, and then see the open connections to their end.
    pub(crate) async fn work(
        self: Rc<Self>,
        mut jobs: mpsc::UnboundedReceiver<Job>,
        acceptors: Vec<AbortOnDropHandle<()>>,
        mut listeners: Listeners,
    ) {
        let drain = loop {
            let Some(job) = jobs.recv().await else { return };
            match job {
                Job::Apply(table) => {
                    if self.index == 0 {
                        listeners.follow(&self, &table);
                    }
                    self.apply(table);
                }
                Job::Pulse(asked) => drop(asked),
                Job::Connection(stream, origin, place) => self.take(stream, origin, place),
                Job::Drain(drain) => break drain,
                Job::End => return,
            }
        };
        drop((listeners, acceptors));
        self.pool.clear();
        self.tasks.close();
        self.drain(drain, &mut jobs).await;
    }

    /// Begin to end. With a successor there is no hurry: whoever is connected learns with its next answer that it was the
    /// last one here. A connection closed while a request is on its way would fail it.
    pub(crate) fn set_drain(&self, drain: Drain) {
        self.drain.set(Some(drain));
        match drain {
            Drain::HandOver => {}
            Drain::Stop => self.watch.end_all(),
        }
    }

    pub(crate) fn tell_drained(&self) {
        // Nobody waits for it when the edge's future was dropped.
        let _ = self.shared.drained.send(self.index);
    }

    /// Take over a connection that another worker accepted.
    pub(crate) fn take(self: &Rc<Self>, stream: StdStream, origin: Origin, place: Place) {
        match TcpStream::from_std(stream) {
            Ok(stream) => self.start(stream, origin, place),
            Err(error) => tracing::warn!(%error, "cannot take over a connection"),
        }
    }

    // No task of this thread is between looking at the old table and counting what it sends: both happen in one step.
    pub(crate) fn apply(&self, table: Arc<Table>) {
        self.table.send_replace(table.clone());
        self.pool.retain(|instance| table.keeps(instance));
        self.turns.retain(|service| table.service(service).is_some());
        if table.applied() {
            self.shared.book.set_applied(table.generation);
        }
    }

    /// Give a fresh connection to the worker that has the fewest, ourselves in doubt.
    pub(crate) fn place(self: &Rc<Self>, stream: TcpStream, origin: Origin, place: Place) {
        let load = |link: &Link| link.connections.load(Ordering::Relaxed);
        let ours = load(&self.shared.links[self.index]);
        match self.shared.links.iter().min_by_key(|link| load(link)) {
            Some(link) if load(link) < ours => match stream.into_std() {
                Ok(stream) => link.send(Job::Connection(stream, origin, place)),
                Err(error) => tracing::warn!(%error, "cannot hand over a connection"),
            },
            Some(_) | None => self.start(stream, origin, place),
        }
    }

    fn start(self: &Rc<Self>, stream: TcpStream, origin: Origin, place: Place) {
        let worker = self.clone();
        let counted = Counted::new(self.shared.clone(), self.index, place);
        self.spawn(async move {
            match origin {
                Origin::Public => serve(worker, stream, counted).await,
                Origin::Private(service) => carry(worker, stream, service, counted).await,
            }
        });
    }

    /// Run something that a drain waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spawn_local(self.tasks.track_future(task));
    }

    pub(crate) fn settings(&self) -> &EdgeSettings {
        &self.shared.settings
    }
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.shared.wakes
    }
    pub(crate) fn book(&self) -> &TrafficBook {
        &self.shared.book
    }
    /// What connections that came in there take their room from.
    pub(crate) fn rooms(&self, origin: &Origin) -> &Rooms {
        match origin {
            Origin::Public => &self.shared.public,
            Origin::Private(_) => &self.shared.private,
        }
    }
    /// With whose connections one that came in there, from this address, is counted.
    pub(crate) fn holder(&self, origin: &Origin, peer: IpAddr) -> Holder {
        match origin {
            Origin::Public if self.settings().trusts(peer) => Holder::Proxy,
            Origin::Public => Holder::visitor(peer),
            Origin::Private(service) => Holder::Project(service.project.clone()),
        }
    }
    /// To be held while a visitor is turned away; `None` when that is being done to enough of them.
    pub(crate) fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.to_turn_away.clone().try_acquire_owned().ok()
    }
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
    pub(crate) fn draining(&self) -> Option<Drain> {
        self.drain.get()
    }

    /// The table in use. Not to be held across an await.
    pub(crate) fn table(&self) -> watch::Ref<'_, Arc<Table>> {
        self.table.borrow()
    }

    /// Whether an instance of the service takes requests without being woken.
    pub(crate) fn awake(&self, service: &ServiceKey) -> bool {
        self.table().awake(service)
    }

    /// With which class answers of the service are counted, where they are at all.
    pub(crate) fn class(&self, service: &ServiceKey) -> Option<ClassId> {
        self.settings().counting?;
        self.table().class(&service.project)
    }

    /// Returns when a newer table than the one at the time of the call is in use.
    pub(crate) async fn next_table(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.table.subscribe().changed().await;
    }

    /// Room to read into, shared by all connections of the thread. Not to be held across an await.
    pub(crate) fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.scratch.borrow_mut()
    }

    /// Whether connections to the instance may be kept for later requests.
    pub(crate) fn keeps(&self, instance: InstanceId) -> bool {
        self.draining().is_none() && self.table().keeps(instance)
    }
}

/// A client connection, counted for limits and placement until dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    shared: Arc<Shared>,
    index: usize,
    place: Place,
}

impl Counted {
    fn new(shared: Arc<Shared>, index: usize, place: Place) -> Self {
        shared.links[index].connections.fetch_add(1, Ordering::Relaxed);
        Self { shared, index, place }
    }

    /// Whether it should go when nothing is asked on it, because others need the room.
    pub(crate) fn crowds(&self) -> bool {
        self.place.room.crowds()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.links[self.index].connections.fetch_sub(1, Ordering::Relaxed);
    }
}
