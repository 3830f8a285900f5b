//! From listeners to threads, and from tables to what the threads read.

use std::{io, net::TcpListener, sync::Arc, thread};

use dormouse_model::RouteTable;
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
    EdgeSettings, TrafficBook, Wake,
    accept::accept,
    room::Rooms,
    table::Table,
    wakes::Wakes,
    worker::{Job, Link, Origin, Shared, Worker},
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

/// Serve until `shutdown`, then let what is in flight finish for up to [`EdgeSettings::drain_timeout`].
///
/// Starts its own threads, which carry the traffic; the future distributes tables, and wake calls run beside it on
/// the runtime it is polled on, which can be of any kind. `listeners` are bound and listening already, and stay usable
/// for whoever gave them. Serving goes on with the last table when the sender of `tables` is gone.
///
/// # Errors
/// When a thread or a listener cannot be set up, or a thread panics.
pub async fn run<W: Wake>(
    settings: EdgeSettings,
    listeners: Vec<TcpListener>,
    mut tables: watch::Receiver<Arc<RouteTable>>,
    wake: Arc<W>,
    traffic: Arc<TrafficBook>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let workers = settings.workers.max(1);
    let (links, queues): (Vec<_>, Vec<_>) = (0..workers).map(|_| Link::new()).unzip();
    let shared = Arc::new(Shared {
        wakes: Wakes::new(wake, Handle::current()),
        book: traffic.clone(),
        public: Rooms::new(settings.max_connections),
        private: Rooms::new(settings.max_private),
        links,
        settings,
    });
    let threads = Threads(shared.clone());
    let mut ends = Vec::new();
    for (index, queue) in queues.into_iter().enumerate() {
        let listeners = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>();
        let listeners = listeners.map_err(EdgeError::start("duplicate a listening socket"))?;
        let (ended, end) = oneshot::channel();
        let shared = shared.clone();
        thread::Builder::new()
            .name(format!("edge-{index}"))
            // The receiver is gone only when nobody wants to know any more.
            .spawn(move || drop(ended.send(work(shared, index, listeners, queue))))
            .map_err(EdgeError::start("start a thread"))?;
        ends.push(end);
    }
    let mut ends = futures_util::future::select_all(ends);
    let mut open = true;
    loop {
        let table = Arc::new(Table::new(&tables.borrow_and_update().clone(), &traffic, workers));
        threads.send_all(|| Job::Apply(table.clone()));
        let changed = async {
            while open && tables.changed().await.is_err() {
                open = false;
            }
            if !open {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => {}
            () = shutdown.cancelled() => break,
            (end, _, _) = &mut ends => return flatten(end),
        }
    }
    threads.send_all(|| Job::Drain);
    let mut result = Ok(());
    let mut rest = ends.into_inner();
    for end in rest.drain(..) {
        result = result.and(flatten(end.await));
    }
    result
}

fn flatten(end: Result<io::Result<()>, RecvError>) -> Result<(), EdgeError> {
    end.map_err(|_| EdgeError::Thread)?.map_err(EdgeError::start("set up a thread"))
}

/// Ends the threads when dropped.
struct Threads(Arc<Shared>);

impl Threads {
    fn send_all(&self, job: impl Fn() -> Job) {
        self.0.links.iter().for_each(|link| link.send(job()));
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.send_all(|| Job::Drain);
    }
}

/// What a thread does, from its start to its end.
fn work(
    shared: Arc<Shared>,
    index: usize,
    listeners: Vec<TcpListener>,
    jobs: mpsc::UnboundedReceiver<Job>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let worker = Worker::new(shared, index);
        let mut acceptors = Vec::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let task =
                spawn_local(accept(worker.clone(), listener, worker.public().clone(), || Origin::Public));
            acceptors.push(AbortOnDropHandle::new(task));
        }
        worker.work(jobs, acceptors).await;
        Ok(())
    })
}
