//! A deploy starts only what is different for a process.

use std::time::Duration;

use dormouse_backend::{
    Workloads,
    sim::{Behaviour, Faults},
};
use dormouse_control::EnvChange;
use dormouse_model::{Ask, DeploymentId, Depth, Env, EnvValue, ExitStatus, InstanceId, Limits, ServiceSpec};
use expect_test::{Expect, expect};

use crate::world::{World, project, service};

/// Deploys a service as it is now; its own last event but for the queue and the build.
async fn deploy(world: &World, web: &ServiceSpec) -> String {
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    let events = world.events(id).await;
    let mut mine = events.lines().filter_map(|line| line.strip_prefix("web "));
    mine.rfind(|line| !line.contains("\"ready\"")).unwrap().to_owned()
}

async fn check(world: &World, web: &ServiceSpec, said: &Expect, stands: &str) {
    said.assert_eq(&deploy(world, web).await);
    assert_eq!(world.ps().await, format!("{stands}\n"));
}

/// Bug: only the idle time was changed, and the service was started anew: all sessions were lost.
#[tokio::test]
async fn a_policy_holds_for_the_process_that_runs() {
    let mut world = World::new(81).await;
    let mut web = service("web");
    check(&world, &web, &expect![[r#"{"event":"starting","deployment":1}"#]], "shop/web Ready d1 i1").await;
    web.sleep.after = Some(Duration::from_secs(600));
    let said = expect![[r#"{"event":"applied","deployment":2,"changed":["sleep"]}"#]];
    check(&world, &web, &said, "shop/web Ready d2 i1").await;
    check(&world, &web, &expect![[r#"{"event":"unchanged"}"#]], "shop/web Ready d2 i1").await;

    // Asleep as well, and whoever takes over knows of it.
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    web.stop_grace = Duration::from_secs(3);
    let said = expect![[r#"{"event":"applied","deployment":4,"changed":["stop_grace"]}"#]];
    check(&world, &web, &said, "shop/web Asleep(Paged) d4 i1").await;
    world.kill_and_restart().await;
    assert_eq!(world.ps().await, "shop/web Asleep(Paged) d4 i1\n");
    web.sleep.after = None;
    deploy(&world, &web).await;
    world.stands("shop/web", "i1 asleep").await;

    // What a process is started with is another matter. After the restart of control numbers go on in a block of 256.
    web.env.insert("A", EnvValue::Text("1".to_owned()));
    let said = expect![[r#"{"event":"starting","deployment":6}"#]];
    check(&world, &web, &said, "shop/web Ready d6 i257").await;
    // And whoever says restart means it.
    world.ask(|c| async move { c.restart("shop", None, None).await }).await.unwrap();
    world.stands("shop/web", "i258").await;
}

/// Bug: `env` was said to have changed where a variable had only moved from `dormouse env` to the manifest.
#[tokio::test]
async fn what_is_only_said_elsewhere_is_no_change() {
    let world = World::new(216).await;
    let mut web = service("web");
    deploy(&world, &web).await;
    let kept = || [("A".to_owned(), "1".to_owned())].into();
    let set = EnvChange { set: kept(), restart: true, ..EnvChange::default() };
    world.ask(|c| async move { c.change_env("shop", None, set).await }).await.unwrap();
    world.stands("shop/web", "i2").await;
    web.env.insert("A", EnvValue::Text("1".to_owned()));
    check(&world, &web, &expect![[r#"{"event":"unchanged"}"#]], "shop/web Ready d2 i2").await;
    // Which is taken in all the same: it stays when it is forgotten there.
    let unset = EnvChange { unset: ["A".to_owned()].into(), restart: true, ..EnvChange::default() };
    let done = world.ask(|c| async move { c.change_env("shop", None, unset).await }).await.unwrap();
    assert_eq!(done.restarted, []);
    world.stands("shop/web", "i2").await;
}

#[tokio::test]
async fn limits_are_set_on_what_runs_if_it_fits() {
    let mut world = World::new(82).await;
    let mut web = service("web");
    deploy(&world, &web).await;
    web.limits = Limits { memory: 256 << 20, cpu_milli: 500, pids: 64, ..Limits::default() };
    let said = expect![[r#"{"event":"applied","deployment":2,"changed":["memory","cpu","pids"]}"#]];
    said.assert_eq(&deploy(&world, &web).await);
    let limits = async || world.sim.list().await.unwrap()[0].limits;
    while limits().await != web.limits {
        tokio::task::yield_now().await;
    }

    // The host refuses for a while: it is said, and tried again.
    world.sim.set_faults(Faults { limits_fail: 1000, ..Faults::default() });
    web.limits.cpu_milli = 900;
    deploy(&world, &web).await;
    let note = "it does not run within its new limits yet: limiting it: as the simulation wants it";
    while !world.ps().await.contains(note) {
        tokio::task::yield_now().await;
    }
    world.sim.set_faults(Faults::default());
    world.kill_and_restart().await;
    let limits = async || world.sim.list().await.unwrap()[0].limits;
    while limits().await != web.limits {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ps().await, "shop/web Ready d3 i1\n");

    // What does not fit is no reason to kill what works: a new process proves that it can do with less.
    web.limits.memory = 64 << 20;
    let said = expect![[
        r#"{"event":"starting","deployment":4,"why":"it needs 100 MiB of memory, more than its new limit of 64 MiB"}"#
    ]];
    check(&world, &web, &said, "shop/web Ready d4 i257").await;

    // Bug: what had more threads than its new limit was left with that, and could not answer any more.
    web.limits.pids = 3;
    let said = expect![[
        r#"{"event":"starting","deployment":5,"why":"it has 3 processes and threads, which leaves none of its new limit of 3"}"#
    ]];
    check(&world, &web, &said, "shop/web Ready d5 i258").await;
}

#[tokio::test]
async fn a_health_check_is_tried_before_it_is_relied_on() {
    let world = World::new(83).await;
    let mut web = service("web");
    web.health.failures = 1;
    deploy(&world, &web).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    web.health.ask = Ask::Path("/well".to_owned());
    let said = expect![[r#"{"event":"applied","deployment":2,"changed":["health"]}"#]];
    check(&world, &web, &said, "shop/web Ready d2 i1").await;

    web.health.ask = Ask::Path("/nowhere".to_owned());
    web.health.start_timeout = Duration::from_millis(300);
    let id = world.deploy(&project("shop", vec![web])).await;
    let events = world.events(id).await;
    let why = r#"{"event":"starting","deployment":3,"why":"it does not pass its new health check"}"#;
    assert!(events.contains(why) && events.contains(r#""old_serves":true"#), "{events}");
    world.stands("shop/web", "i1").await;
}

/// Bug: a deploy of the same to a service that kept crashing said `unchanged`, rc 0.
#[tokio::test]
async fn what_keeps_crashing_is_tried_again() {
    let world = World::new(84).await;
    let web = service("web");
    deploy(&world, &web).await;
    let dies = Behaviour {
        ready_after: None,
        ends: Some((Duration::ZERO, ExitStatus::Code(1))),
        ..Behaviour::default()
    };
    world.sim.behave(DeploymentId(1), dies);
    world.sim.crash(InstanceId(1), ExitStatus::Code(1));
    world.stands("shop/web", "crashed: exited with code 1").await;
    expect![[r#"{"event":"starting","deployment":2}"#]].assert_eq(&deploy(&world, &web).await);
    assert!(world.ps().await.starts_with("shop/web Ready d2"), "{}", world.ps().await);
}

/// Going back to what is live, while something else is on its way, starts nothing.
#[tokio::test]
async fn what_is_live_already_ends_a_rollout() {
    let world = World::new(85).await;
    let mut web = service("web");
    deploy(&world, &web).await;
    world.sim.behave(DeploymentId(2), Behaviour { ready_after: None, ..Behaviour::default() });
    web.env.insert("A", EnvValue::Text("1".to_owned()));
    world.deploy(&project("shop", vec![web.clone()])).await;
    while world.instances().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    web.env = Env::default();
    check(&world, &web, &expect![[r#"{"event":"unchanged"}"#]], "shop/web Ready d1 i1").await;
    while world.instances().await.len() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_that_sleeps_without_a_process_sleeps_on() {
    let world = World::new(86).await;
    let mut web = service("web");
    web.sleep.depth = Depth::Stopped;
    deploy(&world, &web).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.stands("shop/web", "stopped").await;
    web.limits.memory = 64 << 20;
    let said = expect![[r#"{"event":"applied","deployment":2,"changed":["memory"]}"#]];
    check(&world, &web, &said, "shop/web Stopped d2 -").await;
}
