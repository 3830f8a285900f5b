//! From a listener to a worker.

use std::{io, rc::Rc, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

use crate::{
    room::{Full, Place},
    turn_away::turn_away,
    worker::{Origin, Worker},
};

/// How long to wait when the host is out of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// Accept for as long as it is polled. `queue` has a place for each connection that the listener may have; what is more waits
/// in its backlog, where it is in nobody else's way.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: TcpListener,
    queue: Option<Arc<Semaphore>>,
    origin: impl Fn() -> Origin,
) {
    loop {
        let queued = match &queue {
            // Never closed.
            Some(queue) => queue.clone().acquire_owned().await.ok(),
            None => None,
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(BREATH).await;
                continue;
            }
        };
        let origin = origin();
        match worker.rooms(&origin).take(worker.holder(&origin, peer.ip())) {
            Ok(room) => worker.place(stream, origin, Place { room, _queued: queued }),
            Err(full) => refuse(&worker, stream, &origin, full),
        }
    }
}

fn refuse(worker: &Rc<Worker>, stream: TcpStream, origin: &Origin, full: Full) {
    match origin {
        Origin::Public => turn_away(worker, stream, full),
        // Whatever it speaks, it is told at once that nobody is there.
        Origin::Private(_) => drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO))),
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
