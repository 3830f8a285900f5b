//! A broken deploy never replaces a working one.

use std::time::Duration;

use dormouse_backend::sim::Behaviour;
use dormouse_model::{Ask, DeploymentId, ExitStatus, HealthSpec, ServiceKind, ServiceSpec};
use expect_test::{Expect, expect};

use crate::world::{SILENT, World, project, service, show};

fn web() -> ServiceSpec {
    let mut web = service("web");
    web.health.start_timeout = Duration::from_secs(2);
    web.health.timeout = Duration::from_secs(1);
    web
}

/// Deploys over a working version; what followers are told from the rollout on.
async fn over_a_working_one(world: &World, spec: ServiceSpec) -> String {
    let id = world.deploy(&project("shop", vec![spec.clone()])).await;
    let events = world.events(id).await;
    assert!(events.contains("\"done\""), "{events}");
    let good = show(&world.table());
    world.edge.lock().unwrap().shown.clear();
    world.builder.set_image(2);
    let id = world.deploy(&project("shop", vec![spec])).await;
    let events = world.events(id).await;
    assert_eq!(show(&world.table()), good);
    let shown = std::mem::take(&mut world.edge.lock().unwrap().shown);
    assert!(shown.iter().all(|table| *table == good), "another was shown: {shown:?}");
    events.lines().skip_while(|l| !l.contains("starting")).skip(1).map(|l| format!("{l}\n")).collect()
}

async fn check(net: u8, spec: ServiceSpec, prepare: impl FnOnce(&World), want: &Expect) {
    let world = World::new(net).await;
    prepare(&world);
    want.assert_eq(&over_a_working_one(&world, spec).await);
}

#[tokio::test]
async fn an_error_page_is_no_success() {
    let answer = |world: &World| {
        world.answers.lock().unwrap().insert(DeploymentId(2), "HTTP/1.1 500 Oh\r\n\r\n");
    };
    check(161, web(), answer, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"not ready within 2 s: it answers 500 to GET / on port 18000\n  hint: if that is how it should be, name a path that it answers well as `health` of web in the manifest","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

/// Bug: gunicorn listens before its workers import the app, so one whose import fails was taken for ready.
#[tokio::test]
async fn a_master_without_workers_is_not_ready() {
    let dies = |world: &World| {
        world.builder.set_advice("add `nope` to the dependencies");
        world.answers.lock().unwrap().insert(DeploymentId(2), SILENT);
        let ends = Some((Duration::from_millis(300), ExitStatus::Code(3)));
        world.sim.behave(DeploymentId(2), Behaviour { ends, ..Behaviour::default() });
    };
    check(162, web(), dies, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"exited with code 3 (3 times)\n  hint: add `nope` to the dependencies","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

/// The same where only a look at its processes tells what it is.
#[tokio::test]
async fn nor_one_behind_a_script() {
    let waits = |world: &World| {
        world.answers.lock().unwrap().insert(DeploymentId(2), SILENT);
        let argv = vec!["gunicorn: master [app:app]".to_owned()];
        world.sim.behave(DeploymentId(2), Behaviour { argv, ..Behaviour::default() });
    };
    let mut spec = web();
    spec.start = Some(vec!["sh".to_owned(), "start.sh".to_owned()]);
    spec.health = HealthSpec { server: None, ..spec.health };
    check(163, spec, waits, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"not ready within 2 s: it takes connections on port 18000, and gives no answer to GET / within 1 s\n  hint: if its answer takes longer, write health = { timeout = \"20s\" } for web in the manifest, or name a path that it answers sooner as `health` of web in the manifest; if it gives none, write health = \"tcp\" for web in the manifest","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

#[tokio::test]
async fn workers_that_keep_ending_are_found() {
    let loops = |world: &World| {
        world.answers.lock().unwrap().insert(DeploymentId(2), SILENT);
        let listens = vec!["0.0.0.0:18000".parse().unwrap()];
        let workers_live = Some(Duration::from_millis(700));
        world.sim.behave(DeploymentId(2), Behaviour { listens, workers_live, ..Behaviour::default() });
    };
    let mut spec = web();
    spec.health.start_timeout = Duration::from_secs(60);
    check(164, spec, loops, &expect![[r#"
        web {"event":"waiting","reason":"it takes connections on port 18000, and gives no answer to GET / within 1 s\n  hint: if its answer takes longer, write health = { timeout = \"20s\" } for web in the manifest, or name a path that it answers sooner as `health` of web in the manifest; if it gives none, write health = \"tcp\" for web in the manifest"}
        web {"event":"rollout_failed","deployment":2,"reason":"its worker processes keep ending before they answer","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

#[tokio::test]
async fn it_is_told_where_it_listens_instead() {
    let elsewhere = |world: &World| {
        let listens = vec!["127.0.0.1:18000".parse().unwrap()];
        world.sim.behave(DeploymentId(2), Behaviour { ready_after: None, listens, ..Behaviour::default() });
    };
    let mut spec = web();
    spec.health.start_timeout = Duration::from_secs(60);
    check(165, spec, elsewhere, &expect![[r#"
        web {"event":"waiting","reason":"it listens on 127.0.0.1:18000, not on 0.0.0.0:18000 (PORT)\n  hint: add `--bind 0.0.0.0:$PORT` to its start command"}
        web {"event":"rollout_failed","deployment":2,"reason":"it listens on 127.0.0.1:18000, not on 0.0.0.0:18000 (PORT)\n  hint: add `--bind 0.0.0.0:$PORT` to its start command","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

#[tokio::test]
async fn a_worker_that_ends_at_once_is_not_taken() {
    let ends = |world: &World| {
        let ends = Some((Duration::ZERO, ExitStatus::Code(0)));
        world.sim.behave(DeploymentId(2), Behaviour { ends, ..Behaviour::default() });
    };
    let spec = ServiceSpec { kind: ServiceKind::Worker, ..web() };
    check(166, spec, ends, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"exited with code 0 (3 times)","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

#[tokio::test]
async fn a_worker_that_ends_every_few_seconds_is_not_taken() {
    let ends = |world: &World| {
        let ends = Some((Duration::from_secs(4), ExitStatus::Code(1)));
        world.sim.behave(DeploymentId(2), Behaviour { ends, ..Behaviour::default() });
    };
    let spec = ServiceSpec { kind: ServiceKind::Worker, ..web() };
    check(167, spec, ends, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"exited with code 1 (3 times)","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

/// What speaks another protocol, and what nobody can ask, need not answer HTTP.
#[tokio::test]
async fn what_is_no_http_is_not_held_to_it() {
    for (net, ask, answer) in [
        (168, Ask::Connection, SILENT),
        (169, Ask::default(), "-ERR unknown command\r\n"),
        (170, Ask::default(), SILENT),
    ] {
        let world = World::new(net).await;
        world.answers.lock().unwrap().insert(DeploymentId(1), answer);
        let mut spec = web();
        spec.start = Some(vec!["./serve".to_owned()]);
        spec.health = HealthSpec { ask, server: None, ..spec.health };
        let id = world.deploy(&project("shop", vec![spec])).await;
        let events = world.events(id).await;
        assert!(events.contains("\"done\""), "{answer:?}: {events}");
    }
}

/// Bug: with a start command that nothing is known of, a version that hung up on every request replaced one that answered.
#[tokio::test]
async fn what_answered_requests_is_not_replaced_by_what_answers_none() {
    let hangs = |world: &World| {
        world.answers.lock().unwrap().insert(DeploymentId(2), SILENT);
    };
    let mut spec = web();
    spec.start = Some(vec!["python".to_owned(), "app.py".to_owned()]);
    spec.health = HealthSpec { server: None, ..spec.health };
    check(171, spec, hangs, &expect![[r#"
        web {"event":"rollout_failed","deployment":2,"reason":"not ready within 2 s: it takes connections on port 18000, and gives no answer to GET / within 1 s\n  hint: if its answer takes longer, write health = { timeout = \"20s\" } for web in the manifest, or name a path that it answers sooner as `health` of web in the manifest; if it gives none, write health = \"tcp\" for web in the manifest","log_tail":["started"],"old_serves":true}
        * {"event":"failed","reason":"web did not become ready"}
    "#]]).await;
}

/// Bug: a restart, or a variable that was set, while a broken version was on its way made its deploy a success.
#[tokio::test]
async fn a_restart_makes_no_deploy_succeed() {
    let world = World::new(172).await;
    let spec = project("shop", vec![web()]);
    let id = world.deploy(&spec).await;
    assert!(world.events(id).await.contains("\"done\""));
    let good = show(&world.table());
    for broken in [2, 3] {
        world.answers.lock().unwrap().insert(DeploymentId(broken), "HTTP/1.1 500 Oh\r\n\r\n");
    }
    world.builder.set_image(2);
    let id = world.deploy(&spec).await;
    let restarted = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.ask(|c| async move { c.restart("shop", None, None).await }).await
    };
    let (events, restarted) = tokio::join!(world.events(id), restarted);
    let last = events.lines().last().unwrap();
    expect![[r#"* {"event":"failed","reason":"web did not become ready"}"#]].assert_eq(last);
    assert!(restarted.is_err());
    assert_eq!(show(&world.table()), good);
}

/// Bug: a Django app whose ALLOWED_HOSTS lacked its host answered 400 to everything, and replaced the one that worked.
#[tokio::test]
async fn what_answered_is_not_replaced_by_what_refuses() {
    let mut world = World::new(190).await;
    let spec = project("shop", vec![web()]);
    let id = world.deploy(&spec).await;
    assert!(world.events(id).await.contains("\"done\""));
    let good = show(&world.table());
    // What it answered is known to the next control too.
    world.kill_and_restart().await;
    world.answers.lock().unwrap().insert(DeploymentId(2), "HTTP/1.1 400 Bad Request\r\n\r\n");
    world.builder.set_image(2);
    let id = world.deploy(&spec).await;
    let events = world.events(id).await;
    let told: String = events.lines().rev().take(2).map(|l| format!("{l}\n")).collect();
    expect![[r#"
        * {"event":"failed","reason":"web did not become ready"}
        web {"event":"rollout_failed","deployment":2,"reason":"not ready within 2 s: it answers 400 to GET / on port 18000, where the version before answers 200\n  hint: Django answers so to a host that ALLOWED_HOSTS lacks (Starlette: allowed_hosts): see whether `shop.localhost` is in it; if that is how it should be, name a path that it answers well as `health` of web in the manifest, or write health = \"tcp\" for web in the manifest","log_tail":["started"],"old_serves":true}
    "#]].assert_eq(&told);
    assert_eq!(show(&world.table()), good);

    // A login is meant.
    world.answers.lock().unwrap().insert(DeploymentId(3), "HTTP/1.1 401 Unauthorized\r\n\r\n");
    world.builder.set_image(3);
    let id = world.deploy(&spec).await;
    assert!(world.events(id).await.contains("\"done\""));
}

/// What never answered better is as good as before; its first version is told that it may not know its host.
#[tokio::test]
async fn what_always_refused_is_replaced() {
    let world = World::new(198).await;
    for n in [1, 2] {
        world.answers.lock().unwrap().insert(DeploymentId(n), "HTTP/1.1 400 Bad Request\r\n\r\n");
        world.builder.set_image(n);
        let id = world.deploy(&project("shop", vec![web()])).await;
        let events = world.events(id).await;
        let told: String = events.lines().rev().take(2).map(|l| format!("{l}\n")).collect();
        assert!(told.contains("\"done\"") && told.contains("ALLOWED_HOSTS"), "{events}");
    }
}
