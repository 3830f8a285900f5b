//! From listeners to threads, and from tables to what the threads read.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    sync::{Arc, mpsc::Sender},
    thread,
};

use dormouse_model::{Keep, RouteTable};
use tokio::{
    runtime::{Builder, Handle, LocalOptions},
    sync::{
        mpsc,
        oneshot::{self, error::RecvError},
        watch,
    },
    task::spawn_local,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    EdgeSettings, Wake,
    ctx::{Drain, Shared, Table, TrafficStats, Wakes},
    net::{ConnectionLimit, accept},
    private::Listeners,
    worker::{Ingress, Job, Link, Pulse, Worker, Workers},
};

/// Why the edge could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The host refused something at start.
    #[error("cannot {what}")]
    Start {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A thread of the edge ended with a panic.
    #[error("a thread of the edge ended unexpectedly")]
    Thread,
}

impl EdgeError {
    fn start(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Start { what, source }
    }
}

/// What an edge listens on. All are bound and listening already.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For the public.
    pub public: Vec<TcpListener>,
    /// Private listeners of an edge that we take over from. Those that the first table does not name are closed; those
    /// that are missing are opened.
    pub private: Vec<TcpListener>,
    /// Told what else is listened on between services, and what no more. `private` is held already by who gave it.
    pub keep: Option<Sender<Keep>>,
}

/// Asks an edge to end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Nobody comes after us: what was asked for is answered, for up to [`EdgeSettings::drain_timeout`], the rest is cut.
    pub stop: CancellationToken,
    /// Another edge serves already: nothing new is taken, and what is open goes on for up to
    /// [`EdgeSettings::hand_over_timeout`].
    pub hand_over: CancellationToken,
}

/// Serve until asked to end, and then for as long as what is open may take.
///
/// Starts its own threads, which carry the traffic; the future distributes tables, and wake calls run beside it on
/// the runtime it is polled on, which can be of any kind. The sockets stay usable for whoever has duplicates of them.
/// Serving goes on with the last table when the sender of `tables` is gone.
///
/// A table of generation 0 is none, or one that an earlier edge has kept: what it names is served, and what it does not is
/// held for the first one that has a generation.
///
/// Who wants to know whether all threads still work sends `pulses` a sender, and waits until every clone of it is gone.
///
/// # Errors
/// When a thread or a listener cannot be set up, or a thread panics.
pub async fn run<W: Wake>(
    settings: EdgeSettings,
    sockets: Sockets,
    mut tables: watch::Receiver<Arc<RouteTable>>,
    wake: Arc<W>,
    traffic: Arc<TrafficStats>,
    ending: Ending,
    mut pulses: mpsc::UnboundedReceiver<Pulse>,
) -> Result<(), EdgeError> {
    let Sockets { public, mut private, mut keep } = sockets;
    let (workers, classes) = (settings.workers.max(1), settings.counting.map(|counting| counting.classes));
    let (links, queues): (Vec<_>, Vec<_>) = (0..workers).map(|_| Link::new()).unzip();
    let (drained, mut have_drained) = mpsc::unbounded_channel();
    let crew = Arc::new(Workers {
        public: ConnectionLimit::new(settings.max_connections),
        private: ConnectionLimit::new(settings.max_private),
        links,
        drained,
    });
    let wakes = Wakes::new(wake, Handle::current());
    let shared = Arc::new(Shared { settings, wakes, traffic: traffic.clone() });
    let threads = Threads(crew.clone());
    let mut ends = Vec::new();
    for (index, queue) in queues.into_iter().enumerate() {
        let listeners = public.iter().map(TcpListener::try_clone).collect::<io::Result<_>>();
        let listeners = listeners.map_err(EdgeError::start("duplicate a listening socket"))?;
        let (ended, end) = oneshot::channel();
        let (crew, shared) = (crew.clone(), shared.clone());
        // The first worker has the private ones.
        let private = (std::mem::take(&mut private), keep.take());
        thread::Builder::new()
            .name(format!("edge-{index}"))
            // The receiver is gone only when nobody wants to know any more.
            .spawn(move || drop(ended.send(work(crew, shared, index, listeners, private, queue))))
            .map_err(EdgeError::start("start a thread"))?;
        ends.push(end);
    }
    let mut public = Some(public);
    let mut ends = futures_util::future::select_all(ends);
    let show = |table: &Arc<RouteTable>| {
        let table = Arc::new(Table::new(table, &traffic, workers, classes));
        threads.send_all(|| Job::Apply(table.clone()));
    };
    let first = tables.borrow_and_update().clone();
    show(&first);
    let (mut open, mut drain, mut empty) = (true, None, BTreeSet::new());
    while empty.len() < workers {
        tokio::select! {
            changed = tables.changed(), if open => match changed {
                Ok(()) => {
                    let table = tables.borrow_and_update().clone();
                    show(&table);
                }
                Err(_) => open = false,
            },
            () = ending.hand_over.cancelled(), if drain.is_none() => {
                drain = Some(Drain::HandOver);
                drop(public.take());
                threads.send_all(|| Job::Drain(Drain::HandOver));
            }
            () = ending.stop.cancelled(), if drain != Some(Drain::Stop) => {
                drain = Some(Drain::Stop);
                drop(public.take());
                threads.send_all(|| Job::Drain(Drain::Stop));
            }
            Some(asked) = pulses.recv() => threads.send_all(|| Job::Pulse(asked.clone())),
            Some(index) = have_drained.recv() => drop(empty.insert(index)),
            (end, _, _) = &mut ends => return flatten(end),
        }
    }
    threads.send_all(|| Job::End);
    let mut result = Ok(());
    for end in ends.into_inner() {
        result = result.and(flatten(end.await));
    }
    result
}

fn flatten(end: Result<io::Result<()>, RecvError>) -> Result<(), EdgeError> {
    end.map_err(|_| EdgeError::Thread)?.map_err(EdgeError::start("set up a thread"))
}

/// Ends the threads when dropped.
struct Threads(Arc<Workers>);

impl Threads {
    fn send_all(&self, job: impl Fn() -> Job) {
        self.0.links.iter().for_each(|link| link.send(job()));
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.send_all(|| Job::Drain(Drain::Stop));
        self.send_all(|| Job::End);
    }
}

/// What a thread does, from its start to its end.
fn work(
    workers: Arc<Workers>,
    shared: Arc<Shared>,
    index: usize,
    listeners: Vec<TcpListener>,
    (private, keep): (Vec<TcpListener>, Option<Sender<Keep>>),
    jobs: mpsc::UnboundedReceiver<Job>,
) -> io::Result<()> {
    let each = shared.settings.max_private_each;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let worker = Worker::new(workers, shared, index);
        let mut acceptors = Vec::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let worker = worker.clone();
            let task =
                spawn_local(accept(listener, None, move |accepted| worker.admit(accepted, Ingress::Public)));
            acceptors.push(AbortOnDropHandle::new(task));
        }
        let admit = worker.clone();
        let listeners = Listeners::new(private, keep, each, move |accepted, service| {
            admit.admit(accepted, Ingress::Private(service));
        });
        worker.work(jobs, acceptors, listeners).await;
        Ok(())
    })
}
