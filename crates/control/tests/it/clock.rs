//! A wall clock that is set by a year in either direction.

use std::time::Duration;

use dormouse_backend::Workloads as _;
use dormouse_model::{Phase, Time, Traffic, clock};

use crate::world::{World, key, project, service};

const YEAR: i64 = 365 * 86_400_000;

/// What is awake and what sleeps, by the backend's own account.
async fn phases(world: &World) -> Vec<Phase> {
    world.sim.list().await.unwrap().into_iter().map(|w| w.phase).collect()
}

/// Bug: a clock set ahead put everything to sleep that was used a moment ago; set back, nothing ever slept again.
#[tokio::test]
async fn puts_nobody_to_sleep_and_wakes_nobody() {
    let mut world = World::new(230).await;
    let (mut used, mut dozes) = (service("used"), service("dozes"));
    (used.sleep.after, dozes.sleep.after) = (Some(Duration::from_secs(3600)), None);
    let id = world.deploy(&project("shop", vec![dozes, used])).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", Some("dozes")).await }).await.unwrap();
    let use_it = |world: &World| {
        for w in 1..=2 {
            world.carry(w, Traffic { last_client_byte: (w == 2).then(clock::now), ..Traffic::default() });
        }
    };
    use_it(&world);
    let before = phases(&world).await;
    assert!(matches!(before[..], [Phase::Asleep(_), Phase::Running]), "{before:?}");
    let mut wrong = 0;
    for by in [YEAR, -2 * YEAR, YEAR] {
        world.wall.jump(by);
        wrong += by;
        // Turns, and then time for what they would begin.
        world.ps().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(phases(&world).await, before, "after {by} ms");
        world.kill_and_restart().await;
        use_it(&world);
        world.ps().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(phases(&world).await, before, "after {by} ms and a restart");

        // People are told by the clock that they see.
        let all = world.ask(|c| async move { c.ps().await }).await.unwrap();
        let shown = all.iter().find_map(|s| s.last_activity).expect("it was used");
        let wall = Time(clock::now().0.saturating_add_signed(wrong));
        assert!(shown <= wall.after(Duration::from_secs(1)), "{shown:?} {wall:?}");
        assert!(wall.since(shown) < Duration::from_secs(60), "{shown:?} {wall:?}");
    }
}

#[tokio::test]
async fn time_goes_on_however_it_is_set() {
    let world = World::new(231).await;
    let mut web = service("web");
    web.sleep.after = Some(Duration::from_millis(300));
    let id = world.deploy(&project("shop", vec![web])).await;
    let _ = world.events(id).await;
    for by in [-YEAR, 2 * YEAR, -YEAR] {
        world.wall.jump(by);
        world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
        world.stands("shop/web", "i1 asleep").await;
    }
}
