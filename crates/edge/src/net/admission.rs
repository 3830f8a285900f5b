//! What a connection holds as long as it is open.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::OwnedSemaphorePermit;

use super::limit::Permit;

/// That a connection may be open.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) permit: Permit,
    /// Its turn at a listener that gives out only so many.
    pub(crate) _queued: Option<OwnedSemaphorePermit>,
}

/// How many connections a thread carries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load(Arc<AtomicUsize>);

impl Load {
    pub(crate) fn connections(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more.
    pub(crate) fn open(&self, admission: Admission) -> OpenConnection {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenConnection { load: self.clone(), admission }
    }
}

/// A client's connection, counted for limits and placement until dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    load: Load,
    admission: Admission,
}

impl OpenConnection {
    /// Whether it should go when nothing is asked on it, because others need the room.
    pub(crate) fn crowds(&self) -> bool {
        self.admission.permit.crowds()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.load.0.fetch_sub(1, Ordering::Relaxed);
    }
}
