use std::collections::{BTreeMap, BTreeSet};

use dormouse_model::{
    Demand, Deployment, DeploymentId, HealthSpec, ImageId, Limits, ProjectSpec, ServiceKey, ServiceKind,
    ServiceSpec, SleepPolicy, Time, Visibility,
};

use super::{Store, StoreError};
use crate::{DeployId, id::Counter};

pub(crate) fn spec() -> ProjectSpec {
    let service = ServiceSpec {
        name: "web".parse().unwrap(),
        kind: ServiceKind::Web,
        source: ".".to_owned(),
        start: None,
        package: None,
        port: 8000,
        health: HealthSpec::default(),
        needs: BTreeSet::new(),
        limits: Limits::default(),
        env: BTreeMap::new(),
        visibility: Visibility::Public,
        sleep: SleepPolicy::default(),
        stop_grace: std::time::Duration::from_secs(30),
        packages: BTreeSet::new(),
        left_out: BTreeSet::new(),
        include: BTreeSet::new(),
    };
    ProjectSpec { name: "shop".parse().unwrap(), services: [(service.name.clone(), service)].into() }
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let key: ServiceKey = "shop/web".parse().unwrap();

    let (store, empty) = Store::open(&path).unwrap();
    assert!(empty.projects.is_empty());
    let k = key.clone();
    let id = store
        .write(move |tx| {
            let spec = spec();
            tx.project(&spec.name, 3, Time(1))?;
            tx.service(&k, Some(2))?;
            let deploy = DeployId(tx.take(Counter::Deploy)?);
            tx.deploy(deploy, &spec, Time(2))?;
            let deployment = Deployment {
                id: DeploymentId(tx.take(Counter::Deployment)?),
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

    let (store, again) = Store::open(&path).unwrap();
    let failed: Result<(), _> = store
        .write(|tx| {
            tx.removed(&"shop".parse()?)?;
            Err(StoreError::Closed)
        })
        .await;
    assert!(failed.is_err());
    drop(store);
    let (_store, last) = Store::open(&path).unwrap();
    assert_eq!(again.projects, last.projects, "a change that fails leaves nothing behind");
    assert_eq!(again.projects[0].spec, Some(spec()));
    assert_eq!(again.services[0].target, Some(id));
    assert_eq!(last.services[0].demand.wake_at, Some(Time(9)));
    assert_eq!(again.unfinished[0].deployments, [("web".parse().unwrap(), id)]);
    assert!(last.instance_block > again.instance_block && again.epoch + 1 == last.epoch);
}

#[test]
fn what_older_versions_wrote_is_read() {
    let mut spec = spec().services.into_values().next().unwrap();
    let mut json = serde_json::to_value(&spec).unwrap();
    assert!(
        json["health"].as_object_mut().unwrap().remove("speaks_http").is_none(),
        "said although it need not be"
    );
    assert_eq!(serde_json::from_value::<ServiceSpec>(json).unwrap(), spec);
    spec.health.speaks_http = true;
    let json = serde_json::to_value(&spec).unwrap();
    assert_eq!(serde_json::from_value::<ServiceSpec>(json).unwrap(), spec);
}

#[test]
fn a_newer_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dormouse.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
}
