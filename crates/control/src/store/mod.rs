//! The only owner of the database: one file, one writer thread.
//!
//! Waking a service never waits for it. What must not be lost is written before it is acknowledged ([`Store::write`]);
//! what can be found out again is written when there is time ([`Store::later`]).

mod kept;
mod pool;
mod rows;
mod schema;
mod sealed;
mod snapshots;
mod tables;
mod unreadable;
mod writer;

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

pub use pool::recorded_pool;
pub(crate) use rows::{BuildRow, DeployState, EndedRow, Snapshot};
use rusqlite::{Connection, OpenFlags, Transaction};
pub(crate) use tables::REMEMBERED;
use tokio::sync::oneshot;
use tracing::error;
pub use unreadable::set_aside;
pub(crate) use unreadable::{Part, Unreadable};
use writer::Job;

use crate::{
    Ballast,
    id::Used,
    vault::{Unsealable, Vault},
};

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error(
        "the database refused: {0}\n  hint: check that the disk is not full and the state folder writable"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// A row does not hold what this version expects.
    #[error("the database holds something this version cannot read: {0}")]
    Content(#[from] serde_json::Error),
    /// A row was sealed with another key than ours.
    #[error(
        "the database holds something that cannot be read ({what}): {why}\n  hint: secret.key beside it belongs to another database; put the right one back and start the server again, or set anew what it sealed"
    )]
    Sealed {
        /// What.
        what: String,
        /// Why not.
        why: Unsealable,
    },
    /// A name in a row is not one.
    #[error("the database holds something this version cannot read: {0}")]
    Name(#[from] dormouse_model::NameError),
    /// It was written by a newer version.
    #[error(
        "the database was written by a newer version (schema {found}, this one knows {known})\n  hint: use the newer version, or another state folder"
    )]
    Newer {
        /// What it says of itself.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// Its file is damaged.
    #[error(
        "{} is damaged ({source}), and there is no copy beside it that could be used\n  hint: put a copy of yours in its place; or rename it and start again with an empty one: apps that run go on, and `dormouse ps` shows them",
        path.display()
    )]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        source: rusqlite::Error,
    },
    /// A file beside it could not be read or written.
    #[error(
        "cannot use the files of the database: {0}\n  hint: check that the disk is not full and the state folder writable"
    )]
    File(#[from] io::Error),
    /// The writer has ended.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// What is wrong with a row, if it is that and not the database. Says nothing of what the row holds: that may be secret.
    fn of_row(&self) -> Option<String> {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        match self {
            Self::Sqlite(
                error @ (FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)),
            ) => Some(error.to_string()),
            Self::Content(error) => Some(match error.to_string() {
                text if text.starts_with("missing field ") => text,
                _ if error.is_data() => format!("another shape at column {}", error.column()),
                _ => format!("no JSON at column {}", error.column()),
            }),
            Self::Sealed { why, .. } => Some(why.to_string()),
            Self::Name(error) => Some(error.to_string()),
            Self::Sqlite(_) | Self::Newer { .. } | Self::Damaged { .. } | Self::File(_) | Self::Closed => {
                None
            }
        }
    }
}

/// Look whether this version can work with the database in a state folder, without changing it: another server may be at
/// work on it. That there is none yet is fine, and so is one that will be restored.
///
/// # Errors
/// When a newer version wrote it, or it cannot be read.
pub fn check_database(state: &Path) -> Result<(), StoreError> {
    let path = crate::settings::database(state);
    // SQLite makes an index beside it, also to read.
    Ballast::of(state).lend();
    if !snapshots::check(&path)? {
        return Ok(());
    }
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    kept::is_to_be_restored(&connection, &path).map(drop)
}

/// This version serves from the database from now on: no older one goes on with what was before.
pub(crate) fn settle(path: &Path) {
    kept::discard(path);
}

/// The way to the writer thread.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Open or create the database, bring it up to date, and read all of it. Addresses in it lie in `pool`; numbers that are
    /// `used` are not handed out again.
    pub(crate) fn open(
        path: &Path,
        pool: Ipv4Addr,
        vault: Vault,
        used: Used,
    ) -> Result<(Self, Snapshot), StoreError> {
        snapshots::heal(path)?;
        let mut connection = kept::open(path)?;
        schema::prepare(&mut connection, path)?;
        let snapshot = run(&mut connection, &vault, |tx| tables::read(&tx.0, pool, &vault, used))?;
        let (jobs, inbox) = mpsc::channel();
        let (database, ballast) = (path.to_owned(), Ballast::of(path.parent().unwrap_or(path)));
        thread::Builder::new()
            .name("store".to_owned())
            // Ends when the last sender is gone.
            .spawn(move || writer::run(connection, &vault, &database, &ballast, &inbox))
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        Ok((Self { jobs }, snapshot))
    }

    /// Make a change; once this returns it survives the death of this process and of the machine.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(move |connection: &mut Connection, vault: &Vault| {
            // Nobody waiting any more is fine.
            drop(reply.send(run(connection, vault, change)));
        });
        self.jobs.send(Job { change, acknowledged: true }).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Wait until everything asked for so far is written.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    /// Make a change when there is time. Changes are made in the order they were asked for.
    pub(crate) fn later(&self, change: impl FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        let change = Box::new(move |connection: &mut Connection, vault: &Vault| {
            if let Err(error) = run(connection, vault, change) {
                error!(%error, "cannot write down what happened");
            }
        });
        if self.jobs.send(Job { change, acknowledged: false }).is_err() {
            error!("cannot write down what happened: the database is closed");
        }
    }
}

/// A change under way, and what seals the secrets in it.
pub(crate) struct Tx<'a>(Transaction<'a>, &'a Vault);

fn run<T>(
    connection: &mut Connection,
    vault: &Vault,
    change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let tx = Tx(connection.transaction()?, vault);
    let value = change(&tx)?;
    tx.0.commit()?;
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests;
