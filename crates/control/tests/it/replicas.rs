//! Several instances of one service.

use std::{collections::BTreeSet, time::Duration};

use dormouse_backend::Workloads;
use dormouse_model::{EnvValue, ExitStatus, InstanceId, Phase, ServiceSpec};
use expect_test::expect;

use crate::world::{World, project, service};

fn several(replicas: u32) -> ServiceSpec {
    ServiceSpec { replicas, ..service("web") }
}

async fn deploy(world: &World, web: &ServiceSpec) -> String {
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    world.events(id).await
}

/// `ready/replicas`, and each instance with its state.
async fn ps(world: &World) -> String {
    let all = world.ask(|c| async move { c.ps().await }).await.unwrap();
    let web = &all[0];
    let each: Vec<_> = web.instances.iter().map(|i| format!("{} {:?}", i.id, i.standing)).collect();
    format!("{}/{}: {}", web.ready, web.replicas, each.join(", "))
}

async fn ps_where(world: &World, wanted: &str) {
    for _ in 0..1000 {
        if ps(world).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("`ps` never said {wanted:?}, but {:?}", ps(world).await);
}

#[tokio::test]
async fn more_and_fewer_of_the_same() {
    let mut world = World::new(25).await;
    deploy(&world, &several(1)).await;
    world.stands("shop/web", "i1").await;
    let said = deploy(&world, &several(3)).await;
    assert!(said.contains(r#"web {"event":"applied","deployment":2,"changed":["replicas"]}"#), "{said}");
    ps_where(&world, "3/3: i1 Ready, i2 Ready, i3 Ready").await;

    // Whoever takes over finds them, and starts none twice.
    world.kill_and_restart().await;
    ps_where(&world, "3/3: i1 Ready, i2 Ready, i3 Ready").await;

    // One that ends is replaced while the others serve. Numbers go on in a block of 256.
    world.sim.crash(InstanceId(2), ExitStatus::Signal(9));
    ps_where(&world, "3/3: i1 Ready, i3 Ready, i257 Ready").await;

    // Asleep and awake together.
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    let asleep = |all: Vec<(InstanceId, u32, Phase)>| all.iter().all(|i| matches!(i.2, Phase::Asleep(_)));
    assert!(asleep(world.instances().await));
    world.ask(|c| async move { c.wake_all("shop", None).await }).await.unwrap();
    ps_where(&world, "3/3: i1 Ready, i3 Ready, i257 Ready").await;

    deploy(&world, &several(1)).await;
    ps_where(&world, "1/1: i1 Ready").await;
}

#[tokio::test]
async fn replaced_one_by_one() {
    let world = World::new(26).await;
    let mut web = several(2);
    deploy(&world, &web).await;
    ps_where(&world, "2/2: i1 Ready, i2 Ready").await;
    world.edge.lock().unwrap().shown.clear();
    web.env.insert("A", EnvValue::Text("1".to_owned()));
    let said = deploy(&world, &web).await;
    assert!(said.contains(r#"web {"event":"ready","deployment":2}"#), "{said}");
    ps_where(&world, "2/2: i3 Ready, i4 Ready").await;
    let shown: Vec<_> = world.edge.lock().unwrap().shown.clone();
    let mut steps: Vec<_> = shown.into_iter().collect();
    steps.dedup();
    expect![[r#"
        [
            "shop/web: i1+i3\n",
            "shop/web: i3+i4\n",
        ]
    "#]]
    .assert_debug_eq(&steps);
}

/// A version that does not work takes the place of none.
#[tokio::test]
async fn one_that_fails_leaves_the_older_ones() {
    let world = World::new(27).await;
    let mut web = several(2);
    deploy(&world, &web).await;
    ps_where(&world, "2/2: i1 Ready, i2 Ready").await;
    web.env.insert("A", EnvValue::Text("1".to_owned()));
    let ends = dormouse_backend::sim::Behaviour {
        ready_after: None,
        ends: Some((Duration::from_millis(20), ExitStatus::Code(1))),
        ..Default::default()
    };
    world.sim.behave(dormouse_model::DeploymentId(2), ends);
    let said = deploy(&world, &web).await;
    assert!(said.contains("exited with code 1"), "{said}");
    ps_where(&world, "2/2: i1 Ready, i2 Ready").await;
    let addresses: BTreeSet<_> = world.sim.list().await.unwrap().into_iter().map(|w| w.addr).collect();
    assert_eq!(addresses.len(), 2);
}
