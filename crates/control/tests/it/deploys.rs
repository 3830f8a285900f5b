//! From a deploy to a table, and out again.

use std::{
    collections::BTreeSet,
    task::{Context, Waker},
    time::{Duration, SystemTime},
};

use dormouse_backend::sim::Behaviour;
use dormouse_model::{
    DeploymentId, Endpoint, EnvValue, ExitStatus, InstanceId, Limits, Phase, ServiceSpec, Time, Visibility,
};
use expect_test::expect;

use crate::world::{World, project, service, show};

#[tokio::test]
async fn a_deploy_becomes_routes() {
    let world = World::new(31).await;
    let mut backend = service("backend");
    backend.visibility = Visibility::Private;
    let mut frontend = service("frontend");
    frontend.needs = ["backend".parse().unwrap()].into();
    let id = world.deploy(&project("shop", vec![backend, frontend])).await;
    let events = world.events(id).await;
    assert!(
        events.ends_with("* {\"event\":\"done\",\"urls\":[\"http://shop.localhost:PORT/\"]}\n"),
        "{events}"
    );
    let table = world.table();
    let hosts: Vec<_> = table.hosts.iter().map(|(h, r)| format!("{h} {}", r.service)).collect();
    expect![[r#"
        [
            "frontend--shop.localhost shop/frontend",
            "shop.localhost shop/frontend",
        ]
    "#]]
    .assert_debug_eq(&hosts);
    let listeners: Vec<_> = table.listeners.iter().map(|l| format!("{} {}", l.addr, l.service)).collect();
    expect![[r#"
        [
            "127.31.1.2:18000 shop/backend",
            "127.31.1.3:18000 shop/frontend",
        ]
    "#]]
    .assert_debug_eq(&listeners);
    let zones: Vec<_> =
        table.zones.iter().map(|z| format!("{}/{} {:?}", z.gateway, z.prefix, z.names)).collect();
    expect![[r#"
        [
            "127.31.1.1/27 {\"backend\": 127.31.1.2, \"frontend\": 127.31.1.3}",
            "127.31.255.1/24 {}",
        ]
    "#]]
    .assert_debug_eq(&zones);
}

#[tokio::test]
async fn what_crashes_is_started_again() {
    let world = World::new(32).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.stands("shop/web", "i1").await;
    world.sim.crash(InstanceId(1), ExitStatus::Code(1));
    world.stands("shop/web", "i2").await;
    let alive: BTreeSet<_> = world.instances().await.into_iter().map(|(id, ..)| id.0).collect();
    assert_eq!(alive, [2].into(), "the ended one is cleared away");
}

#[tokio::test]
async fn what_keeps_crashing_is_said_to() {
    let world = World::new(33).await;
    let dies = Behaviour {
        ready_after: None,
        ends: Some((Duration::ZERO, ExitStatus::OutOfMemory)),
        ..Behaviour::default()
    };
    world.sim.behave(DeploymentId(1), dies.clone());
    let spec = project("shop", vec![service("web")]);
    let id = world.deploy(&spec).await;
    let events = world.events(id).await;
    assert!(events.contains("\"out of memory (limit 1 GiB)\""), "{events}");
    assert!(
        events.ends_with("* {\"event\":\"failed\",\"reason\":\"web did not become ready\"}\n"),
        "{events}"
    );
    world.stands("shop/web", "crashed: out of memory (limit 1 GiB)").await;

    // A newer deployment mends it; one that crashes then leaves the good one alone.
    world.builder.set_image(2);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    let good = show(&world.table());
    world.sim.behave(DeploymentId(3), dies);
    world.builder.set_image(3);
    let id = world.deploy(&spec).await;
    let events = world.events(id).await;
    assert!(events.contains("\"rollout_failed\",\"deployment\":3") && events.contains("\"old_serves\":true"));
    assert_eq!(show(&world.table()), good);
    assert!(world.ps().await.contains("d3 was given up"), "{}", world.ps().await);
}

#[tokio::test]
async fn what_never_listens_is_said_to_once_and_tried_again() {
    let world = World::new(37).await;
    world.sim.behave(DeploymentId(1), Behaviour { ready_after: None, ..Behaviour::default() });
    let mut web = service("web");
    web.health.start_timeout = Duration::from_secs(1);
    let id = world.deploy(&project("shop", vec![web])).await;
    let events = world.events(id).await;
    assert!(events.contains("not ready within 1 s: nothing listens on port 18000"), "{events}");
    assert!(
        events.ends_with("* {\"event\":\"failed\",\"reason\":\"web did not become ready\"}\n"),
        "{events}"
    );
    world.stands("shop/web", "starting").await;
    world.sim.behave(DeploymentId(1), Behaviour::default());
    world.table_where(|t| t.endpoints.values().any(|e| matches!(e, Endpoint::Ready { .. }))).await;
}

#[tokio::test]
async fn no_grace_outlasts_the_server() {
    let mut world = World::new(38).await;
    world.sim.behave(DeploymentId(1), Behaviour { obeys: false, ..Behaviour::default() });
    let mut web = service("web");
    web.stop_grace = Duration::from_secs(180);
    let id = world.deploy(&project("shop", vec![web])).await;
    world.events(id).await;
    let (sim, start) = (world.sim.clone(), Time::from(SystemTime::now()));
    let mut passed = Duration::ZERO;
    let end = world.end();
    tokio::pin!(end);
    while tokio::time::timeout(Duration::from_millis(5), &mut end).await.is_err() {
        passed += Duration::from_secs(1);
        sim.advance_to(start.after(passed));
    }
    assert!((60..90).contains(&passed.as_secs()), "{passed:?}");
}

#[tokio::test]
async fn a_restart_leaves_no_gap() {
    let world = World::new(34).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.edge.lock().unwrap().shown.clear();
    let services = world.ask(|c| async move { c.restart("shop", None, None).await }).await.unwrap();
    assert_eq!(services.len(), 1);
    world.stands("shop/web", "i2").await;
    let shown: BTreeSet<_> = world.edge.lock().unwrap().shown.drain(..).collect();
    let served = ["shop/web: i1\n".to_owned(), "shop/web: i2\n".to_owned()].into();
    assert!(shown.is_subset(&served), "{shown:?}");
    let error = world.ask(|c| async move { c.restart("shop", Some("wbe"), None).await }).await.unwrap_err();
    expect![[r#"
        the project `shop` has no service `wbe`
          hint: there is web"#]]
    .assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_service_that_is_no_longer_in_the_manifest_goes() {
    let world = World::new(35).await;
    let id = world.deploy(&project("shop", vec![service("web"), service("old")])).await;
    world.events(id).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.table_where(|t| t.endpoints.len() == 1 && t.listeners.len() == 1).await;
    while world.instances().await.len() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_service_has_further_names_on_its_network() {
    let world = World::new(93).await;
    let names = ["web_app", "api", "front"].map(str::to_owned).into();
    let spec = project("shop", vec![ServiceSpec { aliases: names, ..service("web-app") }, service("api")]);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    let zone = world.table().zones[0].names.clone();
    let of = |name: &str| {
        zone.iter().filter(|(_, a)| **a == zone[name]).map(|(n, _)| n.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((of("web-app"), of("api")), (vec!["front", "web-app", "web_app"], vec!["api"]));
}

#[tokio::test]
async fn down_leaves_nothing() {
    let mut world = World::new(36).await;
    let spec = project("shop", vec![service("web")]);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    let logs = world.state().join("logs");
    std::fs::create_dir_all(logs.join("shop/web")).unwrap();
    assert!(logs.join("builds/1.log").exists());
    world.ask(|c| async move { c.down("shop", true, false).await }).await.unwrap();
    assert!(!logs.join("shop").exists() && !logs.join("builds/1.log").exists(), "its logs stay");
    assert_eq!((world.instances().await.len(), world.ps().await.as_str()), (0, ""));
    assert!(world.table().hosts.is_empty() && world.table().zones.len() == 1);
    let error = world.ask(|c| async move { c.down("shop", true, false).await }).await.unwrap_err();
    assert!(error.to_string().starts_with("there is no project `shop`"));
    world.kill_and_restart().await;
    assert_eq!(world.ps().await, "");
    // The same name again: numbers go on.
    let id = world.deploy(&spec).await;
    world.events(id).await;
    world.table_where(|t| !t.endpoints.is_empty()).await;
    assert!(world.instances().await.iter().all(|(id, _, phase)| id.0 > 1 && *phase == Phase::Running));
}

/// Bug: the row was written, nothing went on, and the next start of control rolled it out over what came later.
#[tokio::test]
async fn a_deploy_goes_on_when_its_client_leaves() {
    let world = World::new(39).await;
    let spec = project("shop", vec![service("web")]);
    world
        .ask(|c| async move {
            let upload = c.upload().await.unwrap();
            std::fs::write(upload.dir().join("main.py"), "print()").unwrap();
            // Polled once, so that it has begun, and dropped.
            let mut asked = Box::pin(c.deploy_spec(upload, spec));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(asked.as_mut().poll(&mut cx).is_pending());
        })
        .await;
    world.stands("shop/web", "i1").await;
}

/// Bug: a variable of 200 kB was found out after the build, when the instance could not be started.
#[tokio::test]
async fn what_could_never_be_started_is_not_built() {
    let world = World::new(40).await;
    let mut web = service("web");
    web.env.insert("DATA", EnvValue::Text("x".repeat(200_000)));
    let refused = world
        .ask(|c| async move {
            let upload = c.upload().await.unwrap();
            c.deploy_spec(upload, project("shop", vec![web])).await
        })
        .await;
    let why = refused.unwrap_err().to_string();
    assert!(why.starts_with("the variable `DATA` of web has 196 KiB"), "{why}");
    assert_eq!((world.ps().await.as_str(), world.builder.begun()), ("", 0));
}

/// Bug: for some milliseconds after a deploy was done the edge still sent requests to the version before.
#[tokio::test]
async fn a_deploy_is_done_when_the_edge_knows() {
    let world = World::new(179).await;
    let spec = project("shop", vec![service("web")]);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    world.edge.lock().unwrap().silent = true;
    world.builder.set_image(2);
    let id = world.deploy(&spec).await;
    world.stands("shop/web", "i2").await;
    let told = tokio::time::timeout(Duration::from_millis(500), world.events(id)).await;
    assert!(told.is_err(), "{told:?}");
    // An edge that never says so keeps nobody for ever.
    assert!(world.events(id).await.contains("\"done\""));
}

/// Bug: a manifest that asked for a tebibyte was accepted.
#[tokio::test]
async fn what_the_server_does_not_give_is_refused() {
    let world = World::new(181).await;
    let limits = Limits { memory: 1 << 40, ..Limits::default() };
    expect![[r#"
        web asks for memory = 1024 GiB, and this server gives a service 8 GiB at most
          hint: ask for less, or raise `memory` under [limits] in its server.toml"#]]
    .assert_eq(&world.refused(&project("shop", vec![ServiceSpec { limits, ..service("web") }])).await);
}

/// Bug: thirteen slips in a manifest, and the next deploy was d14.
#[tokio::test]
async fn what_is_refused_takes_no_number() {
    let world = World::new(120).await;
    let mut greedy = service("web");
    greedy.limits.memory = 64 << 30;
    for _ in 0..3 {
        world.refused(&project("shop", vec![greedy.clone()])).await;
    }
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    assert_eq!(id.0, 1);
    assert!(world.events(id).await.contains("\"done\""));
    assert!(!world.source(id).exists());
}
