//! How many connections may be open: those of the public, and those between services, which a single one can open by
//! the thousand, apart from each other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a listener's connections take their room from.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    all: Arc<Semaphore>,
    /// Where one listener may not take all there is.
    own: Option<Arc<Semaphore>>,
}

impl Rooms {
    pub(crate) fn new(connections: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(connections)), own: None }
    }

    /// The same for one listener, which gets no more than `connections` of it.
    pub(crate) fn at_most(&self, connections: usize) -> Self {
        Self { all: self.all.clone(), own: Some(Arc::new(Semaphore::new(connections))) }
    }

    /// Wait for room for a connection.
    pub(crate) async fn take(&self) -> Room {
        // Its own first: who has used that up must not hold what others wait for.
        let own = match &self.own {
            Some(own) => Some(permit(own).await),
            None => None,
        };
        Room { _own: own, _all: permit(&self.all).await }
    }
}

/// Room for one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _own: Option<Permit>,
    _all: Permit,
}

/// `None` where the semaphore was closed, which none ever is.
type Permit = Option<OwnedSemaphorePermit>;

async fn permit(semaphore: &Arc<Semaphore>) -> Permit {
    semaphore.clone().acquire_owned().await.ok()
}
