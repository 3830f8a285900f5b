//! What visitors are told for whom there is no room: cheaply, because there may be very many.

use std::{net::Shutdown, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{net::TcpStream, sync::Semaphore, task::spawn_local, time::timeout};

use super::limit::Full;

/// How many are told at a time by each thread. Of what is more the connection is closed without a word.
const AT_A_TIME: usize = 64;

/// Bytes that are read at a time of what a visitor asks, to be forgotten.
const PIECE: usize = 4096;

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

/// Tells visitors that there is no room.
#[derive(Debug)]
pub(crate) struct TurnAway {
    at_a_time: Arc<Semaphore>,
}

impl Default for TurnAway {
    fn default() -> Self {
        Self { at_a_time: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl TurnAway {
    /// Say why, and close the connection.
    pub(crate) fn tell(&self, stream: TcpStream, full: Full) {
        let Ok(turn) = self.at_a_time.clone().try_acquire_owned() else { return };
        spawn_local(async move {
            // Whoever says nothing hears it all the same.
            let _ = timeout(PATIENCE, read(&stream)).await;
            if stream.try_write(answer(full).as_bytes()).is_ok()
                && SockRef::from(&stream).shutdown(Shutdown::Write).is_ok()
            {
                let _ = timeout(PATIENCE, async { while read(&stream).await {} }).await;
            }
            drop(turn);
        });
    }
}

/// Read something and forget it; false when nothing more will come.
async fn read(stream: &TcpStream) -> bool {
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        match stream.try_read(&mut [0; PIECE]) {
            Ok(read) => return read > 0,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
}
