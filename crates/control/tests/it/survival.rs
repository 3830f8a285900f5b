//! Killed at any moment.

use dormouse_model::{ExitStatus, InstanceId, Phase};

use crate::world::{World, key, project, service, show};

#[tokio::test]
async fn what_runs_is_adopted_and_nothing_is_started_twice() {
    let mut world = World::new(51).await;
    let id = world.deploy(&project("shop", vec![service("api"), service("web")])).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", Some("api")).await }).await.unwrap();
    let (before, table) = (world.instances().await, world.table());
    for _ in 0..3 {
        world.kill_and_restart().await;
        // At once, not after a probe.
        let now = world.table();
        assert_eq!(show(&now), show(&table));
        assert!(now.generation > table.generation, "the edge takes the newer table");
        assert_eq!((&now.hosts, &now.listeners, &now.zones), (&table.hosts, &table.listeners, &table.zones));
    }
    world.ask(|c| async move { c.wake(&key("shop/api")).await }).await.unwrap();
    let after: Vec<_> = world.instances().await.iter().map(|(id, pid, _)| (*id, *pid)).collect();
    assert_eq!(after, before.iter().map(|(id, pid, _)| (*id, *pid)).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_ended_meanwhile_is_started_again() {
    let mut world = World::new(52).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.kill().await;
    world.sim.crash(InstanceId(1), ExitStatus::Signal(9));
    world.kill_and_restart().await;
    world.table_where(|t| show(t).starts_with("shop/web: i") && !show(t).contains("i1\n")).await;
    let alive = world.instances().await;
    assert!(alive.iter().filter(|(.., p)| *p == Phase::Running).count() == 1, "{alive:?}");
    let statuses = world.ask(|c| async move { c.ps().await }).await.unwrap();
    assert_eq!(statuses[0].restarts, 1);
}

#[tokio::test]
async fn events_are_read_again_from_a_cursor() {
    let mut world = World::new(53).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    let all = world.events(id).await;
    // That it is done is written down when there is time; until then the next control may say it again.
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    world.kill_and_restart().await;
    assert_eq!(world.events(id).await, all);
    let mut reader = world.control.events(id, 3).unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap()[0].seq, 3);
}

#[tokio::test]
async fn a_removal_goes_on() {
    let mut world = World::new(54).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    let control = world.control.clone();
    let removing = tokio::spawn(async move { control.down("shop", false, false).await });
    world.table_where(|t| t.hosts.is_empty()).await;
    world.kill_and_restart().await;
    removing.abort();
    world.table_where(|t| t.zones.len() == 1 && t.endpoints.is_empty()).await;
    while !world.ps().await.is_empty() || !world.instances().await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_clean_stop_stops_everything_and_the_next_start_brings_it_back() {
    let mut world = World::new(55).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.end().await;
    assert_eq!(world.instances().await, []);
    world.kill_and_restart().await;
    world.stands("shop/web", "starting").await;
    world.table_where(|t| show(t).starts_with("shop/web: i")).await;
    let statuses = world.ask(|c| async move { c.ps().await }).await.unwrap();
    assert_eq!(statuses[0].restarts, 0, "what we stop ourselves is no crash");
}
