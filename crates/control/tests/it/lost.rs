//! The database is lost, and apps run.

use dormouse_control::recorded_pool;
use expect_test::expect;
use rusqlite::Connection;

use crate::world::{World, project, service, show};

impl World {
    /// Kill control, lose its database, and start it again.
    async fn lose_database(&mut self) {
        self.kill().await;
        // Starts of control are told apart by the second then.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        for file in std::fs::read_dir(self.state()).unwrap().flatten() {
            if file.file_name().to_str().is_some_and(|name| name.starts_with("dormouse.db")) {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        self.kill_and_restart().await;
    }

    /// Every instance there is.
    async fn there(&self) -> String {
        let all = self.instances().await;
        all.iter().map(|(id, ..)| id.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Wait until these are all.
    async fn there_are(&self, wanted: &str) {
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.there().await != wanted {
            assert!(std::time::Instant::now() < limit, "{} and not {wanted}", self.there().await);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// Bug: a control that found no database removed every app that ran.
#[tokio::test]
async fn what_runs_without_a_database_runs_on() {
    let mut world = World::new(141).await;
    let shop = project("shop", vec![service("api"), service("web")]);
    let id = world.deploy(&shop).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", Some("api")).await }).await.unwrap();
    let (before, generation) = (world.instances().await, world.table().generation);
    let network = world.sim.networks();
    for _ in 0..2 {
        world.lose_database().await;
        assert!(world.table().generation > generation, "the edge takes the newer table");
        expect![[r#"
            shop/api Quarantined - i1 (i1 runs on, but the server's database does not know its project, so nothing is sent to it
              hint: deploy shop again; `dormouse down shop --quarantined` then ends what this is)
            shop/web Quarantined - i2 (i2 runs on, but the server's database does not know its project, so nothing is sent to it
              hint: deploy shop again; `dormouse down shop --quarantined` then ends what this is)
        "#]]
        .assert_eq(&world.ps().await);
    }
    // Somebody else's addresses are not theirs, nor is their number.
    let id = world.deploy(&project("blog", vec![service("web")])).await;
    assert!(world.events(id).await.contains("\"done\""));
    assert_eq!(world.instances().await[..2], before);
    assert_eq!(world.there().await, "i1 i2 i3");
    let there = world.sim.networks();
    assert_eq!((there.len(), &there[1..]), (2, &network[..]));
    assert!(!there[0].blocks().any(|b| there[1].blocks().any(|t| t.overlaps(b))), "{there:?}");

    // It comes back beside them, where it was.
    let id = world.deploy(&shop).await;
    assert!(world.events(id).await.contains("\"done\""));
    world.there_are("i1 i2 i3 i4 i5").await;
    assert_eq!(world.sim.networks()[1..], network);
    world.kill_and_restart().await;
    world.table_where(|t| show(t) == "blog/web: i3\nshop/api: i4\nshop/web: i5\n").await;
    assert_eq!(world.instances().await[..2], before);
    expect![[r#"
        blog/web Ready d2 i3
        shop/api Ready d3 i4
        shop/web Ready d3 i5
        shop/api Quarantined - i1 (i1 runs on, but the server's database does not know the version it is, so nothing is sent to it
          hint: `dormouse down shop --quarantined` ends it)
        shop/web Quarantined - i2 (i2 runs on, but the server's database does not know the version it is, so nothing is sent to it
          hint: `dormouse down shop --quarantined` ends it)
    "#]]
    .assert_eq(&world.ps().await);
    world.ask(|c| async move { c.end_quarantined("shop").await }).await.unwrap();
    world.there_are("i3 i4 i5").await;
    assert_eq!(world.ps().await.lines().count(), 3);
    world.stands("shop/web", "i5").await;
}

#[tokio::test]
async fn what_nobody_knows_is_taken_down_by_its_name() {
    let mut world = World::new(142).await;
    for name in ["blog", "shop"] {
        let id = world.deploy(&project(name, vec![service("web")])).await;
        world.events(id).await;
    }
    world.lose_database().await;
    let gone = world.ask(|c| async move { c.down("shop", false, false).await }).await.unwrap();
    assert_eq!(gone.iter().map(ToString::to_string).collect::<Vec<_>>(), ["shop/web"]);
    world.there_are("i1").await;
    assert_eq!(world.sim.networks().iter().map(|n| n.project.as_str()).collect::<Vec<_>>(), ["blog"]);
    // One that ends by itself is cleared away.
    world.sim.crash(dormouse_model::InstanceId(1), dormouse_model::ExitStatus::Code(1));
    world.there_are("").await;
    assert_eq!(world.ps().await, "");
}

/// Which addresses are meant stood in `networks.json` alone.
#[tokio::test]
async fn a_database_knows_what_its_addresses_are_counted_from() {
    let mut world = World::new(244).await;
    let state = world.state().to_owned();
    let pool = || recorded_pool(&state).unwrap().map(|pool| pool.to_string());
    let ours = Some("127.244.0.0".to_owned());
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    assert_eq!(pool(), ours);
    world.kill().await;
    let database = state.join("dormouse.db");
    let connection = Connection::open(&database).unwrap();
    connection.execute("VACUUM INTO ?1", [state.join("dormouse.db.1").to_string_lossy()]).unwrap();
    drop(connection);
    for damage in [None, Some("SQLite format 3"), Some("")] {
        match damage {
            Some(text) => std::fs::write(&database, text).unwrap(),
            None => std::fs::remove_file(&database).unwrap(),
        }
        assert_eq!(pool(), ours, "{damage:?}");
    }
    // What stands there is nothing that could be used, or of another time.
    for (base, known) in [("nonsense", None), ("10.9.0.0", Some("10.9.0.0".to_owned()))] {
        let connection = Connection::open(&database).unwrap();
        connection.execute("UPDATE pool SET base = ?1", [base]).unwrap();
        drop(connection);
        assert_eq!(pool(), known);
        world.kill_and_restart().await;
        assert_eq!(pool(), ours);
        world.kill().await;
    }
    // As an older release left it, and before there was any.
    std::fs::remove_file(&database).unwrap();
    let older = include_str!("../../src/store/frozen/v02.sql");
    Connection::open(&database)
        .unwrap()
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; {older}"))
        .unwrap();
    assert_eq!(pool(), None);
    world.kill_and_restart().await;
    assert_eq!(pool(), ours);
    assert_eq!(recorded_pool(tempfile::tempdir().unwrap().path()).unwrap(), None);
}

/// Bug: a truncated database refused the start.
#[tokio::test]
async fn a_damaged_database_is_restored_from_its_copy() {
    let mut world = World::new(143).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    let (before, table) = (world.instances().await, world.table());
    // That it is ready is written down when there is time.
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    world.kill().await;
    let database = world.state().join("dormouse.db");
    let copy = world.state().join("dormouse.db.1");
    let connection = Connection::open(&database).unwrap();
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).unwrap();
    drop(connection);
    std::fs::write(&database, "SQLite format 3").unwrap();
    world.kill_and_restart().await;
    assert_eq!(show(&world.table()), show(&table));
    assert_eq!(world.instances().await, before);
    assert!(world.state().join("dormouse.db.damaged1").exists());
}
