//! The database as it was before a newer version changed its tables, kept until that version has proven itself: should it
//! never serve, the older one goes on with what it had. Nothing is acknowledged to anybody before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use tracing::{info, warn};

use super::{StoreError, schema};

fn path(database: &Path) -> PathBuf {
    beside(database, ".before")
}

/// A file beside the database, of its name and more.
pub(super) fn beside(database: &Path, what: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(what);
    path.into()
}

/// Keep what there is.
pub(super) fn keep(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    discard(database);
    connection.execute("VACUUM INTO ?1", [path(database).to_string_lossy()])?;
    Ok(())
}

/// The newer version serves, or there never was one.
pub(super) fn discard(database: &Path) {
    match fs::remove_file(path(database)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(%error, "an older copy of the database is left behind");
        }
        Ok(()) | Err(_) => {}
    }
}

/// Open the database; should a newer version have changed it that never came to serve, as it was before.
pub(super) fn open(database: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(database)?;
    if !is_to_be_restored(&connection, database)? {
        return Ok(connection);
    }
    drop(connection);
    info!("a newer version changed the database and never served; taking it back");
    restore(database).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    Ok(Connection::open(database)?)
}

/// Whether this version goes on with what was kept, and not with the database itself.
///
/// # Errors
/// When it can go on with neither.
pub(super) fn is_to_be_restored(connection: &Connection, database: &Path) -> Result<bool, StoreError> {
    match schema::check(connection) {
        Ok(_) => Ok(false),
        Err(StoreError::Newer { .. }) if is_usable(database) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether this version can go on with what was kept.
fn is_usable(database: &Path) -> bool {
    let kept = Connection::open_with_flags(path(database), OpenFlags::SQLITE_OPEN_READ_ONLY);
    kept.is_ok_and(|kept| schema::check(&kept).is_ok())
}

fn restore(database: &Path) -> io::Result<()> {
    for log in ["-wal", "-shm"] {
        match fs::remove_file(beside(database, log)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(path(database), database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(database: &Path, version: u32) {
        Connection::open(database).unwrap().pragma_update(None, "user_version", version).unwrap();
    }

    /// An upgrade whose control dies before it serves leaves tables that the older one does not know.
    #[test]
    fn what_a_newer_version_began_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("dormouse.db");
        let connection = open(&database).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE before (x);").unwrap();
        version(&database, 1);
        keep(&connection, &database).unwrap();
        connection.execute_batch("CREATE TABLE newer (x);").unwrap();
        version(&database, 99);
        // Its last words are in its log.
        std::mem::forget(connection);
        let connection = open(&database).unwrap();
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((tables, schema::check(&connection).unwrap()), (1, 1));
        assert!(!path(&database).exists());
    }

    #[test]
    fn what_a_newer_version_serves_from_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("dormouse.db");
        let connection = open(&database).unwrap();
        version(&database, 1);
        keep(&connection, &database).unwrap();
        version(&database, 99);
        discard(&database);
        assert!(matches!(open(&database), Err(StoreError::Newer { found: 99, .. })));
    }
}
