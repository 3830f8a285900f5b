//! What `dormouse env` keeps.

use std::collections::BTreeSet;

use dormouse_model::{ProjectName, ServiceName, Stored, Time, Variables};
use rusqlite::params;

use super::super::{StoreError, Tx, rows::EnvRow};
use crate::vault::Vault;

pub(super) fn place(project: &str, service: &str, name: &str) -> String {
    format!("env {project}/{service} {name}")
}

pub(super) fn unseal(vault: &Vault, place: &str, sealed: &str) -> Result<String, StoreError> {
    vault.unseal(place, sealed).map_err(|why| StoreError::Sealed { what: place.to_owned(), why })
}

pub(super) fn service_of(text: &str) -> Result<Option<ServiceName>, StoreError> {
    Ok(if text.is_empty() { None } else { Some(text.parse()?) })
}

impl Tx<'_> {
    /// Keep variables of a service, or of every service of the project.
    pub(crate) fn env_set(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        variables: &Variables,
        at: Time,
    ) -> Result<(), StoreError> {
        let (project, service) = (project.as_str(), service.map_or("", ServiceName::as_str));
        let sql = "INSERT INTO env (project, service, name, sealed, set_at) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (project, service, name)
                   DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at";
        for (name, value) in variables {
            let sealed = self.1.seal(&place(project, service, name), value);
            self.0.execute(sql, params![project, service, name, sealed, at.0])?;
        }
        Ok(())
    }

    /// Forget variables.
    pub(crate) fn env_unset(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        names: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM env WHERE project = ? AND service = ? AND name = ?";
        let (project, service) = (project.as_str(), service.map_or("", ServiceName::as_str));
        for name in names {
            self.0.execute(sql, params![project, service, name])?;
        }
        Ok(())
    }

    /// Names of what is kept for a project.
    pub(crate) fn env_names(&self, project: &ProjectName) -> Result<Vec<EnvRow>, StoreError> {
        let mut statement = self
            .0
            .prepare("SELECT service, name, set_at FROM env WHERE project = ? ORDER BY service, name")?;
        let mut rows = statement.query([project.as_str()])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(EnvRow {
                service: service_of(&row.get::<_, String>(0)?)?,
                name: row.get(1)?,
                set_at: Time(row.get(2)?),
            });
        }
        Ok(out)
    }

    /// Everything that can be read of what is kept. Of the one project that needs it that has to be all.
    pub(crate) fn env_all(&self, needed: Option<&ProjectName>) -> Result<Stored, StoreError> {
        let mut statement = self.0.prepare("SELECT project, service, name, sealed FROM env")?;
        let mut rows = statement.query([])?;
        let mut out = Stored::default();
        while let Some(row) = rows.next()? {
            let (project, service): (String, String) = (row.get(0)?, row.get(1)?);
            let (name, sealed): (String, String) = (row.get(2)?, row.get(3)?);
            match unseal(self.1, &place(&project, &service, &name), &sealed) {
                Ok(value) => out.insert(project.parse()?, service_of(&service)?, name, value),
                Err(error) if needed.is_some_and(|needed| needed.as_str() == project) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(out)
    }

    /// Forget everything of a project.
    pub(crate) fn env_purge(&self, project: &ProjectName) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM env WHERE project = ?", [project.as_str()])?;
        Ok(())
    }
}
