//! Requests that may come again.

use dormouse_model::{DeploymentId, ServiceKey, Time};
use rusqlite::{OptionalExtension, params};

use super::super::{StoreError, Tx};
use crate::ops::{Come, REMEMBERED, RequestId};

impl Tx<'_> {
    /// How far a request has come.
    pub(crate) fn come(&self, id: &RequestId) -> Result<Come, StoreError> {
        let sql = "SELECT deployments FROM requests WHERE id = ?";
        let row = self.0.query_row(sql, [id.as_str()], |row| row.get::<_, Option<String>>(0)).optional()?;
        Ok(match row {
            None => Come::New,
            Some(None) => Come::Kept,
            Some(Some(text)) => Come::Replaces(serde_json::from_str(&text)?),
        })
    }

    /// A request has come as far as this; those of long ago are forgotten.
    pub(crate) fn request(
        &self,
        id: &RequestId,
        replaces: Option<&[(ServiceKey, DeploymentId)]>,
        at: Time,
    ) -> Result<(), StoreError> {
        let old = Time(at.0.saturating_sub(u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX)));
        self.0.execute("DELETE FROM requests WHERE at < ?", [old.0])?;
        let text = replaces.map(serde_json::to_string).transpose()?;
        let sql = "INSERT INTO requests (id, deployments, at) VALUES (?1, ?2, ?3)
                   ON CONFLICT (id) DO UPDATE SET deployments = excluded.deployments";
        self.0.execute(sql, params![id.as_str(), text, at.0])?;
        Ok(())
    }
}
