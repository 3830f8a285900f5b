//! The whole store into memory.

use std::{collections::BTreeMap, net::Ipv4Addr};

use dormouse_model::{
    AddressBlock, BuildId, Demand, Deployment, DeploymentId, InstanceId, ProjectName, ServiceKey,
    ServiceName, Time,
};
use rusqlite::{Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::super::{
    Part, StoreError,
    bodies::{self, Body},
    pool,
    rows::{BuildRow, DeployRow, DeployState, EndedRow, InstanceRow, ProjectRow, ServiceRow, Snapshot},
    sealed,
    unreadable::{Aside, of},
};
use super::{env, write::take};
use crate::{
    DeployId,
    id::{BLOCK, Counter, Used},
    vault::Vault,
};

/// Everything, and the numbers this run of the process may hand out.
pub(in crate::store) fn read(
    tx: &Transaction<'_>,
    pool: Ipv4Addr,
    vault: &Vault,
    used: Used,
) -> Result<Snapshot, StoreError> {
    for counter in Counter::ALL {
        let sql = "INSERT INTO counters (name, next) VALUES (?1, ?2 + 1)
                   ON CONFLICT (name) DO UPDATE SET next = max(next, excluded.next)";
        tx.execute(sql, params![counter.name(), used.of(counter)])?;
    }
    pool::keep(tx, pool)?;
    let aside = Aside::new(tx)?;
    let read = Reader { tx, pool, vault, aside: &aside };
    let mut snapshot = Snapshot {
        projects: read.projects()?,
        services: read.services()?,
        unfinished: read.unfinished()?,
        ended: read.ended()?,
        deployments: read.deployments()?,
        instances: read.instances()?,
        ends: read.of_services("ends", Body::Ends)?,
        watchdogs: read.of_services("watchdogs", Body::Watchdog)?,
        pingers: read.of_services("pingers", Body::Watchdog)?,
        answers: read.of_services("answers", Body::Answers)?,
        unreadable: Vec::new(),
        instance_block: take(tx, Counter::Instance, BLOCK)?,
        epoch: take(tx, Counter::Epoch, 1)?,
    };
    read.variables()?;
    snapshot.unreadable = aside.settle()?;
    Ok(snapshot)
}

/// Reads tables, and sets aside what cannot be read.
struct Reader<'a> {
    tx: &'a Transaction<'a>,
    pool: Ipv4Addr,
    vault: &'a Vault,
    aside: &'a Aside<'a>,
}

fn key(row: &Row<'_>, project: usize, service: usize) -> Result<ServiceKey, StoreError> {
    Ok(ServiceKey {
        project: row.get::<_, String>(project)?.parse()?,
        service: row.get::<_, String>(service)?.parse()?,
    })
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<Time>, StoreError> {
    Ok(row.get::<_, Option<u64>>(column)?.map(Time))
}

/// The address this far from the beginning of the server's /16.
fn at(pool: Ipv4Addr, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(pool.to_bits() | offset)
}

impl Reader<'_> {
    /// Rows of a query about a table, each made into a value by `make`.
    fn all<T>(
        &self,
        table: &str,
        sql: &str,
        mut make: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.tx.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.extend(self.aside.row(table, row, make(row))?);
        }
        Ok(out)
    }

    fn projects(&self) -> Result<Vec<ProjectRow>, StoreError> {
        let mut blocks: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (project, block) in
            self.all("blocks", "SELECT project, start, prefix FROM blocks ORDER BY project, nth", |row| {
                let (project, start, prefix): (_, _, u8) = (row.get(0)?, row.get(1)?, row.get(2)?);
                // A larger one than all there is would take the others' addresses.
                if !(16..=30).contains(&prefix) {
                    return Err(rusqlite::Error::IntegralValueOutOfRange(2, prefix.into()).into());
                }
                Ok((project, AddressBlock::around(at(self.pool, start), prefix)))
            })?
        {
            let blocks: &mut Vec<_> = blocks.entry(project).or_default();
            blocks.push(block);
        }
        let sql =
            "SELECT p.name, p.spec, removing, origin, d.id, d.spec, d.state = 'failed', done.id, done.spec,
                          p.spec_version, origin_version, d.spec_version, done.spec_version
                   FROM projects p
                   LEFT JOIN deploys d ON d.id = (SELECT max(id) FROM deploys WHERE project = p.name)
                   LEFT JOIN deploys done
                       ON done.id = (SELECT max(id) FROM deploys WHERE project = p.name AND state = 'done')
                   ORDER BY p.name";
        self.all("projects", sql, |row| {
            let name: ProjectName = row.get::<_, String>(0)?.parse()?;
            let spec: Option<String> = row.get(1)?;
            let origin: Option<String> = row.get(3)?;
            let failed: Option<String> = row.get(5)?;
            let failed =
                failed.filter(|_| spec.is_none()).filter(|_| row.get(6).is_ok_and(|failed: bool| failed));
            let done: Option<String> = row.get(8)?;
            let removing: u8 = row.get(2)?;
            if removing > 2 {
                return Err(rusqlite::Error::IntegralValueOutOfRange(2, removing.into()).into());
            }
            let of = || (Some(name.clone()), None);
            let origin = origin.map(|text| {
                let read = bodies::read(Body::Origin, row.get(10)?, &text);
                self.aside.part((Part::Origin, name.to_string(), of()), &text, read)
            });
            let spec = spec.map(|text| {
                let read = sealed::read_project(self.vault, name.as_str(), row.get(9)?, &text);
                self.aside.part((Part::Rollout, name.to_string(), of()), &text, read)
            });
            let deploy = |id: usize, version: usize, text: Option<String>| {
                let Some(text) = text else { return Ok(None) };
                let read = sealed::read_project(self.vault, name.as_str(), row.get(version)?, &text);
                self.aside.part((Part::Deploy, row.get::<_, u64>(id)?.to_string(), of()), &text, read)
            };
            Ok(ProjectRow {
                blocks: blocks.remove(name.as_str()).unwrap_or_default(),
                origin: origin.transpose()?.flatten(),
                spec: spec.transpose()?.flatten(),
                done: deploy(7, 12, done)?,
                failed: deploy(4, 11, failed)?,
                removing: (removing > 0).then_some(removing > 1),
                name,
            })
        })
    }

    fn services(&self) -> Result<Vec<ServiceRow>, StoreError> {
        let sql = "SELECT project, name, vip, target, live, wake_at, sleep_at, note, replaced, replaced_at, trusted,
                          used_at
                   FROM services ORDER BY project, name";
        self.all("services", sql, |row| {
            Ok(ServiceRow {
                key: key(row, 0, 1)?,
                vip: row.get::<_, Option<u32>>(2)?.map(|vip| at(self.pool, vip)),
                target: row.get::<_, Option<u64>>(3)?.map(DeploymentId),
                live: row.get::<_, Option<u64>>(4)?.map(DeploymentId),
                replaced: row.get::<_, Option<u64>>(8)?.map(DeploymentId).zip(time(row, 9)?),
                trusted: row.get::<_, Option<u64>>(10)?.map(DeploymentId),
                demand: Demand { wake_at: time(row, 5)?, sleep_at: time(row, 6)? },
                note: row.get(7)?,
                used_at: time(row, 11)?,
            })
        })
    }

    /// Deploys that go on. One that cannot be read does not: newer ones could be undone by it.
    fn unfinished(&self) -> Result<Vec<DeployRow>, StoreError> {
        let sql = "SELECT id, spec, state, project, spec_version FROM deploys WHERE state IN ('building', 'rolling') ORDER BY id";
        let found = self.all("deploys", sql, |row| {
            let (id, text): (u64, String) = (row.get(0)?, row.get(1)?);
            let project: ProjectName = row.get::<_, String>(3)?.parse()?;
            let rolling = row.get::<_, String>(2)? == "rolling";
            let spec = sealed::read_project(self.vault, project.as_str(), row.get(4)?, &text);
            let spec = self.aside.part((Part::Deploy, id.to_string(), (Some(project), None)), &text, spec)?;
            Ok((DeployId(id), rolling, spec))
        })?;
        let mut deploys = Vec::new();
        for (id, rolling, spec) in found {
            let Some(spec) = spec else {
                let failed = params![id.0, DeployState::Failed.name()];
                self.tx.execute("UPDATE deploys SET state = ?2 WHERE id = ?1", failed)?;
                continue;
            };
            let (builds, deployments) = (self.builds(id, &spec.name)?, self.rolled_out(id)?);
            deploys.push(DeployRow { id, spec, rolling, builds, deployments });
        }
        Ok(deploys)
    }

    /// What is built of a deploy. One that cannot be read is made again.
    fn builds(&self, deploy: DeployId, project: &ProjectName) -> Result<Vec<BuildRow>, StoreError> {
        let sql = format!(
            "SELECT id, service, outcome, outcome_version FROM builds WHERE deploy = {} ORDER BY id",
            deploy.0
        );
        self.all("builds", &sql, |row| {
            let (id, outcome): (u64, Option<String>) = (row.get(0)?, row.get(2)?);
            let service: ServiceName = row.get::<_, String>(1)?.parse()?;
            let outcome = outcome.map(|text| {
                let of = (Some(project.clone()), Some(service.clone()));
                let read = bodies::read(Body::Outcome, row.get(3)?, &text);
                self.aside.part((Part::Build, id.to_string(), of), &text, read)
            });
            Ok(BuildRow { id: BuildId(id), service, outcome: outcome.transpose()?.flatten() })
        })
    }

    fn rolled_out(&self, deploy: DeployId) -> Result<Vec<(ServiceName, DeploymentId)>, StoreError> {
        let sql = format!("SELECT service, id FROM deployments WHERE deploy = {} ORDER BY id", deploy.0);
        self.all("deployments", &sql, |row| {
            Ok((row.get::<_, String>(0)?.parse()?, DeploymentId(row.get(1)?)))
        })
    }

    fn ended(&self) -> Result<Vec<EndedRow>, StoreError> {
        let sql = "SELECT d.id, d.project, d.state = 'done', b.service, b.error
                   FROM (SELECT max(id) AS id FROM deploys WHERE state IN ('done', 'failed') GROUP BY project) newest
                   JOIN deploys d ON d.id = newest.id
                   LEFT JOIN builds b ON b.id = (SELECT min(id) FROM builds WHERE deploy = d.id AND error IS NOT NULL)";
        self.all("deploys", sql, |row| {
            let service: Option<String> = row.get(3)?;
            let service: Option<ServiceName> = service.map(|name| name.parse()).transpose()?;
            Ok(EndedRow {
                id: DeployId(row.get(0)?),
                project: row.get::<_, String>(1)?.parse()?,
                done: row.get(2)?,
                build: service.zip(row.get(4)?),
            })
        })
    }

    fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        // Bodies of older versions do not say which deploy they are of; then a restart is taken to be of the newest before.
        let sql = "SELECT id, coalesce(deploy, (SELECT max(e.deploy) FROM deployments e WHERE e.project = d.project
                                                AND e.service = d.service AND e.id < d.id), 0),
                          body, project, service, body_version
                   FROM deployments d WHERE EXISTS
                   (SELECT 1 FROM services s WHERE d.id IN (s.target, s.live, s.replaced, s.trusted)) ORDER BY id";
        let found = self.all("deployments", sql, |row| {
            let (id, body): (u64, String) = (row.get(0)?, row.get(2)?);
            let read = sealed::read_deployment(self.vault, row.get(5)?, &body);
            let part = (Part::Deployment, id.to_string(), of(&key(row, 3, 4)?));
            let Some(mut deployment) = self.aside.part(part, &body, read)? else { return Ok(None) };
            if deployment.deploy == DeployId::default() {
                deployment.deploy = DeployId(row.get(1)?);
            }
            Ok(Some(deployment))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        let sql = "SELECT id, project, service, ready_at, draining_since FROM instances ORDER BY id";
        self.all("instances", sql, |row| {
            Ok(InstanceRow {
                id: InstanceId(row.get(0)?),
                key: key(row, 1, 2)?,
                ready_at: time(row, 3)?,
                draining_since: time(row, 4)?,
            })
        })
    }

    /// What a table says of each service.
    fn of_services<T: DeserializeOwned>(
        &self,
        table: &'static str,
        kind: Body,
    ) -> Result<Vec<(ServiceKey, T)>, StoreError> {
        let sql = format!("SELECT project, service, body, body_version FROM {table}");
        let found = self.all(table, &sql, |row| {
            let (key, body): (_, String) = (key(row, 0, 1)?, row.get(2)?);
            let part = (Part::Found, format!("{table} of {key}"), of(&key));
            let read = bodies::read(kind, row.get(3)?, &body);
            Ok(self.aside.part(part, &body, read)?.map(|value| (key, value)))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What `dormouse env` keeps is read when it is needed; what cannot be is told now.
    fn variables(&self) -> Result<(), StoreError> {
        let sql = "SELECT name, project, service, sealed FROM env";
        self.all("env", sql, |row| {
            let (name, sealed): (String, String) = (row.get(0)?, row.get(3)?);
            let (project, service): (String, String) = (row.get(1)?, row.get(2)?);
            let place = env::place(&project, &service, &name);
            let read = env::unseal(self.vault, &place, &sealed);
            let of = (Some(project.parse()?), env::service_of(&service)?);
            self.aside.part((Part::Variable, place, of), &sealed, read).map(drop)
        })?;
        Ok(())
    }
}
