//! From a listener to whoever serves.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// How long to wait when the host is out of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// A connection that has just come in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Its place in the queue of its listener.
    pub(crate) queued: Option<OwnedSemaphorePermit>,
}

/// Accept for as long as it is polled. `queue` has a place for each connection that the listener may have; what is more waits
/// in its backlog, where it is in nobody else's way.
pub(crate) async fn accept(listener: TcpListener, queue: Option<Arc<Semaphore>>, take: impl Fn(Accepted)) {
    loop {
        let queued = match &queue {
            // Never closed.
            Some(queue) => queue.clone().acquire_owned().await.ok(),
            None => None,
        };
        match listener.accept().await {
            Ok((stream, peer)) => take(Accepted { stream, peer, queued }),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(BREATH).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
