//! The thread that writes, one change after the other, and copies the database when enough has changed.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tracing::warn;

use super::{StoreError, snapshots};
use crate::{Ballast, vault::Vault};

/// A change, as a whole or not at all.
type Change = Box<dyn FnOnce(&mut Connection, &Vault) + Send>;

/// A change that is asked for.
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) weight: Weight,
}

/// What a change is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Somebody was, or will be, told that it is written.
    Acknowledged,
    /// It was found out.
    Found,
    /// It comes every minute, and a copy without the last of it is as good.
    Light,
}

/// A change that was acknowledged is in a copy after this time, and any other after the longer one.
const SOON: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(300);

/// Make changes until nobody has any more, with everything written that was asked for.
pub(super) fn run(
    mut connection: Connection,
    vault: &Vault,
    database: &Path,
    ballast: &Ballast,
    inbox: &Receiver<Job>,
) {
    let mut due = Some(Instant::now() + SOON);
    let mut seen = 0;
    loop {
        let now = Instant::now();
        if due.is_some_and(|at| at <= now) {
            // Should the disk be full, it is not for ever.
            due = snapshots::take(&connection, database)
                .inspect_err(|error| warn!(%error, "cannot copy the database"))
                .is_err()
                .then(|| now + LATER);
        }
        let job = match due {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(now)),
        };
        let Job { change, weight } = match job {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        ballast.lend();
        change(&mut connection, vault);
        let changes = changes(&connection);
        if changes == seen {
            continue;
        }
        seen = changes;
        let after = match weight {
            Weight::Acknowledged => SOON,
            Weight::Found => LATER,
            Weight::Light => continue,
        };
        let at = Instant::now() + after;
        due = Some(due.map_or(at, |due| due.min(at)));
        if weight == Weight::Acknowledged
            && let Err(error) = settle(&connection)
        {
            warn!(%error, "the database's log is not taken up yet");
        }
    }
}

/// Rows changed so far.
fn changes(connection: &Connection) -> i64 {
    // It cannot fail; if it does, it looks like a change.
    connection.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap_or(-1)
}

/// Take the log up into the database itself and empty it: a log that is damaged loses nothing that was acknowledged.
fn settle(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}
