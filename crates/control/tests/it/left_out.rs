//! What a deploy leaves out, and whom it shows to visitors, are settled when it is done, not before.

use std::time::Duration;

use dormouse_backend::sim::Behaviour;
use dormouse_model::{DeploymentId, ExitStatus, ServiceSpec, Visibility};
use expect_test::expect;

use crate::world::{World, project, service, show};

fn private(name: &str) -> ServiceSpec {
    ServiceSpec { visibility: Visibility::Private, ..service(name) }
}

fn breaks(world: &World, deployment: u64) {
    let ends = Some((Duration::ZERO, ExitStatus::Code(1)));
    world.sim.behave(DeploymentId(deployment), Behaviour { ready_after: None, ends, ..Behaviour::default() });
}

async fn deploy(world: &World, services: Vec<ServiceSpec>) -> bool {
    let id = world.deploy(&project("shop", services)).await;
    world.events(id).await.contains("\"done\"")
}

/// What is served, and under which hosts.
fn served(world: &World) -> String {
    let table = world.table();
    let hosts = table.hosts.iter().map(|(host, route)| format!("{host} {}\n", route.service));
    show(&table) + &hosts.collect::<String>()
}

/// Bug: a service that was called otherwise in a new version was ended although that version never came up.
#[tokio::test]
async fn it_goes_on_beside_what_does_not_come_up() {
    let mut world = World::new(175).await;
    assert!(deploy(&world, vec![service("web"), service("old")]).await);
    breaks(&world, 3);
    assert!(!deploy(&world, vec![service("api"), service("old")]).await);
    for _ in 0..2 {
        world.stands("shop/api", "crashed: exited with code 1").await;
        expect![[r"
            shop/api: crashed: exited with code 1
            shop/old: i1
            shop/web: i2
            api--shop.localhost shop/api
            old--shop.localhost shop/old
            shop.localhost shop/web
            web--shop.localhost shop/web
        "]]
        .assert_eq(&served(&world));
        assert!(
            world.ps().await.contains("d2 leaves it out, and failed: it goes on"),
            "{}",
            world.ps().await
        );
        world.kill_and_restart().await;
    }
    world.builder.set_image(2);
    assert!(deploy(&world, vec![service("api")]).await);
    let gone = world.table_where(|t| t.endpoints.len() == 1).await;
    assert!(show(&gone).starts_with("shop/api: i"), "{}", show(&gone));
    expect![[r"
        api--shop.localhost shop/api
        shop.localhost shop/api
    "]]
    .assert_eq(&served(&world).lines().skip(1).map(|l| format!("{l}\n")).collect::<String>());
    world.kill_and_restart().await;
    world.table_where(|t| t.endpoints.len() == 1).await;
}

/// Bug: the project's host was given to a service that did not come up, and taken from the one that served.
#[tokio::test]
async fn hosts_move_with_what_is_done() {
    let mut world = World::new(176).await;
    assert!(deploy(&world, vec![service("web"), private("api")]).await);
    let before = served(&world);
    world.builder.set_image(2);
    let later = || vec![private("web"), service("api")];
    breaks(&world, 3);
    assert!(!deploy(&world, later()).await);
    let hosts =
        |text: &str| text.lines().filter(|l| l.contains("localhost")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(hosts(&served(&world)), hosts(&before));
    world.kill_and_restart().await;
    assert_eq!(hosts(&served(&world)), hosts(&before));
    world.builder.set_image(3);
    assert!(deploy(&world, later()).await);
    world.table_where(|t| !t.hosts.contains_key("web--shop.localhost")).await;
    assert_eq!(hosts(&served(&world)), ["api--shop.localhost shop/api", "shop.localhost shop/api"]);
}

/// Bug: while a service was about to become a worker, its host was nobody's.
#[tokio::test]
async fn a_host_stays_while_its_service_becomes_a_worker() {
    let world = World::new(177).await;
    assert!(deploy(&world, vec![service("web")]).await);
    let before = served(&world);
    world.edge.lock().unwrap().shown.clear();
    world.builder.set_image(2);
    breaks(&world, 2);
    let worker = ServiceSpec { kind: dormouse_model::ServiceKind::Worker, ..private("web") };
    assert!(!deploy(&world, vec![worker]).await);
    assert_eq!(served(&world), before);
}

/// Bug: a service was taken down, and the project's host given to another, without a word.
#[tokio::test]
async fn what_it_takes_away_is_said_before() {
    let world = World::new(182).await;
    assert!(deploy(&world, vec![service("beta"), private("api"), service("old")]).await);
    let said = world.warnings(&project("shop", vec![service("beta"), service("api")])).await;
    expect![[r#"
        no longer part of the project, and taken down when this deploy is done: `old`
          hint: the manifest names every service
        http://shop.localhost:8080/ leads to `api` when this deploy is done, and led to `beta`
          hint: of several public services `frontend`, `web` or `app` has the project's own host, else the first by name"#]].assert_eq(&said.join("\n"));
}

/// Bug: of a version that keeps ending it was said that it goes on serving.
#[tokio::test]
async fn what_does_not_work_is_not_said_to_serve() {
    let world = World::new(183).await;
    assert!(deploy(&world, vec![service("web")]).await);
    let ends = Some((Duration::from_millis(1), ExitStatus::Code(1)));
    world.sim.behave(DeploymentId(1), Behaviour { ready_after: None, ends, ..Behaviour::default() });
    world.sim.crash(dormouse_model::InstanceId(1), ExitStatus::Code(1));
    world.stands("shop/web", "crashed: exited with code 1").await;
    breaks(&world, 2);
    world.builder.set_image(2);
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    assert!(world.events(id).await.contains("\"old_serves\":false"), "{}", world.events(id).await);
}
