//! Deploys that end before they are done.

use dormouse_backend::sim::{Behaviour, MARK};
use dormouse_control::{Asked, OpError, Origin};
use dormouse_model::{DeployId, DeploymentId, manifest::Given};
use expect_test::expect;

use crate::world::{World, project, service};

/// What a deploy says at its end.
async fn end(world: &World, id: DeployId) -> String {
    let events = world.events(id).await;
    let last: Vec<_> = events.lines().rev().take(2).collect();
    format!("{}\n{}\n", last[1], last[0])
}

#[tokio::test]
async fn a_build_is_cancelled_and_leaves_nothing() {
    let world = World::new(71).await;
    world.builder.set_stuck(true);
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    while world.builder.begun() < 1 {
        tokio::task::yield_now().await;
    }
    let reader = world.control.events(id, 0).unwrap();
    let (name, services) = world.ask(move |c| async move { c.cancel(id, None).await }).await.unwrap();
    assert_eq!((name.as_str(), services.len()), ("shop", 1));
    // Whoever follows is told, although the log is gone by its name.
    expect![[r#"
        * {"event":"cancelled"}
        * {"event":"failed","reason":"cancelled"}
    "#]]
    .assert_eq(&World::read(reader).await.lines().skip(2).map(|l| format!("{l}\n")).collect::<String>());
    assert_eq!((world.ps().await.as_str(), world.table().hosts.len()), ("", 0));
    while world.source(id).exists() || world.state().join("logs/builds/1.log").exists() {
        tokio::task::yield_now().await;
    }
    for (id, why) in
        [(id, "d1 is over, so there is nothing to cancel"), (DeployId(9), "there is no deploy d9")]
    {
        let refused = world.ask(move |c| async move { c.cancel(id, None).await }).await.unwrap_err();
        assert_eq!(refused.to_string(), why);
    }
}

#[tokio::test]
async fn what_was_live_is_live_after_a_cancel() {
    let mut world = World::new(72).await;
    let mut web = service("web");
    let first = world.deploy(&project("shop", vec![web.clone()])).await;
    world.events(first).await;
    let over = world.ask(move |c| async move { c.cancel(first, None).await }).await.unwrap_err();
    assert_eq!(over.to_string(), "d1 is over, so there is nothing to cancel");

    // While it builds.
    world.builder.set_stuck(true);
    let second = world.deploy(&project("shop", vec![web.clone(), service("api")])).await;
    world.ask(move |c| async move { c.cancel(second, None).await }).await.unwrap();
    assert_eq!(world.ps().await, "shop/web Ready d1 i1\n");
    world.builder.set_stuck(false);

    // While it starts.
    for deployment in [2, 3] {
        world.sim.behave(DeploymentId(deployment), Behaviour { ready_after: None, ..Behaviour::default() });
    }
    web.port += 1;
    let third = world.deploy(&project("shop", vec![web, service("api")])).await;
    while world.instances().await.len() < 3 {
        tokio::task::yield_now().await;
    }
    world.ask(move |c| async move { c.cancel(third, None).await }).await.unwrap();
    while world.instances().await.len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ps().await, "shop/web Ready d1 i1\n");
    assert_eq!(world.table().listeners.iter().map(|l| l.addr.port()).collect::<Vec<_>>(), [18000]);
    world.kill_and_restart().await;
    assert_eq!(world.ps().await, "shop/web Ready d1 i1\n");
}

/// Bug: it said that a newer deploy took its place.
#[tokio::test]
async fn who_ends_a_deploy_is_said() {
    let world = World::new(73).await;
    world.builder.set_stuck(true);
    let spec = project("shop", vec![service("web")]);
    let first = world.deploy(&spec).await;
    let second = world.deploy(&spec).await;
    expect![[r#"
        * {"event":"superseded","by":2}
        * {"event":"failed","reason":"d2 took its place"}
    "#]]
    .assert_eq(&end(&world, first).await);
    let reader = world.control.events(second, 0).unwrap();
    world.ask(|c| async move { c.down("shop", false, false).await }).await.unwrap();
    let events = World::read(reader).await;
    assert!(
        events.ends_with("* {\"event\":\"taken_down\"}\n* {\"event\":\"failed\",\"reason\":\"taken down by `dormouse down`\"}\n"),
        "{events}"
    );
}

/// Bug: the second of two folders called `app`, or whose manifests say the same name, replaced the first.
#[tokio::test]
async fn a_name_is_not_taken_by_another_folder() {
    let mut world = World::new(74).await;
    let plain = || Asked { folder: "app".to_owned(), ..Asked::default() };
    let deploy =
        async |world: &World, from: &str, (name, text): (&'static str, &'static str), asked: Asked| {
            let (machine, path) = from.split_once(':').unwrap();
            let origin = Some(Origin { machine: machine.to_owned(), path: path.to_owned() });
            let asked = Asked { origin, ..asked };
            let accepted = world.ask(move |c| async move {
                let upload = c.upload().await?;
                std::fs::write(upload.dir().join(MARK), "").unwrap();
                std::fs::write(upload.dir().join("main.py"), "").unwrap();
                std::fs::write(upload.dir().join(name), text).unwrap();
                c.deploy(upload, asked, Given::default()).await
            });
            accepted.await.map(|a| format!("{} {:?}", a.project, a.warnings))
        };
    let nothing = ("README", "");
    assert_eq!(deploy(&world, "m:/a/app", nothing, plain()).await.unwrap(), "app []");
    world.kill_and_restart().await;
    assert_eq!(deploy(&world, "m:/a/app", nothing, plain()).await.unwrap(), "app []");
    let refused = deploy(&world, "m:/b/app", nothing, plain()).await.unwrap_err();
    assert!(matches!(refused, OpError::NameTaken { .. }));
    expect![[r"
        the project `app` was deployed from /a/app, and this is /b/app
          hint: `--project NAME` deploys it under another name; `--project app` replaces what is there: for a folder that was moved, a second clone, or a build server that clones anew each time"]]
    .assert_eq(&refused.to_string());
    for written in
        [("dormouse.toml", "name = 'app'"), ("compose.yaml", "{name: app, services: {w: {build: .}}}")]
    {
        let refused = deploy(&world, "n:/a/app", written, plain()).await.unwrap_err();
        assert!(matches!(refused, OpError::NameTaken { .. }), "{written:?}: {refused}");
        let first = refused.to_string().lines().next().map(str::to_owned);
        expect!["the project `app` was deployed from /a/app on another machine, and this is /a/app"]
            .assert_eq(&first.unwrap());
    }
    let replacing = Asked { replace: true, ..plain() };
    assert_eq!(deploy(&world, "m:/b/app", nothing, replacing).await.unwrap(), "app []");
    assert!(deploy(&world, "m:/a/app", nothing, plain()).await.is_err(), "it comes from there now");
    // How a build server says it, which clones to a new folder each time.
    for clone in ["m:/tmp/1/app", "m:/tmp/2/app"] {
        let named = Asked { project: Some("app".to_owned()), ..plain() };
        let written = ("dormouse.toml", "name = 'app'");
        assert_eq!(deploy(&world, clone, written, named).await.unwrap(), "app []");
    }
}

/// Bug: a control that was killed between writing down how a deploy ended and saying so left its follower waiting.
#[tokio::test]
async fn the_end_of_a_deploy_is_told_after_a_kill() {
    let mut world = World::new(98).await;
    let shop = project("shop", vec![service("web")]);
    let well = world.deploy(&shop).await;
    let said = [world.events(well).await, {
        world.builder.set_fails(true);
        let badly = world.deploy(&project("blog", vec![service("web")])).await;
        world.events(badly).await
    }];
    world.kill().await;
    for (n, events) in [1, 2].into_iter().zip(&said) {
        let log = world.state().join(format!("logs/builds/{n}.log"));
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(events.contains("\"done\"") || events.contains("\"failed\""));
        // Without its last line, and with half of it.
        let cut = text.trim_end().rfind('\n').unwrap() + n;
        std::fs::write(&log, &text[..cut]).unwrap();
    }
    for _ in 0..2 {
        world.kill_and_restart().await;
        for (n, events) in [1, 2].into_iter().zip(&said) {
            let again = world.events(DeployId(n)).await;
            let last = again.lines().last().unwrap();
            assert_eq!(again.lines().count(), events.lines().count(), "{again}");
            match n {
                1 => assert_eq!(last, events.lines().last().unwrap()),
                _ => expect![[r#"* {"event":"failed","reason":"the build of web failed: the dependencies phase failed: exited with code 1"}"#]].assert_eq(last),
            }
        }
    }
}

/// Bug: of a first deploy that was cancelled the service that had been given up was started again and again.
#[tokio::test]
async fn what_was_given_up_is_not_tried_again_after_a_cancel() {
    let world = World::new(217).await;
    let ends = Some((std::time::Duration::ZERO, dormouse_model::ExitStatus::Code(1)));
    world.sim.behave(DeploymentId(1), Behaviour { ready_after: None, ..Behaviour::default() });
    world.sim.behave(DeploymentId(2), Behaviour { ends, ready_after: None, ..Behaviour::default() });
    let mut api = service("api");
    api.health.start_timeout = std::time::Duration::from_secs(600);
    let id = world.deploy(&project("shop", vec![api, service("web")])).await;
    world.ps_where("shop/web Crashed").await;
    world.ask(move |c| async move { c.cancel(id, None).await }).await.unwrap();
    assert_eq!(world.ps().await, "");
    assert_eq!(world.instances().await, []);
}

/// Bug: the older of two deploys that a killed control left unfinished was never over.
#[tokio::test]
async fn a_deploy_that_gave_way_is_over_after_a_kill() {
    let mut world = World::new(97).await;
    world.builder.set_stuck(true);
    let spec = project("shop", vec![service("web")]);
    let first = world.deploy(&spec).await;
    let second = world.deploy(&spec).await;
    world.events(first).await;
    world.kill().await;
    world.builder.set_stuck(false);
    // As if it had been killed before that was written down.
    let log = world.state().join("logs/builds/1.log");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.split_inclusive('\n').next().unwrap()).unwrap();
    let database = rusqlite::Connection::open(world.state().join("dormouse.db")).unwrap();
    database.execute("UPDATE deploys SET state = 'building' WHERE id = 1", []).unwrap();
    drop(database);
    world.kill_and_restart().await;
    expect![[r#"
        * {"event":"superseded","by":2}
        * {"event":"failed","reason":"d2 took its place"}
    "#]]
    .assert_eq(&end(&world, first).await);
    assert!(world.events(second).await.contains("\"done\""));
    // The next run has nothing to do with it.
    world.kill_and_restart().await;
    assert_eq!(world.events(first).await.lines().filter(|l| l.contains("superseded")).count(), 1);
    assert!(!world.source(first).exists() && !world.source(second).exists());
}

/// Bug: killed in the trial of a good version, after one that was refused, control said that this one was refused too.
#[tokio::test]
async fn what_was_said_of_an_earlier_deploy_is_not_said_of_the_next() {
    let mut world = World::new(185).await;
    let spec = project("shop", vec![service("web")]);
    let good = world.deploy(&spec).await;
    world.events(good).await;
    let ends = Some((std::time::Duration::ZERO, dormouse_model::ExitStatus::Code(1)));
    world.sim.behave(DeploymentId(2), Behaviour { ends, ready_after: None, ..Behaviour::default() });
    world.builder.set_image(2);
    let bad = world.deploy(&spec).await;
    assert!(world.events(bad).await.contains("\"rollout_failed\""));
    assert!(world.ps().await.contains("(d2 was given up"));
    world.builder.set_image(3);
    let next = world.deploy(&spec).await;
    while world.instances().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    world.kill_and_restart().await;
    expect![[r#"
        web {"event":"ready","deployment":3}
        * {"event":"done","urls":["http://shop.localhost:PORT/"]}
    "#]]
    .assert_eq(&end(&world, next).await);
    assert!(world.ps().await.starts_with("shop/web Ready d3"), "{}", world.ps().await);
}
