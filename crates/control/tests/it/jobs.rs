//! Services that run once at each deploy, and those that wait for them.

use std::time::Duration;

use dormouse_backend::sim::Behaviour;
use dormouse_model::{DeploymentId, EnvValue, ExitStatus, ProjectSpec, ServiceKind, ServiceSpec};
use expect_test::{Expect, expect};

use crate::{
    events::{told, told_when},
    world::{World, project, service},
};

/// What a deployment of a job does.
fn ends(world: &World, deployment: u64, after: u64, code: i32) {
    let ends = Some((Duration::from_millis(after), ExitStatus::Code(code)));
    world.sim.behave(DeploymentId(deployment), Behaviour { ready_after: None, ends, ..Behaviour::default() });
}

fn migrate() -> ServiceSpec {
    ServiceSpec { kind: ServiceKind::Job, ..service("migrate") }
}

/// A web service that waits for a job.
fn shop(version: &str) -> ProjectSpec {
    let mut web = ServiceSpec { after: ["migrate".parse().unwrap()].into(), ..service("web") };
    web.env.insert("VERSION", EnvValue::Text(version.to_owned()));
    project("shop", vec![migrate(), web])
}

/// What `ps` says, once the job that ended is cleared away, which is a moment later.
async fn shown(world: &World, expected: &Expect) {
    let begun = std::time::Instant::now();
    let cleared = |ps: &str| {
        let mut jobs = ps.lines().filter(|line| line.starts_with("shop/migrate "));
        jobs.all(|line| line.split(' ').nth(3) == Some("-"))
    };
    let mut ps = world.ps().await;
    while !cleared(&ps) && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        ps = world.ps().await;
    }
    expected.assert_eq(&ps);
}

/// Deploys, and tells what was said but of builds.
async fn deploy(world: &World, spec: &ProjectSpec, said: &Expect, stands: &Expect) {
    let id = world.deploy(spec).await;
    let events = world.events(id).await;
    let of_builds = ["queued", "building", "image", "phase", "phase_done", "progress"];
    let told = |line: &&str| !of_builds.iter().any(|e| line.contains(&format!("\"event\":\"{e}\"")));
    let mut lines: Vec<_> = events.lines().filter(told).collect();
    // Whose failure is told first is chance: it waits until the last words are read.
    let failed = |line: &&str| line.contains("\"rollout_failed\"");
    lines.chunk_by_mut(|a, b| failed(a) && failed(b)).for_each(<[_]>::sort_unstable);
    lines.push("");
    said.assert_eq(&lines.join("\n"));
    shown(world, stands).await;
}

#[tokio::test]
async fn one_runs_at_each_deploy_and_others_start_after_it() {
    let world = World::new(101).await;
    ends(&world, 1, 100, 0);
    deploy(
        &world,
        &shop("1"),
        &expect![[r#"
            migrate {"event":"starting","deployment":1}
            web {"event":"starting","deployment":1}
            migrate {"event":"ready","deployment":1,"job":true}
            web {"event":"ready","deployment":1}
            * {"event":"done","urls":["http://shop.localhost:PORT/","http://migrate--shop.localhost:PORT/"]}
        "#]],
        &expect![[r#"
        shop/migrate Done d1 -
        shop/web Ready d1 i2
    "#]],
    )
    .await;
    ends(&world, 3, 100, 0);
    deploy(
        &world,
        &shop("1"),
        &expect![[r#"
            migrate {"event":"starting","deployment":2}
            web {"event":"unchanged"}
            migrate {"event":"ready","deployment":2,"job":true}
            * {"event":"done","urls":["http://shop.localhost:PORT/","http://migrate--shop.localhost:PORT/"]}
        "#]],
        &expect![[r#"
        shop/migrate Done d2 -
        shop/web Ready d1 i2
    "#]],
    )
    .await;
    ends(&world, 4, 100, 3);
    deploy(&world, &shop("2"), &expect![[r#"
        migrate {"event":"starting","deployment":3}
        web {"event":"starting","deployment":3}
        migrate {"event":"rollout_failed","deployment":3,"reason":"exited with code 3","log_tail":["started"],"old_serves":false,"job":true}
        web {"event":"rollout_failed","deployment":3,"reason":"not started, because the job `migrate` failed: exited with code 3","log_tail":[],"old_serves":true}
        * {"event":"failed","reason":"migrate failed; web did not become ready"}
    "#]], &expect![[r#"
        shop/migrate Done d2 - (d3 failed: exited with code 3; d2 was done)
        shop/web Ready d1 i2 (d3 was given up: not started, because the job `migrate` failed: exited with code 3; d1 serves on)
    "#]]).await;
}

#[tokio::test]
async fn one_that_fails_at_first_is_not_tried_again_and_lets_nothing_start() {
    let mut world = World::new(102).await;
    ends(&world, 1, 0, 3);
    deploy(&world, &shop("1"), &expect![[r#"
        migrate {"event":"starting","deployment":1}
        web {"event":"starting","deployment":1}
        migrate {"event":"rollout_failed","deployment":1,"reason":"exited with code 3","log_tail":["started"],"old_serves":false,"job":true}
        web {"event":"rollout_failed","deployment":1,"reason":"not started, because the job `migrate` failed: exited with code 3","log_tail":[],"old_serves":false}
        * {"event":"failed","reason":"migrate failed; web did not become ready"}
    "#]], &expect![[r#"
        shop/migrate Crashed d1 - (exited with code 3)
        shop/web Crashed d1 - (not started, because the job `migrate` failed: exited with code 3)
    "#]]).await;
    // That it failed is written down when there is time.
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    world.kill_and_restart().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(world.instances().await.is_empty());
    // What people mend and run again lets the others start.
    ends(&world, 3, 0, 0);
    world.ask(|c| async move { c.restart("shop", Some("migrate"), None).await }).await.unwrap();
    world.ps_where("shop/web Ready").await;
    let stands = expect![[r#"
        shop/migrate Done d1 -
        shop/web Ready d1 i258
    "#]];
    shown(&world, &stands).await;
}

/// Bug: of a job that failed over an older one, the log said that the older one "serves on".
#[tokio::test]
async fn a_job_that_fails_serves_nothing() {
    let world = World::new(105).await;
    ends(&world, 1, 0, 0);
    world.events(world.deploy(&shop("1")).await).await;
    ends(&world, 3, 0, 3);
    world.events(world.deploy(&shop("1")).await).await;
    ends(&world, 4, 0, 3);
    world.ask(|c| async move { c.restart("shop", Some("migrate"), None).await }).await.unwrap_err();
    world.builder.set_fails(true);
    world.events(world.deploy(&shop("2")).await).await;
    let failures = |l: &&str| l.starts_with("migrate") && l.contains("failed");
    told_when(&world, "three failures of migrate", |all| all.lines().filter(failures).count() == 3).await;
    let said = told(&world).await;
    // Of two builds that fail either may be the first.
    let of_job: Vec<_> = said.lines().filter(failures).map(|l| l.split(": the ").next().unwrap()).collect();
    expect![[r#"
        migrate * failed in d2: exited with code 3; that of d1 was done
        migrate i4 * failed in d1: exited with code 3; `dormouse restart` runs it again
        migrate * deploy d3 failed"#]]
    .assert_eq(&of_job.join("\n"));
}

#[tokio::test]
async fn control_may_die_while_it_runs_and_after() {
    let mut world = World::new(103).await;
    ends(&world, 1, 700, 0);
    let id = world.deploy(&shop("1")).await;
    world.ps_where("shop/migrate Running").await;
    world.kill_and_restart().await;
    let events = world.events(id).await;
    assert!(events.contains(r#"migrate {"event":"ready","deployment":1,"job":true}"#), "{events}");
    assert!(events.contains(r#"web {"event":"ready","deployment":1}"#), "{events}");
    let stands = expect![[r#"
        shop/migrate Done d1 -
        shop/web Ready d1 i257
    "#]];
    shown(&world, &stands).await;
    world.kill_and_restart().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.instances().await.len(), 1, "it does not run again");
}

/// Bug: of a compose file's `condition: service_healthy` nothing came: both started at once, and where the new version of
/// one broke, the other was switched all the same.
#[tokio::test]
async fn others_start_when_it_is_ready() {
    let world = World::new(106).await;
    let shop = |version: &str| {
        let versioned = |mut spec: ServiceSpec| {
            spec.env.insert("VERSION", EnvValue::Text(version.to_owned()));
            spec
        };
        let web = ServiceSpec { after: ["api".parse().unwrap()].into(), ..service("web") };
        project("shop", vec![versioned(service("api")), versioned(web)])
    };
    let slow = Behaviour { ready_after: Some(Duration::from_millis(700)), ..Behaviour::default() };
    world.sim.behave(DeploymentId(1), slow);
    deploy(
        &world,
        &shop("1"),
        &expect![[r#"
        api {"event":"starting","deployment":1}
        web {"event":"starting","deployment":1}
        api {"event":"ready","deployment":1}
        web {"event":"ready","deployment":1}
        * {"event":"done","urls":["http://shop.localhost:PORT/","http://api--shop.localhost:PORT/"]}
    "#]],
        &expect![[r#"
        shop/api Ready d1 i1
        shop/web Ready d1 i2
    "#]],
    )
    .await;
    ends(&world, 3, 50, 3);
    deploy(&world, &shop("2"), &expect![[r#"
        api {"event":"starting","deployment":2}
        web {"event":"starting","deployment":2}
        api {"event":"rollout_failed","deployment":2,"reason":"exited with code 3 (3 times)","log_tail":["started"],"old_serves":true}
        web {"event":"rollout_failed","deployment":2,"reason":"not started, because `api` did not become ready: exited with code 3","log_tail":[],"old_serves":true}
        * {"event":"failed","reason":"api, web did not become ready"}
    "#]], &expect![[r#"
        shop/api Ready d1 i1 (d2 was given up: exited with code 3 (3 times); d1 serves on)
        shop/web Ready d1 i2 (d2 was given up: not started, because `api` did not become ready: exited with code 3; d1 serves on)
    "#]]).await;
}

#[tokio::test]
async fn sleep_and_wake_leave_it_alone() {
    let world = World::new(104).await;
    ends(&world, 1, 100, 0);
    world.events(world.deploy(&shop("1")).await).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.stands("shop/web", "i2 asleep").await;
    world.ask(|c| async move { c.wake_all("shop", None).await }).await.unwrap();
    let refused = world.ask(|c| async move { c.wake_all("shop", Some("migrate")).await }).await;
    expect![[r#"
        shop/migrate is a job: it runs to its end, and neither sleeps nor wakes
          hint: `dormouse restart shop/migrate` runs it again"#]]
    .assert_eq(&refused.unwrap_err().to_string());
    assert!(world.ask(|c| async move { c.sleep_all("shop", Some("migrate")).await }).await.is_err());
}
