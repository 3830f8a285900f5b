//! The only owner of the database: one file, one writer thread.
//!
//! Waking a service never waits for it. What must not be lost is written before it is acknowledged ([`Store::write`]);
//! what can be found out again is written when there is time ([`Store::later`]).

mod bodies;
mod error;
mod kept;
mod pool;
mod rows;
mod schema;
mod sealed;
mod snapshots;
mod tables;
mod unreadable;
mod writer;

use std::{net::Ipv4Addr, path::Path, sync::mpsc, thread};

use dormouse_model::Time;
pub use error::StoreError;
pub use pool::recorded_pool;
pub(crate) use rows::{BuildRow, DeployState, EndedRow, Snapshot};
use rusqlite::{Connection, OpenFlags, Transaction};
pub(crate) use tables::REMEMBERED;
use tokio::sync::oneshot;
use tracing::error;
pub use unreadable::set_aside;
pub(crate) use unreadable::{Part, Unreadable};
use writer::{Job, Weight};

use crate::{Ballast, id::Used, usage::Ledger, vault::Vault};

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
        self.make(Weight::Acknowledged, change).await
    }

    async fn make<T: Send + 'static>(
        &self,
        weight: Weight,
        change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(move |connection: &mut Connection, vault: &Vault| {
            // Nobody waiting any more is fine.
            drop(reply.send(run(connection, vault, change)));
        });
        self.jobs.send(Job { change, weight }).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Where an earlier control has come to with counting what is used.
    pub(crate) async fn ledger(&self, now: Time) -> Result<Ledger, StoreError> {
        self.note(move |tx| tables::ledger(&tx.0, now)).await
    }

    /// Make a change that is worth no copy of the database of its own.
    pub(crate) async fn note<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.make(Weight::Light, change).await
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
        if self.jobs.send(Job { change, weight: Weight::Found }).is_err() {
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
mod frozen;
#[cfg(test)]
pub(crate) mod tests;
