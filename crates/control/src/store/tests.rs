use std::{collections::BTreeSet, net::Ipv4Addr};

use dormouse_model::{
    AddressBlock, Demand, Deployment, DeploymentId, Env, HealthSpec, ImageId, Limits, ProjectSpec,
    ServiceKey, ServiceKind, ServiceSpec, SleepPolicy, Time, Visibility,
};
use expect_test::expect;

use super::{Store, StoreError, check_database, schema::MIGRATIONS};
use crate::{
    DeployId,
    id::{Counter, Used},
    vault::Vault,
};

const POOL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 0);

pub(crate) fn spec() -> ProjectSpec {
    let service = ServiceSpec {
        name: "web".parse().unwrap(),
        kind: ServiceKind::Web,
        source: ".".to_owned(),
        start: None,
        package: None,
        requirements: None,
        install: Vec::new(),
        workdir: None,
        origins: dormouse_model::Origins::default(),
        port: 8000,
        health: HealthSpec::default(),
        replicas: 1,
        needs: BTreeSet::new(),
        after: BTreeSet::new(),
        limits: Limits::default(),
        env: Env::default(),
        stored: Env::default(),
        visibility: Visibility::Public,
        sleep: SleepPolicy::default(),
        stop_grace: std::time::Duration::from_secs(30),
        packages: BTreeSet::new(),
        left_out: BTreeSet::new(),
        include: BTreeSet::new(),
        aliases: BTreeSet::new(),
    };
    let services = [(service.name.clone(), service.into())].into();
    ProjectSpec { name: "shop".parse().unwrap(), services }
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let key: ServiceKey = "shop/web".parse().unwrap();

    let (store, empty) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    assert!(empty.projects.is_empty());
    let k = key.clone();
    let id = store
        .write(move |tx| {
            let spec = spec();
            tx.project(&spec.name, Time(1))?;
            tx.block(&spec.name, AddressBlock::around([10, 77, 3, 0].into(), 27))?;
            tx.service(&k, Some([10, 77, 3, 2].into()))?;
            let deploy = DeployId(tx.take(Counter::Deploy)?);
            tx.deploy(deploy, &spec, Time(2))?;
            let deployment = Deployment {
                id: DeploymentId(tx.take(Counter::Deployment)?),
                deploy,
                image: ImageId("sha256:1".into()),
                spec: spec.services[&k.service].clone(),
                created_at: Time(3),
                continues: None,
            };
            tx.deployment(&k, Some(deploy), &deployment)?;
            tx.target_and_live(&k, deployment.id, None)?;
            tx.project_spec(&spec)?;
            Ok(deployment.id)
        })
        .await
        .unwrap();
    let k = key.clone();
    store.later(move |tx| tx.demand(&k, Demand { wake_at: Some(Time(9)), sleep_at: None }));
    store.flush().await.unwrap();
    drop(store);

    let (store, again) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    let failed: Result<(), _> = store
        .write(|tx| {
            tx.removed(&"shop".parse()?)?;
            Err(StoreError::Closed)
        })
        .await;
    assert!(failed.is_err());
    drop(store);
    let (_store, last) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    assert_eq!(again.projects, last.projects, "a change that fails leaves nothing behind");
    assert_eq!(again.projects[0].spec, Some(spec()));
    assert_eq!(again.services[0].target, Some(id));
    assert_eq!(last.services[0].demand.wake_at, Some(Time(9)));
    assert_eq!(again.unfinished[0].deployments, [("web".parse().unwrap(), id)]);
    assert!(last.instance_block > again.instance_block && again.epoch < last.epoch);
}

#[test]
fn a_newer_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let opened = Store::open(&path, POOL, Vault::for_tests(), Used::default());
    let Err(StoreError::Newer { found: 99, known }) = opened else { panic!() };
    let refused = check_database(path.parent().unwrap()).unwrap_err().to_string();
    expect![[r#"
        the database was written by a newer version (schema 99, this one knows KNOWN)
          hint: use the newer version, or another state folder"#]]
    .assert_eq(&refused.replace(&format!("knows {known}"), "knows KNOWN"));
}

/// A project had 256 addresses, and a service the last number of one; both keep what they have.
#[tokio::test]
async fn addresses_of_older_versions_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO projects (name, subnet, created_at) VALUES ('shop', 12, 7), ('blog', 3, 8);
             INSERT INTO services (project, name, vip) VALUES ('shop', 'web', 2), ('shop', 'worker', NULL), ('blog', 'web', 63);
             INSERT INTO instances (id, project, service, started_at) VALUES (1, 'shop', 'web', 9);",
        )
        .unwrap();
    drop(connection);
    let (store, found) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    let projects: Vec<_> = found.projects.iter().map(|p| format!("{} {}", p.name, p.blocks[0])).collect();
    assert_eq!(projects, ["blog 10.77.3.0/24", "shop 10.77.12.0/24"]);
    let vips: Vec<_> = found.services.iter().map(|s| s.vip.map(|vip| vip.to_string())).collect();
    assert_eq!(vips, [Some("10.77.3.63".into()), Some("10.77.12.2".into()), None]);
    assert_eq!(found.instances.len(), 1, "what hangs on a project stays");
    // One that grows keeps its first block first, though the new one lies before it.
    let grown = AddressBlock::around([10, 77, 1, 0].into(), 24);
    store.write(move |tx| tx.block(&"shop".parse()?, grown)).await.unwrap();
    store.write(|tx| tx.removed(&"blog".parse()?)).await.unwrap();
    drop(store);
    let (_store, last) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    let shop = &last.projects[0];
    assert_eq!(shop.blocks, [AddressBlock::around([10, 77, 12, 0].into(), 24), grown]);
    assert_eq!((last.projects.len(), last.services.len()), (1, 2), "what hangs on a project goes with it");
}

/// Bug: garbage in the log of a database lost the newest project.
#[tokio::test]
async fn a_damaged_log_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let (store, _) = Store::open(&path, POOL, Vault::for_tests(), Used::default()).unwrap();
    store.write(|tx| tx.project(&"shop".parse()?, Time(1))).await.unwrap();
    // Behind what makes the log empty.
    store.flush().await.unwrap();
    store.later(|tx| tx.project(&"later".parse()?, Time(2)));
    store.flush().await.unwrap();
    // As after a kill.
    let killed = tempfile::tempdir().unwrap();
    let after = killed.path().join("dormouse.db");
    std::fs::copy(&path, &after).unwrap();
    std::fs::write(killed.path().join("dormouse.db-wal"), [0xa5; 20_000]).unwrap();
    let (_store, found) = Store::open(&after, POOL, Vault::for_tests(), Used::default()).unwrap();
    assert!(found.projects.iter().any(|p| p.name.as_str() == "shop"), "{:?}", found.projects);
}
