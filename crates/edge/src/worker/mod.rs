//! One thread of the edge and what it owns.

mod drain;

use std::{
    convert::Infallible,
    net::{IpAddr, TcpStream as StdStream},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use dormouse_model::ServiceKey;
use socket2::SockRef;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    ctx::{Ctx, Drain, Shared, Table},
    http1::{Http1, serve},
    net::{Accepted, Admission, ConnectionLimit, Full, Load, Owner, TurnAway},
    private::{Listeners, carry},
};

/// All workers, as each of them sees them.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) public: ConnectionLimit,
    pub(crate) private: ConnectionLimit,
    pub(crate) links: Vec<Link>,
    /// Told by each worker that has drained.
    pub(crate) drained: mpsc::UnboundedSender<usize>,
}

/// The way to a worker.
#[derive(Debug)]
pub(crate) struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    load: Load,
}

impl Link {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        (Self { jobs, load: Load::default() }, queue)
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
    Connection(StdStream, Ingress, Admission),
    /// Take nothing new, and tell when what is open has ended.
    Drain(Drain),
    /// Nobody is served any more.
    End,
}

/// Where a connection came in.
#[derive(Debug)]
pub(crate) enum Ingress {
    Public,
    /// On the private address of a service.
    Private(ServiceKey),
}

#[derive(Debug)]
pub(crate) struct Worker {
    workers: Arc<Workers>,
    index: usize,
    ctx: Rc<Ctx>,
    http: Rc<Http1>,
    turn_away: TurnAway,
}

impl Worker {
    pub(crate) fn new(workers: Arc<Workers>, shared: Arc<Shared>, index: usize) -> Rc<Self> {
        let ctx = Ctx::new(shared);
        let http = Http1::new(ctx.clone());
        Rc::new(Self { workers, index, ctx, http, turn_away: TurnAway::default() })
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
                        listeners.follow(&table);
                    }
                    self.apply(&table);
                }
                Job::Pulse(asked) => drop(asked),
                Job::Connection(stream, ingress, admission) => self.take(stream, ingress, admission),
                Job::Drain(drain) => break drain,
                Job::End => return,
            }
        };
        drop((listeners, acceptors));
        self.http.pool.clear();
        self.ctx.tasks().close();
        self.drain(drain, &mut jobs).await;
    }

    /// Begin to end. With a successor there is no hurry: whoever is connected learns with its next answer that it was the
    /// last one here. A connection closed while a request is on its way would fail it.
    fn set_drain(&self, drain: Drain) {
        self.ctx.set_drain(drain);
        match drain {
            Drain::HandOver => {}
            Drain::Stop => self.http.watch.end_all(),
        }
    }

    fn tell_drained(&self) {
        // Nobody waits for it when the edge's future was dropped.
        let _ = self.workers.drained.send(self.index);
    }

    fn apply(&self, table: &Arc<Table>) {
        self.ctx.set_table(table.clone());
        self.http.pool.retain(|instance| table.keeps(instance));
        if table.applied() {
            self.ctx.traffic().set_applied(table.generation);
        }
    }

    /// Serve a connection that has come in, if it may be open.
    pub(crate) fn admit(&self, accepted: Accepted, ingress: Ingress) {
        let Accepted { stream, peer, queued } = accepted;
        match self.limit(&ingress).take(self.owner(&ingress, peer.ip())) {
            Ok(permit) => self.place(stream, ingress, Admission { permit, _queued: queued }),
            Err(full) => self.refuse(stream, &ingress, full),
        }
    }

    fn limit(&self, ingress: &Ingress) -> &ConnectionLimit {
        match ingress {
            Ingress::Public => &self.workers.public,
            Ingress::Private(_) => &self.workers.private,
        }
    }

    /// With whose connections one that came in there, from this address, is counted.
    fn owner(&self, ingress: &Ingress, peer: IpAddr) -> Owner {
        match ingress {
            Ingress::Public if self.ctx.settings().trusts(peer) => Owner::Proxy,
            Ingress::Public => Owner::visitor(peer),
            Ingress::Private(service) => Owner::Project(service.project.clone()),
        }
    }

    fn refuse(&self, stream: TcpStream, ingress: &Ingress, full: Full) {
        match ingress {
            Ingress::Public => self.turn_away.tell(stream, full),
            // Whatever it speaks, it is told at once that nobody is there.
            Ingress::Private(_) => drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO))),
        }
    }

    /// Give a fresh connection to the worker that has the fewest, ourselves in doubt.
    fn place(&self, stream: TcpStream, ingress: Ingress, admission: Admission) {
        let links = &self.workers.links;
        let ours = links[self.index].load.connections();
        match links.iter().min_by_key(|link| link.load.connections()) {
            Some(link) if link.load.connections() < ours => match stream.into_std() {
                Ok(stream) => link.send(Job::Connection(stream, ingress, admission)),
                Err(error) => tracing::warn!(%error, "cannot hand over a connection"),
            },
            Some(_) | None => self.start(stream, ingress, admission),
        }
    }

    /// Take over a connection that another worker accepted.
    fn take(&self, stream: StdStream, ingress: Ingress, admission: Admission) {
        match TcpStream::from_std(stream) {
            Ok(stream) => self.start(stream, ingress, admission),
            Err(error) => tracing::warn!(%error, "cannot take over a connection"),
        }
    }

    fn start(&self, stream: TcpStream, ingress: Ingress, admission: Admission) {
        let open = self.workers.links[self.index].load.open(admission);
        match ingress {
            Ingress::Public => self.ctx.spawn(serve(self.http.clone(), Box::new(stream), open)),
            Ingress::Private(service) => self.ctx.spawn(carry(self.ctx.clone(), stream, service, open)),
        }
    }
}
