//! With which class of traffic control what goes to a client is counted: that of the project that answers.
//!
//! A socket has one class, and what leaves it is counted with the one that it has at that moment, also what was written long before.
//! So the client has to have all of what one project has answered before the class of another is given to the connection.
//! Otherwise who asks for a large answer and then for a small one of somebody else, without taking the first, would have his bytes
//! counted with theirs.

use std::{
    os::fd::AsFd,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use dormouse_model::ClassId;
use socket2::SockRef;
use tokio::{net::TcpStream, time::sleep};

use crate::settings::Unconfirmed;

/// Between two looks whether the client has everything. Who waits for an answer before he asks again never waits for this.
const PAUSE: Duration = Duration::from_millis(5);

/// The class of a connection. 0 is none: nothing is divided, or nobody has answered yet.
#[derive(Debug, Default)]
pub(crate) struct Class {
    wanted: AtomicU32,
    given: AtomicU32,
    /// How to tell whether there is anything that the client does not have.
    unconfirmed: Option<Unconfirmed>,
}

impl Class {
    pub(super) fn new(unconfirmed: Option<Unconfirmed>) -> Self {
        Self { unconfirmed, ..Self::default() }
    }

    /// Have what is answered from now on be counted with this class; returns once nothing else is on the connection.
    pub(super) async fn give(&self, class: ClassId) {
        self.wanted.store(class.bits(), Ordering::Relaxed);
        if self.given.load(Ordering::Relaxed) == 0 {
            // Before the first byte of the answer: see `on_write`.
            return;
        }
        // Each look is one of hyper's, who flushes the socket whenever it is about to wait.
        while !self.is_given() {
            sleep(PAUSE).await;
        }
    }

    /// The socket is about to take some bytes of an answer.
    pub(super) fn on_write(&self, stream: &TcpStream) {
        if self.given.load(Ordering::Relaxed) == 0 {
            self.apply(stream);
        }
    }

    /// Everything that hyper had is in the socket.
    pub(super) fn on_flush(&self, stream: &TcpStream) {
        if !self.is_given() && !self.is_behind(stream) {
            self.apply(stream);
        }
    }

    fn is_given(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) == self.given.load(Ordering::Relaxed)
    }

    /// Whether the client does not have all that another project has answered. Nobody knows of a connection that is broken.
    fn is_behind(&self, stream: &TcpStream) -> bool {
        let unconfirmed = self.unconfirmed.filter(|_| self.given.load(Ordering::Relaxed) != 0);
        unconfirmed.is_some_and(|look| look(stream.as_fd()).is_ok_and(|bytes| bytes > 0))
    }

    fn apply(&self, stream: &TcpStream) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if self.given.swap(wanted, Ordering::Relaxed) != wanted
            && let Err(error) = SockRef::from(stream).set_priority(wanted)
        {
            tracing::debug!(%error, "an answer is not counted with its project");
        }
    }
}
