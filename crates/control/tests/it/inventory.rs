//! What control holds in memory does not grow with use.

use std::{collections::BTreeMap, time::Duration};

use dormouse_model::{EnvValue, ServiceSpec};

use crate::world::{World, key, project, service};

/// Once nothing is under way.
async fn inventory(world: &World) -> BTreeMap<&'static str, usize> {
    for _ in 0..200 {
        let all = world.ask(|c| async move { c.inventory().await }).await.unwrap();
        if [all["under way"], all["falling asleep"], all["waiting"], all["deploys under way"]] == [0; 4] {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("something is always under way");
}

async fn deploy(world: &World, web: &ServiceSpec) {
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    assert!(world.events(id).await.contains("\"done\""));
}

/// A deploy of each kind: with a process of its own, and without one; then a sleep and a wake, which nobody sees the end of.
async fn use_it(world: &World, web: &mut ServiceSpec, round: u64) {
    web.env.insert("ROUND", EnvValue::Text(round.to_string()));
    deploy(world, web).await;
    for nth in 0..3 {
        web.stop_grace = Duration::from_secs(3 + nth);
        deploy(world, web).await;
    }
    for _ in 0..3 {
        world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
        world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    }
}

#[tokio::test]
async fn deploys_and_wakes_leave_nothing_behind() {
    let world = World::new(130).await;
    let mut web = service("web");
    // What was live before is remembered, and what was trusted before that.
    for round in 0..3 {
        use_it(&world, &mut web, round).await;
    }
    let before = inventory(&world).await;
    for round in 3..5 {
        use_it(&world, &mut web, round).await;
    }
    let after = inventory(&world).await;
    let grown: Vec<_> = after.iter().filter(|(what, n)| before[*what] < **n).map(|(what, _)| *what).collect();
    // Of so many instances the logs can be read, and of fifty at most.
    assert_eq!(grown, ["logs"], "{before:?}, then {after:?}");
}
