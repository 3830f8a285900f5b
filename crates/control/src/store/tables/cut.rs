//! What is over and not to be kept any more.

use std::collections::BTreeSet;

use dormouse_model::Time;
use rusqlite::{OptionalExtension, params};

use super::super::{StoreError, Tx};
use crate::{DeployId, Keep};

/// Deployments that something hangs on: those that are wanted or may be again, those whose process they go on with, and of which
/// deploy a restart is where its body does not say.
const NEEDED: &str = "WITH wanted AS (
         SELECT d.* FROM deployments d WHERE EXISTS
             (SELECT 1 FROM services s WHERE d.id IN (s.target, s.live, s.replaced, s.trusted))
     ), needed (id) AS (
         SELECT id FROM wanted
         UNION SELECT json_extract(iif(json_valid(body), body, '{}'), '$.continues') FROM wanted
         UNION SELECT (SELECT max(e.id) FROM deployments e WHERE e.project = w.project AND e.service = w.service
                       AND e.deploy IS NOT NULL AND e.id < w.id) FROM wanted w WHERE w.deploy IS NULL
     )";

impl Tx<'_> {
    /// Forget deploys that are over and not to be kept, at most so many; which.
    pub(crate) fn cut(&self, keep: Keep, now: Time, most: u32) -> Result<Vec<DeployId>, StoreError> {
        let age = u64::try_from(keep.age.as_millis()).unwrap_or(u64::MAX);
        let old = i64::try_from(now.0.saturating_sub(age)).unwrap_or(i64::MAX);
        let mut out = Vec::new();
        for project in self.names("SELECT name FROM projects")? {
            let few = "SELECT id FROM deploys WHERE project = ? ORDER BY id DESC LIMIT 1 OFFSET ?";
            let first: Option<i64> = self
                .0
                .query_row(few, params![project, keep.deploys.max(1) - 1], |row| row.get(0))
                .optional()?;
            let sql = format!(
                "{NEEDED} SELECT id FROM deploys d
                 WHERE project = ?1 AND state IN ('done', 'failed') AND (id < ?2 OR at < ?3)
                     AND id != (SELECT max(id) FROM deploys WHERE project = ?1)
                     AND id != coalesce((SELECT max(id) FROM deploys WHERE project = ?1 AND state = 'done'), 0)
                     AND id NOT IN (SELECT coalesce(json_extract(iif(json_valid(body), body, '{{}}'), '$.deploy'), 0)
                                    FROM wanted)
                     AND NOT EXISTS (SELECT 1 FROM deployments p WHERE p.project = ?1 AND p.deploy = d.id
                                     AND p.id IN (SELECT id FROM needed WHERE id IS NOT NULL))
                 ORDER BY id LIMIT ?4"
            );
            let room = most.saturating_sub(u32::try_from(out.len()).unwrap_or(u32::MAX));
            let mut statement = self.0.prepare(&sql)?;
            let ids = statement
                .query_map(params![project, first.unwrap_or(0), old, room], |row| row.get::<_, u64>(0))?;
            for id in ids {
                out.push(DeployId(id?));
            }
        }
        for id in &out {
            self.0.execute("DELETE FROM deployments WHERE deploy = ?", [id.0])?;
            // Its builds go with it.
            self.0.execute("DELETE FROM deploys WHERE id = ?", [id.0])?;
        }
        Ok(out)
    }

    /// Forget deployments of restarts that are not to be kept, at most so many; how many.
    pub(crate) fn cut_restarts(&self, keep: Keep, most: u32) -> Result<usize, StoreError> {
        let sql = format!(
            "{NEEDED}, ranked AS (
                 SELECT id, row_number() OVER (PARTITION BY project, service ORDER BY id DESC) AS place
                 FROM deployments WHERE deploy IS NULL
             ) DELETE FROM deployments WHERE id IN (
                 SELECT id FROM ranked WHERE place > ?1 AND id NOT IN (SELECT id FROM needed WHERE id IS NOT NULL)
                 ORDER BY id LIMIT ?2)"
        );
        Ok(self.0.execute(&sql, params![keep.deploys.max(1), most])?)
    }

    /// The numbers of all deploys.
    pub(crate) fn deploys(&self) -> Result<BTreeSet<u64>, StoreError> {
        let mut statement = self.0.prepare("SELECT id FROM deploys")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn names(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.0.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, time::Duration};

    use dormouse_model::{Deployment, DeploymentId, ImageId, ServiceKey};
    use expect_test::expect;

    use super::*;
    use crate::{
        id::Used,
        store::{DeployState, Store, tests::spec},
        vault::Vault,
    };

    /// Twelve deploys, one a day, each with a deployment of its number, and a restart after each, of the number and 100. The last
    /// is under way; the one before it failed.
    async fn twelve(store: &Store) {
        let key: ServiceKey = "shop/web".parse().unwrap();
        let change = store.write(move |tx| {
            let spec = spec();
            tx.project(&spec.name, Time(0))?;
            tx.service(&key, None)?;
            for n in 1..=12 {
                let deploy = DeployId(n);
                tx.deploy(deploy, &spec, Time(n * 86_400_000))?;
                tx.build(dormouse_model::BuildId(n), deploy, &key.service)?;
                let state = match n {
                    12 => DeployState::Rolling,
                    11 => DeployState::Failed,
                    _ => DeployState::Done,
                };
                tx.deploy_state(deploy, state)?;
                for (id, of) in [(n, Some(deploy)), (n + 100, None)] {
                    let deployment = Deployment {
                        id: DeploymentId(id),
                        deploy,
                        image: ImageId(format!("sha256:{n}").into()),
                        spec: spec.services[&key.service].clone(),
                        created_at: Time(n),
                        continues: (n == 6).then_some(DeploymentId(3)),
                    };
                    tx.deployment(&key, of, &deployment)?;
                }
            }
            Ok(())
        });
        change.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_kept() {
        let day = Duration::from_secs(86_400);
        let mut table = String::new();
        for (what, deploys, days, wanted) in [
            ("the defaults", 100, 365, [12, 10, 9, 8]),
            ("three", 3, 365, [12, 10, 9, 8]),
            ("one", 1, 365, [12, 10, 9, 8]),
            ("four days", 100, 4, [12, 10, 10, 10]),
            ("older ones serve", 1, 0, [12, 2, 2, 2]),
            ("a process that goes on", 1, 0, [6, 6, 6, 6]),
            ("restarts", 2, 365, [105, 105, 105, 105]),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("dormouse.db");
            let pool = [10, 77, 0, 0].into();
            let (store, _) = Store::open(&path, pool, Vault::for_tests(), Used::default()).unwrap();
            twelve(&store).await;
            let keep = Keep { deploys, age: day * days };
            let [target, live, replaced, trusted] = wanted.map(DeploymentId);
            let now = Time(12 * 86_400_000);
            let left = store.write(move |tx| {
                let key: ServiceKey = "shop/web".parse()?;
                tx.target_and_live(&key, target, Some(live))?;
                tx.replaced(&key, Some((replaced, Time(1))), Some(trusted))?;
                let images = tx.images()?;
                while !tx.cut(keep, now, 2)?.is_empty() {}
                while tx.cut_restarts(keep, 2)? > 0 {}
                assert_eq!(tx.images()?, images);
                let list = |sql: &str| tx.names(sql).map(|all| all.join(" "));
                let deploys = list("SELECT CAST(id AS TEXT) FROM deploys ORDER BY id")?;
                let builds = list("SELECT CAST(deploy AS TEXT) FROM builds ORDER BY id")?;
                assert_eq!(deploys, builds);
                Ok((deploys, list("SELECT CAST(id AS TEXT) FROM deployments ORDER BY id")?))
            });
            let (left, deployments) = left.await.unwrap();
            writeln!(table, "{what}: {left} | {deployments}").unwrap();
            drop(store);
            // Nothing that is read at a start is missed.
            let (_store, read) = Store::open(&path, pool, Vault::for_tests(), Used::default()).unwrap();
            assert!(read.projects[0].done.is_some() && read.unreadable.is_empty());
            assert_eq!((read.unfinished.len(), read.ended.len()), (1, 1));
        }
        expect![[r#"
            the defaults: 1 2 3 4 5 6 7 8 9 10 11 12 | 1 2 3 4 5 6 7 8 9 10 11 12 101 102 103 104 105 106 107 108 109 110 111 112
            three: 8 9 10 11 12 | 8 9 10 11 12 110 111 112
            one: 8 9 10 12 | 8 9 10 12 112
            four days: 8 9 10 11 12 | 8 9 10 11 12 101 102 103 104 105 106 107 108 109 110 111 112
            older ones serve: 2 10 12 | 2 10 12 112
            a process that goes on: 3 6 10 12 | 3 6 10 12 112
            restarts: 5 10 11 12 | 5 10 11 12 105 111 112
        "#]].assert_eq(&table);
    }
}
