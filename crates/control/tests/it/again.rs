//! A request that comes again, because control was killed before it answered, is carried out once.

use std::time::Duration;

use dormouse_backend::sim::Behaviour;
use dormouse_control::{EnvChange, EnvChanged, OpError, RequestId};
use dormouse_model::{DeploymentId, ExitStatus, Phase};
use expect_test::expect;

use crate::world::{World, key, project, service};

fn name(text: &str) -> Option<RequestId> {
    Some(text.parse().unwrap())
}

async fn change(world: &World, change: EnvChange) -> Result<EnvChanged, OpError> {
    world.ask(move |c| async move { c.change_env("shop", None, change).await }).await
}

/// The deployments whose processes run, and what they were given.
async fn runs(world: &World) -> String {
    let running = world.instances().await.into_iter().filter(|(.., phase)| *phase == Phase::Running);
    let one = |(id, ..): (dormouse_model::InstanceId, u32, Phase)| {
        format!("{} {}", world.sim.spec(id).unwrap().deployment, world.env(id.0).trim_end())
    };
    running.map(one).collect::<Vec<_>>().join(", ")
}

async fn shop(net: u8) -> World {
    let world = World::new(net).await;
    for n in 2..40 {
        let slow = Behaviour { ready_after: Some(Duration::from_millis(100)), ..Behaviour::default() };
        world.sim.behave(DeploymentId(n), slow);
    }
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world
}

/// Wait until nothing but this runs.
async fn until_runs(world: &World, wanted: &str) {
    let begun = std::time::Instant::now();
    loop {
        let seen = runs(world).await;
        if seen == wanted {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{seen}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Bug: who asked again had another new process, and who forgot a variable again was told that there was none.
#[tokio::test]
async fn at_whatever_moment_it_is_killed() {
    let mut world = shop(192).await;
    for (n, millis) in [0, 1, 3, 10, 30, 90, 2000].into_iter().enumerate() {
        let request = name(&format!("set-{n}"));
        let set = EnvChange {
            set: [("A".to_owned(), n.to_string())].into(),
            restart: true,
            request,
            ..EnvChange::default()
        };
        let begun = change(&world, set.clone());
        let _ = tokio::time::timeout(Duration::from_millis(millis), begun).await;
        world.kill_and_restart().await;
        let done = change(&world, set).await.unwrap();
        assert_eq!((done.set, done.restarted), (vec!["A".to_owned()], vec![key("shop/web")]), "{millis}");
        until_runs(&world, &format!("d{} A={n}", n + 2)).await;
    }
    let unset = EnvChange {
        unset: ["A".to_owned()].into(),
        restart: true,
        request: name("unset"),
        ..EnvChange::default()
    };
    for _ in 0..2 {
        assert_eq!(change(&world, unset.clone()).await.unwrap().restarted, [key("shop/web")]);
        world.kill_and_restart().await;
    }
    until_runs(&world, "d9 ").await;
    let restart = async |world: &World, request| {
        world.ask(move |c| async move { c.restart("shop", None, name(request)).await }).await.unwrap();
    };
    for _ in 0..3 {
        restart(&world, "one").await;
        world.kill_and_restart().await;
    }
    until_runs(&world, "d10 ").await;
    restart(&world, "another").await;
    until_runs(&world, "d11 ").await;
}

/// Bug: who cancelled a deploy of a control that was killed had to ask again, and was told that there was nothing to cancel.
#[tokio::test]
async fn a_cancel() {
    let mut world = World::new(218).await;
    world.builder.set_stuck(true);
    for (n, millis) in [0, 1, 3, 10, 30, 2000].into_iter().enumerate() {
        let id = world.deploy(&project("shop", vec![service("web")])).await;
        let cancel = async |world: &World, request: String| {
            let asked = world.ask(move |c| async move { c.cancel(id, name(&request)).await });
            asked.await.map(|(project, services)| format!("{project} {}", services.len()))
        };
        let first = cancel(&world, format!("cancel-{n}"));
        let _ = tokio::time::timeout(Duration::from_millis(millis), first).await;
        world.kill_and_restart().await;
        for _ in 0..2 {
            assert_eq!(cancel(&world, format!("cancel-{n}")).await.unwrap(), "shop 1", "{millis}");
        }
        // The project had nothing else, so it goes with its logs.
        let other = cancel(&world, format!("other-{n}")).await.unwrap_err();
        assert!(matches!(other, OpError::DeployOver(_) | OpError::NoSuchDeploy(_)), "{other}");
        assert_eq!(world.ps().await, "");
    }
}

/// It is told what became of it, also when that was no success.
#[tokio::test]
async fn that_failed() {
    let mut world = shop(193).await;
    let ends = Some((Duration::ZERO, ExitStatus::Code(3)));
    let dies = Behaviour { ready_after: None, ends, ..Behaviour::default() };
    world.sim.behave(DeploymentId(2), dies);
    for _ in 0..2 {
        let failed = world.ask(|c| async move { c.restart("shop", None, name("one")).await }).await;
        expect!["shop/web was not replaced: a restart of d1 was given up: exited with code 3 (3 times); the process before it serves on"]
            .assert_eq(&failed.unwrap_err().to_string());
        // Why is written down when there is time.
        world.ask(|c| async move { c.live_images().await }).await.unwrap();
        world.kill_and_restart().await;
    }
    until_runs(&world, "d1 ").await;
}

/// Bug: a client that left in the middle of it could leave the database and what runs at odds.
#[tokio::test]
async fn who_asked_may_leave() {
    let world = shop(194).await;
    let set = |value: &str| EnvChange {
        set: [("A".to_owned(), value.to_owned())].into(),
        restart: true,
        ..EnvChange::default()
    };
    let gone = set("1");
    world
        .ask(|c| async move {
            let asked = c.change_env("shop", None, gone);
            let _ = tokio::time::timeout(Duration::from_millis(1), asked).await;
        })
        .await;
    until_runs(&world, "d2 A=1").await;
}
