//! Every change there is.

use std::{collections::BTreeSet, net::Ipv4Addr};

use dormouse_backend::BuildOutcome;
use dormouse_model::{
    AddressBlock, Answered, BuildId, Demand, Deployment, DeploymentId, End, ImageId, InstanceId, ProjectName,
    ProjectSpec, ServiceKey, ServiceName, Time, Watchdog,
};
use rusqlite::{Transaction, params};
use serde::Serialize;

use super::super::{
    StoreError, Tx,
    bodies::{self, Body},
    rows::DeployState,
    sealed,
};
use crate::{DeployId, Origin, id::Counter};

/// Logs of this many instances of a service can be read.
pub(crate) const REMEMBERED: usize = 50;

/// Take `n` numbers; the first of them.
pub(super) fn take(tx: &Transaction<'_>, counter: Counter, n: u64) -> Result<u64, StoreError> {
    let sql = "UPDATE counters SET next = next + ?2 WHERE name = ?1 RETURNING next";
    let next: u64 = tx.query_row(sql, params![counter.name(), n], |row| row.get(0))?;
    Ok(next - n)
}

/// How far an address is from the beginning of the server's /16, which has its place elsewhere.
fn offset(addr: Ipv4Addr) -> u32 {
    addr.to_bits() & 0xffff
}

impl Tx<'_> {
    /// A new number.
    pub(crate) fn take(&self, counter: Counter) -> Result<u64, StoreError> {
        take(&self.0, counter, 1)
    }

    /// Instance numbers below `end` are handed out.
    pub(crate) fn instances_taken(&self, end: u64) -> Result<(), StoreError> {
        let sql = "UPDATE counters SET next = max(next, ?2) WHERE name = ?1";
        self.0.execute(sql, params![Counter::Instance.name(), end])?;
        Ok(())
    }

    pub(crate) fn project(&self, name: &ProjectName, at: Time) -> Result<(), StoreError> {
        let sql = "INSERT INTO projects (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
        self.0.execute(sql, params![name.as_str(), at.0])?;
        Ok(())
    }

    pub(crate) fn origin(&self, name: &ProjectName, origin: &Origin) -> Result<(), StoreError> {
        let (text, version) = bodies::write(Body::Origin, origin)?;
        let sql = "UPDATE projects SET origin = ?2, origin_version = ?3 WHERE name = ?1";
        self.0.execute(sql, params![name.as_str(), text, version])?;
        Ok(())
    }

    /// A project has addresses, which nobody else has.
    pub(crate) fn block(&self, project: &ProjectName, block: AddressBlock) -> Result<(), StoreError> {
        let sql = "INSERT INTO blocks (start, prefix, project, nth)
                   VALUES (?1, ?2, ?3, (SELECT count(*) FROM blocks WHERE project = ?3))
                   ON CONFLICT (start) DO NOTHING";
        self.0.execute(sql, params![offset(block.first()), block.prefix(), project.as_str()])?;
        Ok(())
    }

    pub(crate) fn project_spec(&self, spec: &ProjectSpec) -> Result<(), StoreError> {
        let (text, version) = sealed::project(self.1, spec)?;
        let sql = "UPDATE projects SET spec = ?2, spec_version = ?3 WHERE name = ?1";
        self.0.execute(sql, params![spec.name.as_str(), text, version])?;
        Ok(())
    }

    pub(crate) fn removing(&self, name: &ProjectName, drop_logs: bool) -> Result<(), StoreError> {
        let sql = "UPDATE projects SET removing = max(removing, ?2) WHERE name = ?1";
        self.0.execute(sql, params![name.as_str(), 1 + u8::from(drop_logs)])?;
        Ok(())
    }

    /// Forget a project and everything of it; its deploys, which are forgotten too.
    pub(crate) fn removed(&self, name: &ProjectName) -> Result<Vec<DeployId>, StoreError> {
        let mut statement = self.0.prepare("SELECT id FROM deploys WHERE project = ?")?;
        let ids = statement.query_map([name.as_str()], |row| Ok(DeployId(row.get(0)?)))?;
        let deploys = ids.collect::<Result<Vec<_>, _>>()?;
        self.0.execute("DELETE FROM projects WHERE name = ?", [name.as_str()])?;
        // What is kept of its variables stays, readable or not.
        self.0.execute("DELETE FROM unreadable WHERE project = ? AND part != 'variable'", [name.as_str()])?;
        Ok(deploys)
    }

    pub(crate) fn service(&self, key: &ServiceKey, vip: Option<Ipv4Addr>) -> Result<(), StoreError> {
        let sql = "INSERT INTO services (project, name, vip) VALUES (?, ?, ?)
                   ON CONFLICT (project, name) DO UPDATE SET vip = coalesce(vip, excluded.vip)";
        self.0.execute(sql, params![key.project.as_str(), key.service.as_str(), vip.map(offset)])?;
        Ok(())
    }

    /// Forget a service that the project no longer has.
    pub(crate) fn service_removed(&self, key: &ServiceKey) -> Result<(), StoreError> {
        let of = params![key.project.as_str(), key.service.as_str()];
        self.0.execute("DELETE FROM services WHERE project = ? AND name = ?", of)?;
        self.0.execute("DELETE FROM ends WHERE project = ? AND service = ?", of)?;
        self.0.execute("DELETE FROM watchdogs WHERE project = ? AND service = ?", of)?;
        self.0.execute("DELETE FROM pingers WHERE project = ? AND service = ?", of)?;
        self.0.execute("DELETE FROM answers WHERE project = ? AND service = ?", of)?;
        Ok(())
    }

    pub(crate) fn note(&self, key: &ServiceKey, note: Option<&str>) -> Result<(), StoreError> {
        let sql = "UPDATE services SET note = ?3 WHERE project = ?1 AND name = ?2";
        self.0.execute(sql, params![key.project.as_str(), key.service.as_str(), note])?;
        Ok(())
    }

    pub(crate) fn target_and_live(
        &self,
        key: &ServiceKey,
        target: DeploymentId,
        live: Option<DeploymentId>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE services SET target = ?3, live = ?4 WHERE project = ?1 AND name = ?2";
        self.0
            .execute(sql, params![key.project.as_str(), key.service.as_str(), target.0, live.map(|d| d.0)])?;
        Ok(())
    }

    /// What `live` took the place of and since when it has been live, and the last one that had held for long before.
    pub(crate) fn replaced(
        &self,
        key: &ServiceKey,
        replaced: Option<(DeploymentId, Time)>,
        trusted: Option<DeploymentId>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE services SET replaced = ?3, replaced_at = ?4, trusted = ?5
                   WHERE project = ?1 AND name = ?2";
        let ((id, at), trusted) = (replaced.map(|(d, at)| (d.0, at.0)).unzip(), trusted.map(|d| d.0));
        self.0.execute(sql, params![key.project.as_str(), key.service.as_str(), id, at, trusted])?;
        Ok(())
    }

    pub(crate) fn demand(&self, key: &ServiceKey, demand: Demand) -> Result<(), StoreError> {
        let sql = "UPDATE services SET wake_at = ?3, sleep_at = ?4 WHERE project = ?1 AND name = ?2";
        let (wake, sleep) = (demand.wake_at.map(|t| t.0), demand.sleep_at.map(|t| t.0));
        self.0.execute(sql, params![key.project.as_str(), key.service.as_str(), wake, sleep])?;
        Ok(())
    }

    pub(crate) fn used(&self, key: &ServiceKey, at: Time) -> Result<(), StoreError> {
        let sql = "UPDATE services SET used_at = ?3 WHERE project = ?1 AND name = ?2";
        self.0.execute(sql, params![key.project.as_str(), key.service.as_str(), at.0])?;
        Ok(())
    }

    pub(crate) fn deploy(&self, id: DeployId, spec: &ProjectSpec, at: Time) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO deploys (id, project, spec, spec_version, state, at) VALUES (?, ?, ?, ?, ?, ?)";
        let (text, version) = sealed::project(self.1, spec)?;
        let (name, state) = (spec.name.as_str(), DeployState::Building.name());
        self.0.execute(sql, params![id.0, name, text, version, state, at.0])?;
        Ok(())
    }

    pub(crate) fn deploy_state(&self, id: DeployId, state: DeployState) -> Result<(), StoreError> {
        self.0.execute("UPDATE deploys SET state = ?2 WHERE id = ?1", params![id.0, state.name()])?;
        Ok(())
    }

    pub(crate) fn build(
        &self,
        id: BuildId,
        deploy: DeployId,
        service: &ServiceName,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO builds (id, deploy, service) VALUES (?, ?, ?)";
        self.0.execute(sql, params![id.0, deploy.0, service.as_str()])?;
        Ok(())
    }

    pub(crate) fn built(&self, id: BuildId, result: Result<&BuildOutcome, &str>) -> Result<(), StoreError> {
        let (outcome, version, error) = match result {
            Ok(outcome) => {
                let (text, version) = bodies::write(Body::Outcome, outcome)?;
                (Some(text), version, None)
            }
            Err(error) => (None, Body::Outcome.version(), Some(error)),
        };
        let sql = "UPDATE builds SET outcome = ?2, outcome_version = ?3, error = ?4 WHERE id = ?1";
        self.0.execute(sql, params![id.0, outcome, version, error])?;
        Ok(())
    }

    pub(crate) fn deployment(
        &self,
        key: &ServiceKey,
        deploy: Option<DeployId>,
        deployment: &Deployment,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO deployments (id, project, service, deploy, body, body_version)
                   VALUES (?, ?, ?, ?, ?, ?)";
        let (body, version) = sealed::deployment(self.1, deployment)?;
        let (project, service) = (key.project.as_str(), key.service.as_str());
        self.0
            .execute(sql, params![deployment.id.0, project, service, deploy.map(|d| d.0), body, version])?;
        Ok(())
    }

    pub(crate) fn instance(
        &self,
        id: InstanceId,
        key: &ServiceKey,
        started_at: Time,
    ) -> Result<(), StoreError> {
        // A project that went away meanwhile has no row to hang it on.
        let sql = "INSERT OR IGNORE INTO instances (id, project, service, started_at)
                   SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM projects WHERE name = ?2)";
        let (project, service) = (key.project.as_str(), key.service.as_str());
        self.0.execute(sql, params![id.0, project, service, started_at.0])?;
        let sql = "DELETE FROM instances WHERE gone AND project = ?1 AND service = ?2 AND id NOT IN
                   (SELECT id FROM instances WHERE project = ?1 AND service = ?2 ORDER BY id DESC LIMIT ?3)";
        self.0.execute(sql, params![project, service, REMEMBERED])?;
        Ok(())
    }

    /// Whether this is an instance that the database once had started.
    pub(crate) fn knows(
        &self,
        id: InstanceId,
        key: &ServiceKey,
        process: DeploymentId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM instances WHERE id = ?3 AND project = ?1 AND service = ?2)
                       OR EXISTS (SELECT 1 FROM deployments WHERE id = ?4 AND project = ?1 AND service = ?2)";
        let of = params![key.project.as_str(), key.service.as_str(), id.0, process.0];
        Ok(self.0.query_row(sql, of, |row| row.get(0))?)
    }

    pub(crate) fn instance_ready(&self, id: InstanceId, at: Time) -> Result<(), StoreError> {
        self.0.execute("UPDATE instances SET ready_at = ?2 WHERE id = ?1", params![id.0, at.0])?;
        Ok(())
    }

    pub(crate) fn instance_draining(&self, id: InstanceId, since: Time) -> Result<(), StoreError> {
        self.0.execute("UPDATE instances SET draining_since = ?2 WHERE id = ?1", params![id.0, since.0])?;
        Ok(())
    }

    /// Its log can still be read.
    pub(crate) fn instance_gone(&self, id: InstanceId) -> Result<(), StoreError> {
        self.0.execute("UPDATE instances SET gone = 1 WHERE id = ?1", params![id.0])?;
        Ok(())
    }

    pub(crate) fn ends(&self, key: &ServiceKey, ends: &[End]) -> Result<(), StoreError> {
        self.of_service("ends", key, Body::Ends, ends)
    }

    pub(crate) fn watchdog(&self, key: &ServiceKey, watchdog: &Watchdog) -> Result<(), StoreError> {
        self.of_service("watchdogs", key, Body::Watchdog, watchdog)
    }

    pub(crate) fn pinger(&self, key: &ServiceKey, pinger: &Watchdog) -> Result<(), StoreError> {
        self.of_service("pingers", key, Body::Watchdog, pinger)
    }

    pub(crate) fn answers(&self, key: &ServiceKey, answers: &[Answered]) -> Result<(), StoreError> {
        self.of_service("answers", key, Body::Answers, answers)
    }

    /// What a table says of a service, unless its project is gone.
    fn of_service<T: Serialize + ?Sized>(
        &self,
        table: &'static str,
        key: &ServiceKey,
        kind: Body,
        body: &T,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO {table} (project, service, body, body_version)
             SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM projects WHERE name = ?1)
             ON CONFLICT (project, service)
             DO UPDATE SET body = excluded.body, body_version = excluded.body_version"
        );
        let (body, version) = bodies::write(kind, body)?;
        self.0.execute(&sql, params![key.project.as_str(), key.service.as_str(), body, version])?;
        Ok(())
    }

    /// The newest deploy of a project.
    pub(crate) fn latest_deploy(&self, project: &ProjectName) -> Result<Option<DeployId>, StoreError> {
        let sql = "SELECT max(id) FROM deploys WHERE project = ?";
        let id: Option<u64> = self.0.query_row(sql, params![project.as_str()], |row| row.get(0))?;
        Ok(id.map(DeployId))
    }

    /// Images of deployments that are wanted, and of builds whose deploy is not over.
    pub(crate) fn images(&self) -> Result<BTreeSet<ImageId>, StoreError> {
        let mut out = BTreeSet::new();
        let mut statement = self.0.prepare(
            "SELECT body FROM deployments d WHERE EXISTS
                 (SELECT 1 FROM services s WHERE d.id IN (s.target, s.live, s.replaced, s.trusted))
             UNION SELECT b.outcome FROM builds b JOIN deploys d ON d.id = b.deploy
                 WHERE b.outcome IS NOT NULL AND d.state IN ('building', 'rolling')",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            out.extend(image(&row.get::<_, String>(0)?));
        }
        Ok(out)
    }
}

/// The image that a body names. A body that is unreadable as a whole mostly tells it all the same, and it has to stay.
fn image(body: &str) -> Option<ImageId> {
    #[derive(serde::Deserialize)]
    struct Named {
        image: ImageId,
    }
    let named = serde_json::from_str(body).map(|Named { image }| image);
    named.ok().or_else(|| {
        let (_, rest) = body.split_once(r#""image":""#)?;
        Some(ImageId(rest.split_once('"')?.0.into()))
    })
}
