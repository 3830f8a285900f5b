//! Ends client connections that take too long to say something.
//!
//! hyper would arm a timer per request; one look a second at all connections costs less, and none while there are none.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    task::Waker,
    time::Duration,
};

use tokio::task::spawn_local;

use super::class::Class;
use crate::{
    ctx::{Ctx, Drain},
    net::OpenConnection,
};

const TICK: Duration = Duration::from_secs(1);

/// Ticks that a connection may stay open without a request while another edge takes over.
const IDLE_TICKS_LEFT: u32 = 2;

/// The same, and for a request to arrive, while its client holds more connections than are left for others.
const CROWDED_TICKS: u32 = 2;

/// What a connection is doing. Shared with its socket, which hyper wants to be `Send`; used by one thread only.
#[derive(Debug, Default)]
pub(crate) struct ConnState {
    phase: AtomicU8,
    /// Ticks seen in this phase.
    age: AtomicU32,
    end: AtomicU8,
    /// What is known of the client's side.
    side: AtomicU8,
    waker: OnceLock<Waker>,
    /// Whose share of the host's line what it is answered is counted with.
    pub(crate) class: Class,
}

/// What to make of it that a client has ended its side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It has left.
    Left,
    /// It has asked for everything, and waits for the answer: look again with each tick whether it is still there.
    Waits,
}

/// Why a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// After the request it is busy with, if any.
    Gracefully,
    /// A request head did not arrive in time.
    SlowHead,
}

/// Who ends its side within so many ticks of its request does it because it has said all, and not because it has lost
/// patience. A tick may be just ahead.
const AT_ONCE_TICKS: u32 = 1;

// Sides.
/// More of the request is to come.
const ASKS: u8 = 0;
/// It has been heard to its end.
const HEARD: u8 = 1;
/// The client has ended its side, and whether that was the end of its request is not known: whoever reads a body may not
/// have come to it yet.
const ENDED: u8 = 2;
/// It has been heard to its end, and the client has ended its side.
const HALF_CLOSED: u8 = 3;
/// It has been heard to its end, and the answer has none.
const LISTENS: u8 = 4;
// Phases.
const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
// Ends; 0 is none.
const GRACEFULLY: u8 = 1;
const SLOW_HEAD: u8 = 2;

impl ConnState {
    /// Bytes came in: when nothing was going on, they begin a request head.
    pub(crate) fn bytes(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }
    /// A request head is complete.
    pub(crate) fn busy(&self) {
        self.side.store(ASKS, Ordering::Relaxed);
        self.enter(BUSY);
    }

    /// All of the request has arrived.
    pub(crate) fn heard(&self) {
        match self.side.load(Ordering::Relaxed) {
            ASKS => {
                self.side.store(HEARD, Ordering::Relaxed);
                self.age.store(0, Ordering::Relaxed);
            }
            ENDED => self.side.store(HALF_CLOSED, Ordering::Relaxed),
            _ => {}
        }
    }

    /// What is answered goes on for as long as the client listens, so who ends its side has heard enough.
    pub(crate) fn listens(&self) {
        if self.side.load(Ordering::Relaxed) == HEARD {
            self.side.store(LISTENS, Ordering::Relaxed);
        }
    }

    /// The client has ended its side.
    pub(crate) fn ended(&self) -> Ended {
        if self.phase.load(Ordering::Relaxed) != BUSY {
            return Ended::Left;
        }
        let at_once = self.age.load(Ordering::Relaxed) <= AT_ONCE_TICKS;
        match self.side.load(Ordering::Relaxed) {
            ASKS => {
                self.side.store(ENDED, Ordering::Relaxed);
                self.age.store(0, Ordering::Relaxed);
                Ended::Waits
            }
            ENDED if at_once => Ended::Waits,
            HEARD if at_once => {
                self.side.store(HALF_CLOSED, Ordering::Relaxed);
                Ended::Waits
            }
            HALF_CLOSED => Ended::Waits,
            _ => Ended::Left,
        }
    }

    /// Whether the client has ended its side, and waits for an answer or for the rest of one.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.side.load(Ordering::Relaxed) == HALF_CLOSED
    }

    /// The response has been handed over.
    pub(crate) fn idle(&self) {
        self.enter(IDLE);
    }
    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.age.store(0, Ordering::Relaxed);
    }

    /// Whether the connection is to end; it is polled again when that changes.
    pub(crate) fn end(&self, waker: &Waker) -> Option<End> {
        // A task's waker stays the same for its lifetime.
        self.waker.get_or_init(|| waker.clone());
        match self.end.load(Ordering::Relaxed) {
            GRACEFULLY => Some(End::Gracefully),
            SLOW_HEAD => Some(End::SlowHead),
            _ => None,
        }
    }
    fn set_end(&self, end: u8) {
        self.end.store(end, Ordering::Relaxed);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    fn tick(&self, header_ticks: u32, idle_ticks: u32, crowds: impl FnOnce() -> bool) {
        let age = self.age.fetch_add(1, Ordering::Relaxed);
        let waits = self.phase.load(Ordering::Relaxed) != BUSY;
        let most = if waits && age >= CROWDED_TICKS && crowds() { CROWDED_TICKS } else { u32::MAX };
        let (header_ticks, idle_ticks) = (header_ticks.min(most), idle_ticks.min(most));
        match self.phase.load(Ordering::Relaxed) {
            IDLE if age >= idle_ticks => self.set_end(GRACEFULLY),
            HEAD if age >= header_ticks => self.set_end(SLOW_HEAD),
            _ => {}
        }
        // Nothing else tells that it has gone meanwhile.
        if matches!(self.side.load(Ordering::Relaxed), ENDED | HALF_CLOSED)
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }
}

#[derive(Debug)]
struct Connection {
    state: Arc<ConnState>,
    open: Rc<OpenConnection>,
}

/// All client connections of a thread that speak HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Rc<All>);

#[derive(Debug)]
struct All {
    ctx: Rc<Ctx>,
    connections: RefCell<HashMap<u64, Connection>>,
    next: Cell<u64>,
    ticking: Cell<bool>,
}

impl Watch {
    pub(crate) fn new(ctx: Rc<Ctx>) -> Self {
        let (connections, next) = (RefCell::default(), Cell::new(0));
        Self(Rc::new(All { ctx, connections, next, ticking: Cell::new(false) }))
    }

    /// Keep an eye on a connection until what is returned is dropped.
    pub(crate) fn watch(&self, open: Rc<OpenConnection>) -> Watched {
        let All { ctx, connections, next, ticking } = &*self.0;
        let number = next.replace(next.get() + 1);
        let unconfirmed = ctx.settings().counting.map(|counting| counting.unconfirmed);
        let state = Arc::new(ConnState { class: Class::new(unconfirmed), ..ConnState::default() });
        if ctx.draining() == Some(Drain::Stop) {
            state.set_end(GRACEFULLY);
        }
        connections.borrow_mut().insert(number, Connection { state: state.clone(), open });
        if !ticking.replace(true) {
            spawn_local(tick(self.clone()));
        }
        Watched { watch: self.clone(), number, state }
    }

    /// Ask all to end after what they are busy with.
    pub(crate) fn end_all(&self) {
        self.0.connections.borrow().values().for_each(|connection| connection.state.set_end(GRACEFULLY));
    }
}

/// Keeps a connection watched until dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    watch: Watch,
    number: u64,
    pub(crate) state: Arc<ConnState>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.0.connections.borrow_mut().remove(&self.number);
    }
}

async fn tick(Watch(all): Watch) {
    let ticks = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let settings = all.ctx.settings();
    let (header, idle) = (ticks(settings.header_timeout), ticks(settings.keep_alive));
    loop {
        tokio::time::sleep(TICK).await;
        let connections = all.connections.borrow();
        if connections.is_empty() {
            all.ticking.set(false);
            return;
        }
        let idle = if all.ctx.draining().is_some() { idle.min(IDLE_TICKS_LEFT) } else { idle };
        connections.values().for_each(|c| c.state.tick(header, idle, || c.open.crowds()));
    }
}
