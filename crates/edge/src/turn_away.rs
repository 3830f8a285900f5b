//! What visitors are told for whom there is no room: cheaply, because there may be very many.

use std::{net::Shutdown, rc::Rc, time::Duration};

use socket2::SockRef;
use tokio::{net::TcpStream, task::spawn_local, time::timeout};

use crate::{room::Full, worker::Worker};

/// How many are told at a time by each worker. Of what is more the connection is closed without a word.
pub(crate) const AT_A_TIME: usize = 64;

/// How long one may take to ask, and again to hear: closed before it has asked, it would get a reset instead of the answer.
const PATIENCE: Duration = Duration::from_secs(1);

fn answer(full: Full) -> &'static str {
    match full {
        Full::Yours => {
            "HTTP/1.1 429 Too Many Requests\r\nserver: dormouse\r\nretry-after: 5\r\nconnection: close\r\n\
             content-type: text/plain; charset=utf-8\r\n\r\nToo many connections are open from your address.\n"
        }
        Full::All => {
            "HTTP/1.1 503 Service Unavailable\r\nserver: dormouse\r\nretry-after: 5\r\nconnection: close\r\n\
             content-type: text/plain; charset=utf-8\r\n\r\nThe server has as many connections as it can take.\n"
        }
    }
}

/// Say why, and close the connection.
pub(crate) fn turn_away(worker: &Rc<Worker>, stream: TcpStream, full: Full) {
    let Some(turn) = worker.turn() else { return };
    let worker = worker.clone();
    spawn_local(async move {
        // Whoever says nothing hears it all the same.
        let _ = timeout(PATIENCE, read(&worker, &stream)).await;
        if stream.try_write(answer(full).as_bytes()).is_ok()
            && SockRef::from(&stream).shutdown(Shutdown::Write).is_ok()
        {
            let _ = timeout(PATIENCE, async { while read(&worker, &stream).await {} }).await;
        }
        drop(turn);
    });
}

/// Read something and forget it; false when nothing more will come.
async fn read(worker: &Worker, stream: &TcpStream) -> bool {
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        match stream.try_read(&mut worker.scratch()) {
            Ok(read) => return read > 0,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
}
