//! Variables and secrets.

use std::time::Duration;

use dormouse_backend::sim::Behaviour;
use dormouse_control::{EnvChange, EnvChanged, OpError};
use dormouse_model::{DeploymentId, EnvValue, ExitStatus, ProjectSpec, ServiceSpec};
use expect_test::{Expect, expect};

use crate::world::{World, key, project, service};

/// `web` refers to a stored secret, `api` does not.
fn shop() -> ProjectSpec {
    let mut web = ServiceSpec { env: [("MODE".to_owned(), "fast".to_owned())].into(), ..service("web") };
    web.env.insert("URL", EnvValue::Template { template: "pg://${PASSWORD}@db".to_owned() });
    project("shop", vec![web, service("api")])
}

fn set(pairs: &[(&str, &str)]) -> EnvChange {
    let set = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    EnvChange { set, restart: true, ..EnvChange::default() }
}

async fn change(
    world: &World,
    service: Option<&'static str>,
    change: EnvChange,
) -> Result<EnvChanged, OpError> {
    world.ask(move |c| async move { c.change_env("shop", service, change).await }).await
}

async fn kept(world: &World, expected: &Expect) {
    let all = world.ask(|c| async move { c.env("shop", None).await }).await.unwrap();
    let line = |e: &dormouse_control::EnvEntry| {
        format!("{} {}", e.service.as_ref().map_or("-", |s| s.as_str()), e.name)
    };
    expected.assert_eq(&all.iter().map(line).collect::<Vec<_>>().join("; "));
}

#[tokio::test]
async fn a_secret_s_life() {
    let mut world = World::new(91).await;
    // Before there is a project.
    let done = change(&world, None, set(&[("PASSWORD", "hunter-22")])).await.unwrap();
    assert_eq!((done.known, done.set.as_slice()), (false, &["PASSWORD".to_owned()][..]));
    let id = world.deploy(&shop()).await;
    world.events(id).await;
    world.stands("shop/web", "i2").await;
    expect![[r#"
        MODE=fast
        PASSWORD=hunter-22
        URL=pg://hunter-22@db
    "#]]
    .assert_eq(&world.env(2));

    // For one service: the others go on.
    let done = change(&world, Some("web"), set(&[("MODE", "slow-99")])).await.unwrap();
    assert_eq!((done.restarted, done.later, done.known), (vec![key("shop/web")], vec![], true));
    expect![[r#"
        MODE=slow-99
        PASSWORD=hunter-22
        URL=pg://hunter-22@db
    "#]]
    .assert_eq(&world.env(3));
    world.stands("shop/api", "i1").await;
    kept(&world, &expect!["- PASSWORD; web MODE"]).await;

    // The same again changes nothing; another value waits when it is told to.
    assert_eq!(change(&world, Some("web"), set(&[("MODE", "slow-99")])).await.unwrap().restarted, []);
    let later = EnvChange { restart: false, ..set(&[("PASSWORD", "hunter-33")]) };
    let done = change(&world, None, later).await.unwrap();
    assert_eq!((done.restarted, done.later), (vec![], vec![key("shop/api"), key("shop/web")]));
    assert!(world.env(3).contains("hunter-22"));
    world.ask(|c| async move { c.restart("shop", Some("web"), None).await }).await.unwrap();
    expect![[r#"
        MODE=slow-99
        PASSWORD=hunter-33
        URL=pg://hunter-33@db
    "#]]
    .assert_eq(&world.env(4));
    // A deploy of the same brings it to those that still wait.
    let id = world.deploy(&shop()).await;
    world.events(id).await;
    world.stands("shop/api", "i5").await;
    assert!(world.env(5).contains("hunter-33"));

    let unset = EnvChange { unset: ["MODE".to_owned()].into(), restart: true, ..EnvChange::default() };
    assert_eq!(change(&world, Some("web"), unset.clone()).await.unwrap().restarted, [key("shop/web")]);
    expect![[r#"
        MODE=fast
        PASSWORD=hunter-33
        URL=pg://hunter-33@db
    "#]]
    .assert_eq(&world.env(6));

    // Of all this nothing can be read on the disk, and what starts after a crash of control is given the same.
    for text in ["hunter-22", "hunter-33", "slow-99"] {
        assert!(!world.on_disk(text), "{text} is on the disk in plain");
    }
    assert!(world.on_disk("PASSWORD"), "the search finds what is there");
    world.kill_and_restart().await;
    world.sim.crash(dormouse_model::InstanceId(6), dormouse_model::ExitStatus::Code(1));
    world.stands("shop/web", "i257").await;
    assert!(world.env(257).contains("URL=pg://hunter-33@db"));

    // It outlives the project, unless it is told not to.
    world.ask(|c| async move { c.down("shop", false, false).await }).await.unwrap();
    kept(&world, &expect!["- PASSWORD"]).await;
    let id = world.deploy(&shop()).await;
    world.events(id).await;
    world.ask(|c| async move { c.down("shop", false, true).await }).await.unwrap();
    kept(&world, &expect![""]).await;
}

#[tokio::test]
async fn what_is_refused() {
    let world = World::new(92).await;
    let wrong = async |change_: EnvChange, expected: Expect| {
        let error = change(&world, None, change_).await.unwrap_err();
        expected.assert_eq(&error.to_string());
    };
    wrong(
        set(&[("PORT", "80")]),
        expect![[r#"
            PORT is set by the platform
              hint: the port is `port` in dormouse.toml, `expose` in a compose file"#]],
    )
    .await;
    // Bug: that was said of every name.
    wrong(
        set(&[("DORMOUSE_PROJECT", "x")]),
        expect![[r#"
            DORMOUSE_PROJECT is set by the platform
              hint: it is always the project's name; give a variable of your own another name"#]],
    )
    .await;
    wrong(set(&[("A B", "x")]), expect!["`A B` cannot be the name of a variable"]).await;
    wrong(
        set(&[("A", &"x".repeat(200_000))]),
        expect!["the variable `A` has 196 KiB, and Linux starts no process with one above 128 KiB"],
    )
    .await;
    let import = |text: &str| EnvChange { import: Some(text.to_owned()), ..EnvChange::default() };
    wrong(import("A=b\nA='c"), expect!["line 2: a ' is not closed"]).await;
    wrong(
        EnvChange { unset: ["A".to_owned()].into(), ..EnvChange::default() },
        expect![[r#"
            nothing is kept for shop under `A`
              hint: `dormouse env ls shop` lists what is"#]],
    )
    .await;
    kept(&world, &expect![""]).await;
    // What the platform sets is often in such files. Bug: it was dropped without a word.
    let file = "PORT=80\nexport A=\"b c\"\nDORMOUSE_SERVICE=x\n";
    let done = change(&world, None, import(file)).await.unwrap();
    assert_eq!(
        (done.set, done.passed_over),
        (vec!["A".to_owned()], vec!["DORMOUSE_SERVICE".to_owned(), "PORT".to_owned()])
    );
    // Bug: with one name that was not there, the other was forgotten, and the error said nothing of it.
    wrong(
        EnvChange { unset: ["A".to_owned(), "B".to_owned()].into(), ..EnvChange::default() },
        expect![[r#"
            nothing is kept for shop under `B`
              hint: `dormouse env ls shop` lists what is"#]],
    )
    .await;
    kept(&world, &expect!["- A"]).await;
    // Kept for a project that never came.
    world.ask(|c| async move { c.down("shop", false, true).await }).await.unwrap();
    kept(&world, &expect![""]).await;
}

/// Bug: that the value is kept was only to be seen by `env ls`, and the error spoke of a wake.
#[tokio::test]
async fn a_value_that_breaks_the_service_is_kept_and_the_working_process_goes_on() {
    let world = World::new(180).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.stands("shop/web", "i1").await;
    let ends = Some((Duration::ZERO, ExitStatus::Code(3)));
    let dies = Behaviour { ready_after: None, ends, ..Behaviour::default() };
    world.sim.behave(DeploymentId(2), dies);
    let error = change(&world, None, set(&[("MODE", "bad")])).await.unwrap_err();
    expect![[r#"
        shop/web was not replaced: a restart of d1 was given up: exited with code 3 (3 times); the process before it serves on
          hint: what is kept stays so, for the next restart or deploy; `dormouse env set` and `dormouse env unset` change it again"#]]
    .assert_eq(&error.to_string());
    kept(&world, &expect!["- MODE"]).await;
    world.stands("shop/web", "i1").await;
}
