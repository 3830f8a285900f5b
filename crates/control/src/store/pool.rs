//! Where the addresses in the database are counted from: it holds them as distances from the beginning of the server's /16.

use std::{net::Ipv4Addr, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::{StoreError, kept, snapshots};
use crate::Ballast;

/// The /16 that the database of a state folder was last used with; `None` when there is no database yet, or an older release
/// wrote it. A database that is lost or damaged is restored first. Only for who is the one control of the folder.
///
/// # Errors
/// When the database cannot be used, as for [`Control::open`](crate::Control::open).
pub fn recorded_pool(state: &Path) -> Result<Option<Ipv4Addr>, StoreError> {
    let path = crate::settings::database(state);
    Ballast::of(state).lend();
    snapshots::heal(&path)?;
    if !path.exists() {
        return Ok(None);
    }
    drop(kept::open(&path)?);
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !connection.table_exists(None, "pool")? {
        return Ok(None);
    }
    let base: Option<String> =
        connection.query_row("SELECT base FROM pool", [], |row| row.get(0)).optional()?;
    // Whatever else stands there is as good as nothing: others know it too.
    Ok(base.and_then(|base| base.parse().ok()))
}

/// Remember it.
pub(super) fn keep(tx: &Transaction<'_>, pool: Ipv4Addr) -> Result<(), StoreError> {
    let sql = "INSERT INTO pool (only, base) VALUES (1, ?1)
               ON CONFLICT (only) DO UPDATE SET base = excluded.base WHERE base != excluded.base";
    tx.execute(sql, [pool.to_string()])?;
    Ok(())
}
