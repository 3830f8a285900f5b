//! The whole store into memory.

use std::{collections::BTreeMap, net::Ipv4Addr};

use dormouse_model::{
    AddressBlock, BuildId, Demand, Deployment, DeploymentId, InstanceId, ServiceKey, ServiceName, Time,
};
use rusqlite::{Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::super::{
    StoreError, pool,
    rows::{BuildRow, DeployRow, EndedRow, InstanceRow, ProjectRow, ServiceRow, Snapshot},
    sealed,
};
use super::write::take;
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
    Ok(Snapshot {
        projects: projects(tx, pool, vault)?,
        services: services(tx, pool)?,
        unfinished: unfinished(tx, vault)?,
        ended: ended(tx)?,
        deployments: deployments(tx, vault)?,
        instances: instances(tx)?,
        ends: of_services(tx, "ends")?,
        watchdogs: of_services(tx, "watchdogs")?,
        pingers: of_services(tx, "pingers")?,
        answers: of_services(tx, "answers")?,
        instance_block: take(tx, Counter::Instance, BLOCK)?,
        epoch: take(tx, Counter::Epoch, 1)?,
    })
}

/// Rows of a query, each made into a value by `make`.
fn all<T>(
    tx: &Transaction<'_>,
    sql: &str,
    mut make: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(make(row)?);
    }
    Ok(out)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    Ok(serde_json::from_str(text)?)
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

fn projects(tx: &Transaction<'_>, pool: Ipv4Addr, vault: &Vault) -> Result<Vec<ProjectRow>, StoreError> {
    let mut blocks: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (project, block) in
        all(tx, "SELECT project, start, prefix FROM blocks ORDER BY project, nth", |row| {
            Ok((row.get(0)?, AddressBlock::around(at(pool, row.get(1)?), row.get(2)?)))
        })?
    {
        blocks.entry(project).or_default().push(block);
    }
    let sql = "SELECT name, spec, removing, origin,
                      (SELECT iif(p.spec IS NULL AND d.state = 'failed', d.spec, NULL) FROM deploys d
                       WHERE d.project = p.name ORDER BY d.id DESC LIMIT 1),
                      (SELECT d.spec FROM deploys d
                       WHERE d.project = p.name AND d.state = 'done' ORDER BY d.id DESC LIMIT 1)
               FROM projects p ORDER BY name";
    all(tx, sql, |row| {
        let name: String = row.get(0)?;
        let origin: Option<String> = row.get(3)?;
        let failed: Option<String> = row.get(4)?;
        let done: Option<String> = row.get(5)?;
        let spec: Option<String> = row.get(1)?;
        let removing: u8 = row.get(2)?;
        Ok(ProjectRow {
            blocks: blocks.remove(&name).unwrap_or_default(),
            name: name.parse()?,
            origin: origin.as_deref().map(json).transpose()?,
            spec: spec.as_deref().map(|s| sealed::read_project(vault, &name, s)).transpose()?,
            done: done.as_deref().map(|s| sealed::read_project(vault, &name, s)).transpose()?,
            failed: failed.as_deref().map(|s| sealed::read_project(vault, &name, s)).transpose()?,
            removing: (removing > 0).then_some(removing > 1),
        })
    })
}

fn services(tx: &Transaction<'_>, pool: Ipv4Addr) -> Result<Vec<ServiceRow>, StoreError> {
    let sql =
        "SELECT project, name, vip, target, live, wake_at, sleep_at, note, replaced, replaced_at, trusted, used_at
               FROM services ORDER BY project, name";
    all(tx, sql, |row| {
        Ok(ServiceRow {
            key: key(row, 0, 1)?,
            vip: row.get::<_, Option<u32>>(2)?.map(|vip| at(pool, vip)),
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

fn unfinished(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<DeployRow>, StoreError> {
    let sql =
        "SELECT id, spec, state, project FROM deploys WHERE state IN ('building', 'rolling') ORDER BY id";
    let mut deploys = all(tx, sql, |row| {
        Ok(DeployRow {
            id: DeployId(row.get(0)?),
            spec: sealed::read_project(vault, &row.get::<_, String>(3)?, &row.get::<_, String>(1)?)?,
            rolling: row.get::<_, String>(2)? == "rolling",
            builds: Vec::new(),
            deployments: Vec::new(),
        })
    })?;
    for deploy in &mut deploys {
        let mut statement =
            tx.prepare("SELECT id, service, outcome FROM builds WHERE deploy = ? ORDER BY id")?;
        let mut rows = statement.query(params![deploy.id.0])?;
        while let Some(row) = rows.next()? {
            let outcome: Option<String> = row.get(2)?;
            deploy.builds.push(BuildRow {
                id: BuildId(row.get(0)?),
                service: row.get::<_, String>(1)?.parse()?,
                outcome: outcome.as_deref().map(json).transpose()?,
            });
        }
        let mut statement = tx.prepare("SELECT service, id FROM deployments WHERE deploy = ? ORDER BY id")?;
        let mut rows = statement.query(params![deploy.id.0])?;
        while let Some(row) = rows.next()? {
            let service: ServiceName = row.get::<_, String>(0)?.parse()?;
            deploy.deployments.push((service, DeploymentId(row.get(1)?)));
        }
    }
    Ok(deploys)
}

fn ended(tx: &Transaction<'_>) -> Result<Vec<EndedRow>, StoreError> {
    let sql = "SELECT d.id, d.project, d.state = 'done', b.service, b.error
               FROM (SELECT max(id) AS id FROM deploys WHERE state IN ('done', 'failed') GROUP BY project) newest
               JOIN deploys d ON d.id = newest.id
               LEFT JOIN builds b ON b.id = (SELECT min(id) FROM builds WHERE deploy = d.id AND error IS NOT NULL)";
    all(tx, sql, |row| {
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

fn deployments(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<Deployment>, StoreError> {
    // Bodies of older versions do not say which deploy they are of; then a restart is taken to be of the newest before.
    let sql =
        "SELECT body, coalesce(deploy, (SELECT max(e.deploy) FROM deployments e WHERE e.project = d.project
                                              AND e.service = d.service AND e.id < d.id), 0)
               FROM deployments d WHERE EXISTS
               (SELECT 1 FROM services s WHERE d.id IN (s.target, s.live, s.replaced, s.trusted)) ORDER BY id";
    all(tx, sql, |row| {
        let mut deployment = sealed::read_deployment(vault, &row.get::<_, String>(0)?)?;
        if deployment.deploy == DeployId::default() {
            deployment.deploy = DeployId(row.get(1)?);
        }
        Ok(deployment)
    })
}

fn instances(tx: &Transaction<'_>) -> Result<Vec<InstanceRow>, StoreError> {
    let sql = "SELECT id, project, service, ready_at, draining_since FROM instances ORDER BY id";
    all(tx, sql, |row| {
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
    tx: &Transaction<'_>,
    table: &'static str,
) -> Result<Vec<(ServiceKey, T)>, StoreError> {
    all(tx, &format!("SELECT project, service, body FROM {table}"), |row| {
        Ok((key(row, 0, 1)?, json(&row.get::<_, String>(2)?)?))
    })
}
