//! A version that went live, and does not hold, gives its place back.

use std::{collections::BTreeSet, time::Duration};

use dormouse_model::{DeploymentId, ExitStatus, InstanceId, Phase};
use expect_test::expect;

use crate::world::{World, project, service, show};

/// End each instance of a deployment as soon as it runs, so often.
async fn keeps_ending(world: &World, deployment: u64, times: usize) {
    let mut ended = BTreeSet::new();
    while ended.len() < times {
        let running = world.instances().await.into_iter().filter(|(.., phase)| *phase == Phase::Running);
        let mine = |id: &InstanceId| {
            world.sim.spec(*id).is_some_and(|s| s.deployment == DeploymentId(deployment))
                && !ended.contains(id)
        };
        match running.map(|(id, ..)| id).find(mine) {
            Some(id) => {
                world.sim.crash(id, ExitStatus::Code(3));
                ended.insert(id);
            }
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Bug: a version that ended eight seconds after each of its starts replaced the one that worked, for good.
#[tokio::test]
async fn to_what_it_replaced() {
    let mut world = World::new(184).await;
    let spec = project("shop", vec![service("web")]);
    let first = world.deploy(&spec).await;
    world.events(first).await;
    world.builder.set_image(2);
    let second = world.deploy(&spec).await;
    assert!(world.events(second).await.contains("\"done\""));
    // What it replaced is known to the next control too, and its image is kept.
    world.kill_and_restart().await;
    assert_eq!(world.ask(|c| async move { c.live_images().await }).await.unwrap().len(), 2);
    keeps_ending(&world, 2, 3).await;
    world.ps_where("Ready d1").await;
    let said = "(deploy d2 kept ending after it went live: exited with code 3 (3 times); back to d1)";
    world.ps_where(said).await;
    world.kill_and_restart().await;
    world.ps_where("Ready d1").await;
    world.ps_where(said).await;
    expect![[r#"
        shop/web: i259
    "#]]
    .assert_eq(&show(&world.table()));

    // What works again is not replaced by the same, and no version is gone back to twice.
    world.builder.set_image(1);
    let third = world.deploy(&spec).await;
    assert!(world.events(third).await.contains("\"unchanged\""));
    keeps_ending(&world, 1, 3).await;
    world.ps_where("Crashed").await;
}

/// Bug: two bad versions one soon after the other lost the one that worked for good.
#[tokio::test]
async fn to_the_last_that_held_when_two_do_not() {
    let mut world = World::new(187).await;
    let spec = project("shop", vec![service("web")]);
    for image in 1..=3 {
        world.builder.set_image(image);
        let deploy = world.deploy(&spec).await;
        assert!(world.events(deploy).await.contains("\"done\""));
    }
    world.kill_and_restart().await;
    assert_eq!(world.ask(|c| async move { c.live_images().await }).await.unwrap().len(), 3);
    keeps_ending(&world, 3, 3).await;
    world.ps_where("Ready d2").await;
    // Written down is only what control found time for.
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    world.kill_and_restart().await;
    keeps_ending(&world, 2, 3).await;
    world.ps_where("Ready d1").await;
}
