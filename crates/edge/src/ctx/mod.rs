//! What everything that serves on one thread knows: the settings, the routes, the counters, and how to ask for a wake.
//!
//! Nothing in here serves anybody, and nothing in here knows who does.

mod stats;
mod table;
mod traffic;
mod turns;
mod wakes;

use std::{
    cell::{Cell, RefCell, RefMut},
    rc::Rc,
    sync::Arc,
};

use dormouse_model::{ClassId, InstanceId, ServiceKey};
pub(crate) use stats::{ActiveConnection, InstanceStats, Owed};
pub(crate) use table::{Backend, Service, Table};
use tokio::{sync::watch, task::spawn_local};
use tokio_util::task::TaskTracker;
pub use traffic::TrafficStats;
pub(crate) use turns::{Turns, least_loaded};
pub(crate) use wakes::Wakes;

use crate::EdgeSettings;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: EdgeSettings,
    pub(crate) wakes: Wakes,
    pub(crate) traffic: Arc<TrafficStats>,
}

/// How an edge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Another edge takes what is new. What is open goes on until one of its ends has enough of it.
    HandOver,
    /// Nobody comes after us. Requests are answered; what would go on without an end is cut.
    Stop,
}

/// Of one thread.
#[derive(Debug)]
pub(crate) struct Ctx {
    shared: Arc<Shared>,
    table: watch::Sender<Arc<Table>>,
    turns: Turns,
    tasks: TaskTracker,
    drain: Cell<Option<Drain>>,
    scratch: RefCell<Box<[u8]>>,
}

impl Ctx {
    pub(crate) fn new(shared: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            shared,
            table: watch::Sender::new(Arc::default()),
            turns: Turns::default(),
            tasks: TaskTracker::new(),
            drain: Cell::new(None),
            // As much as one read of a tunnel takes at most.
            scratch: RefCell::new(vec![0; 64 * 1024].into()),
        })
    }

    pub(crate) fn settings(&self) -> &EdgeSettings {
        &self.shared.settings
    }
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.shared.wakes
    }
    pub(crate) fn traffic(&self) -> &TrafficStats {
        &self.shared.traffic
    }

    /// Use this table from now on.
    // No task of this thread is between looking at the old table and counting what it sends: both happen in one step.
    pub(crate) fn set_table(&self, table: Arc<Table>) {
        self.turns.retain(|service| table.service(service).is_some());
        self.table.send_replace(table);
    }

    /// The table in use. Not to be held across an await.
    pub(crate) fn table(&self) -> watch::Ref<'_, Arc<Table>> {
        self.table.borrow()
    }

    /// Returns when a newer table than the one at the time of the call is in use.
    pub(crate) async fn next_table(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.table.subscribe().changed().await;
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
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

    /// Whether connections to the instance may be kept for later requests.
    pub(crate) fn keeps(&self, instance: InstanceId) -> bool {
        self.draining().is_none() && self.table().keeps(instance)
    }

    /// Room to read into, shared by all connections of the thread. Not to be held across an await.
    pub(crate) fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.scratch.borrow_mut()
    }

    /// Run something that a drain waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spawn_local(self.tasks.track_future(task));
    }
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(crate) fn draining(&self) -> Option<Drain> {
        self.drain.get()
    }
    pub(crate) fn set_drain(&self, drain: Drain) {
        self.drain.set(Some(drain));
    }
}
