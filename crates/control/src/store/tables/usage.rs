//! The ledger of what services use.

use std::collections::BTreeMap;

use dormouse_model::{InstanceId, ServiceKey, Time};
use rusqlite::{Row, Transaction, params};
use tracing::warn;

use super::super::{StoreError, Tx};
use crate::usage::{Ledger, Mark, Page};

/// Where an earlier control has come to. `now` is when counting began, if it begins.
pub(in crate::store) fn ledger(tx: &Transaction<'_>, now: Time) -> Result<Ledger, StoreError> {
    tx.execute("INSERT INTO usage_since (only, at) VALUES (1, ?) ON CONFLICT (only) DO NOTHING", [now.0])?;
    let since = tx.query_row("SELECT at FROM usage_since", [], |row| row.get(0)).unwrap_or(now.0);
    let mut statement = tx.prepare("SELECT instance, project, service, cpu_us, at FROM usage_marks")?;
    let mut rows = statement.query([])?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        match mark(row) {
            Ok(Some((id, mark))) => drop(known.insert(id, mark)),
            // Of a name that is none nothing can be there.
            Ok(None) => {}
            Err(error) => {
                warn!(%error, "a mark of the ledger cannot be read: what it is about is counted from its start")
            }
        }
    }
    Ok(Ledger::new(known, Time(since)))
}

fn mark(row: &Row<'_>) -> rusqlite::Result<Option<(InstanceId, Mark)>> {
    let names = (row.get::<_, String>(1)?.parse(), row.get::<_, String>(2)?.parse());
    let (Ok(project), Ok(service)) = names else { return Ok(None) };
    let key = ServiceKey { project, service };
    Ok(Some((InstanceId(row.get(0)?), Mark { key, cpu_us: row.get(3)?, at: Time(row.get(4)?) })))
}

impl Tx<'_> {
    /// What was used, and how far that has been counted: both or neither.
    pub(crate) fn used_up(&self, page: &Page) -> Result<(), StoreError> {
        let sql = "INSERT INTO usage (project, service, hour, cpu_us, awake_ms, frozen_ms, paged_ms,
                                      awake_bytes, asleep_bytes, swapped_bytes)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                   ON CONFLICT (project, service, hour) DO UPDATE SET
                       cpu_us = cpu_us + ?4, awake_ms = awake_ms + ?5, frozen_ms = frozen_ms + ?6,
                       paged_ms = paged_ms + ?7, awake_bytes = awake_bytes + ?8,
                       asleep_bytes = asleep_bytes + ?9, swapped_bytes = swapped_bytes + ?10";
        let mut add = self.0.prepare(sql)?;
        for ((key, hour), used) in &page.hours {
            let (project, service) = (key.project.as_str(), key.service.as_str());
            let times = (used.awake_ms, used.frozen_ms, used.paged_ms);
            let bytes = (used.awake_bytes, used.asleep_bytes, used.swapped_bytes);
            add.execute(params![
                project,
                service,
                hour,
                used.cpu_us,
                times.0,
                times.1,
                times.2,
                bytes.0,
                bytes.1,
                bytes.2
            ])?;
        }
        let sql =
            "INSERT INTO usage_marks (instance, project, service, cpu_us, at) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (instance) DO UPDATE SET cpu_us = ?4, at = ?5";
        let mut mark = self.0.prepare(sql)?;
        for (id, Mark { key, cpu_us, at }) in &page.marks {
            mark.execute(params![id.0, key.project.as_str(), key.service.as_str(), cpu_us, at.0])?;
        }
        for id in &page.gone {
            self.0.execute("DELETE FROM usage_marks WHERE instance = ?", [id.0])?;
        }
        Ok(())
    }

    /// Forget hours before this one, at most so many rows; how many.
    pub(crate) fn cut_usage(&self, before: Time, most: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM usage WHERE (project, service, hour) IN
                   (SELECT project, service, hour FROM usage WHERE hour < ? LIMIT ?)";
        Ok(self.0.execute(sql, params![before.0 / 3_600_000, most])?)
    }
}
