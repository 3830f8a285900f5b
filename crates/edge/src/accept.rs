//! From a listener to a worker.

use std::{io, rc::Rc, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use crate::{
    room::Rooms,
    worker::{Origin, Worker},
};

/// How long to wait when the host is out of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// Accept for as long as it is polled, while there is room.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: TcpListener,
    rooms: Rooms,
    origin: impl Fn() -> Origin,
) {
    loop {
        let room = rooms.take().await;
        match listener.accept().await {
            Ok((stream, _)) => worker.place(stream, origin(), room),
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
