//! Rows that this release cannot read.

use dormouse_control::set_aside;
use expect_test::expect;
use rusqlite::Connection;

use crate::world::{World, project, service, show};

impl World {
    /// Kill control, change its database by hand, and start it again.
    async fn change(&mut self, sql: &[&str]) {
        // That it is ready is written down when there is time.
        self.ask(|c| async move { c.live_images().await }).await.unwrap();
        self.kill().await;
        let connection = Connection::open(self.state().join("dormouse.db")).unwrap();
        connection.execute_batch(&sql.join(";")).unwrap();
        drop(connection);
        self.kill_and_restart().await;
    }

    /// What the logs of a service say of it.
    fn told(&self, service: &str) -> String {
        let log = self.state().join("logs").join(service).join("platform.log");
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains("cannot read it"));
        lines
            .map(|line| line[line.find("the server's").unwrap()..].trim_end_matches("\"}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn aside(&self) -> String {
        let all = set_aside(self.state()).unwrap();
        all.iter().map(|(what, hint)| format!("{what}\n  hint: {hint}\n")).collect()
    }
}

/// Bug: one row that could not be read, and control did not start.
#[tokio::test]
async fn a_deployment_that_cannot_be_read_takes_nothing_along() {
    let mut world = World::new(139).await;
    for name in ["blog", "shop"] {
        let id = world.deploy(&project(name, vec![service("api"), service("web")])).await;
        world.events(id).await;
    }
    let before = world.instances().await;
    world
        .change(&[
            "CREATE TABLE kept AS SELECT id, body FROM deployments",
            "UPDATE deployments SET body = '{\"id\":7,' WHERE project = 'shop' AND service = 'web'",
            "UPDATE projects SET origin = '{}' WHERE name = 'blog'",
        ])
        .await;
    assert_eq!(world.instances().await, before, "what runs runs on");
    expect![[r#"
        blog/api Ready d1 i1
        blog/web Ready d1 i2
        shop/api Ready d2 i3
        shop/web Failed - - (the server's database holds deployment 4, which its version runs by, and this release cannot read it: no JSON at column 8
          hint: deploy shop again, or put back the `secret.key` or start the release that it was written with)
        shop/web Quarantined - i4 (i4 runs on, and nothing is sent to it: the server's database holds deployment 4, which its version runs by, and this release cannot read it: no JSON at column 8
          hint: deploy shop again, or put back the `secret.key` or start the release that it was written with; `dormouse down shop --quarantined` then ends what this is)
    "#]].assert_eq(&world.ps().await);
    expect![[r#"
        blog/api: i1
        blog/web: i2
        shop/api: i3
    "#]]
    .assert_eq(&show(&world.table()));
    expect![[r#"
        the server's database holds deployment 4, which its version runs by, and this release cannot read it: no JSON at column 8
          hint: deploy shop again, or put back the `secret.key` or start the release that it was written with
        the server's database holds where blog was deployed from, and this release cannot read it: missing field `machine`
          hint: nothing needs to be done: it is found out again; or put back the `secret.key` or start the release that it was written with
    "#]].assert_eq(&world.aside());
    expect!["the server's database holds deployment 4, which its version runs by, and this release cannot read it: no JSON at column 8; deploy shop again, or put back the `secret.key` or start the release that it was written with"].assert_eq(&world.told("shop/web"));
    assert_eq!(world.told("shop/api"), "");
    // Everything else works.
    let id = world.deploy(&project("blog", vec![service("api"), service("web")])).await;
    let events = world.events(id).await;
    // Two are built side by side.
    let of = |who: &str| events.lines().filter(|l| l.starts_with(who)).collect::<Vec<_>>().join("\n") + "\n";
    expect![[r#"
        web {"event":"queued"}
        web {"event":"building"}
        web {"event":"image","image":"sha256:1"}
        web {"event":"unchanged"}
        api {"event":"queued"}
        api {"event":"building"}
        api {"event":"image","image":"sha256:1"}
        api {"event":"unchanged"}
        * {"event":"done","urls":["http://blog.localhost:PORT/","http://api--blog.localhost:PORT/"]}
    "#]]
    .assert_eq(&["web", "api", "*"].map(of).concat());

    // A release that can read it has all of it.
    world
        .change(&[
            "UPDATE deployments SET body = (SELECT body FROM kept k WHERE k.id = deployments.id)",
            "UPDATE projects SET origin = NULL",
        ])
        .await;
    world.stands("shop/web", "i4").await;
    assert_eq!(world.aside(), "");
    expect![[r#"
        blog/api Ready d1 i1
        blog/web Ready d1 i2
        shop/api Ready d2 i3
        shop/web Ready d2 i4
    "#]]
    .assert_eq(&world.ps().await);
}

#[tokio::test]
async fn what_is_deployed_again_takes_the_place_of_what_cannot_be_read() {
    let mut world = World::new(140).await;
    let shop = project("shop", vec![service("api"), service("web")]);
    let id = world.deploy(&shop).await;
    world.events(id).await;
    world
        .change(&[
            "UPDATE deployments SET body = 'no' WHERE service = 'web'",
            "UPDATE deploys SET spec = '7'",
        ])
        .await;
    let id = world.deploy(&shop).await;
    assert!(world.events(id).await.contains("\"done\""));
    expect![[r#"
        shop/api Ready d1 i1
        shop/web Ready d2 i257
        shop/web Quarantined - i2 (i2 runs on, and nothing is sent to it: the server's database holds deployment 2, which its version runs by, and this release cannot read it: no JSON at column 2
          hint: deploy shop again, or put back the `secret.key` or start the release that it was written with; `dormouse down shop --quarantined` then ends what this is)
    "#]].assert_eq(&world.ps().await);
    for _ in 0..2 {
        world.kill_and_restart().await;
    }
    expect![[r#"
        shop/api Ready d1 i1
        shop/web Ready d2 i257
        shop/web Quarantined - i2 (i2 runs on, but the server's database does not know the version it is, so nothing is sent to it
          hint: `dormouse down shop --quarantined` ends it)
    "#]].assert_eq(&world.ps().await);
    assert_eq!(world.aside(), "");
    world.ask(|c| async move { c.end_quarantined("shop").await }).await.unwrap();
    expect![[r#"
        shop/api Ready d1 i1
        shop/web Ready d2 i257
    "#]]
    .assert_eq(&world.ps().await);
    world.kill_and_restart().await;
    assert_eq!(world.ps().await.lines().count(), 2);
}

/// Of a project whose own row tells nothing its deployments do.
#[tokio::test]
async fn a_project_is_put_together_from_its_deployments() {
    let mut world = World::new(144).await;
    let id = world.deploy(&project("shop", vec![service("api"), service("web")])).await;
    world.events(id).await;
    let (before, table) = (world.instances().await, show(&world.table()));
    world
        .change(&["UPDATE projects SET spec = '{\"name\":\"shop\"}'", "UPDATE deploys SET spec = '{}'"])
        .await;
    assert_eq!((world.instances().await, show(&world.table())), (before, table));
    expect![[r#"
        shop/api Ready d1 i1
        shop/web Ready d1 i2
    "#]]
    .assert_eq(&world.ps().await);
}

/// Bug: another `secret.key` in its place, and control did not start.
#[tokio::test]
async fn another_key_hides_what_it_did_not_seal() {
    let mut world = World::new(145).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    let set = [("TOKEN".to_owned(), "s3cret".to_owned())].into_iter().collect();
    let keep = dormouse_control::EnvChange { set, restart: false, ..Default::default() };
    world.ask(|c| async move { c.change_env("shop", None, keep).await }).await.unwrap();
    let before = world.instances().await;
    let (key, aside) = (world.state().join("secret.key"), world.state().join("secret.aside"));
    world.kill().await;
    std::fs::rename(&key, &aside).unwrap();
    world.kill_and_restart().await;
    assert_eq!(world.instances().await, before);
    expect![[r#"
        shop/web Quarantined - i1 (i1 runs on, and nothing is sent to it: the server's database holds deployment 1, which its version runs by, and this release cannot read it: it was sealed with another key, or is damaged
          hint: deploy shop again, or put back the `secret.key` or start the release that it was written with; `dormouse down shop --quarantined` then ends what this is)
    "#]].assert_eq(&world.ps().await);
    expect![[r#"
        the database holds something that cannot be read (env shop/ TOKEN): it was sealed with another key, or is damaged
          hint: secret.key beside it belongs to another database; put the right one back and start the server again, or set anew what it sealed"#]].assert_eq(&world.refused(&project("shop", vec![service("web")])).await);
    let id = world.deploy(&project("blog", vec![service("web")])).await;
    assert!(world.events(id).await.contains("\"done\""));
    world.ask(|c| async move { c.down("blog", false, true).await }).await.unwrap();

    world.kill().await;
    std::fs::rename(&aside, &key).unwrap();
    world.kill_and_restart().await;
    world.stands("shop/web", "i1").await;
    expect![[r#"
        shop/web Ready d1 i1
    "#]]
    .assert_eq(&world.ps().await);
    assert_eq!(world.aside(), "");
}

/// Bug: a mark of the ledger that could not be read kept the whole server from starting, and a block of addresses larger than
/// all there is took those of everybody.
#[tokio::test(flavor = "multi_thread")]
async fn neither_marks_nor_blocks_concern_others() {
    let mut world = World::new(147).await;
    for name in ["blog", "shop"] {
        let id = world.deploy(&project(name, vec![service("web")])).await;
        world.events(id).await;
    }
    let before = world.instances().await;
    world
        .change(&[
            "INSERT OR REPLACE INTO usage_marks (instance, project, service, cpu_us, at) VALUES (1, 'shop', 'web', 9, -5)",
            "UPDATE blocks SET prefix = 8 WHERE project = 'shop'",
            "UPDATE projects SET removing = 7 WHERE name = 'shop'",
        ])
        .await;
    world.stands("blog/web", "i1").await;
    // What is to go is drained for a second first.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(world.instances().await, before, "an unknown word is no wish to remove anything");
    let told = world.aside();
    assert!(told.contains("shop") && !told.contains("blog"), "{told}");
}

/// Bug: what ran of a service whose row was missing was ended, with its memory, one second after the start.
#[tokio::test]
async fn what_runs_of_a_missing_row_is_set_apart() {
    let mut world = World::new(148).await;
    for name in ["blog", "shop"] {
        let id = world.deploy(&project(name, vec![service("web")])).await;
        world.events(id).await;
    }
    let before = world.instances().await;
    for (damage, repair) in [
        ("DELETE FROM services WHERE project = 'shop'", "INSERT INTO services SELECT * FROM kept"),
        (
            "UPDATE services SET target = 777, live = 778 WHERE project = 'shop'",
            "UPDATE services SET target = k.target, live = k.live FROM kept k WHERE services.project = 'shop'",
        ),
    ] {
        world.change(&["CREATE TABLE kept AS SELECT * FROM services WHERE project = 'shop'", damage]).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(world.instances().await, before, "after {damage}");
        assert!(world.ps().await.contains("shop/web Quarantined - i2"), "{}", world.ps().await);
        world.change(&[repair, "DROP TABLE kept"]).await;
        world.stands("shop/web", "i2").await;
    }
}
