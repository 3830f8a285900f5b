//! Where projects live, and what one that cannot live anywhere does to others.

use std::collections::BTreeMap;

use dormouse_backend::{Damage, HostDisk};
use dormouse_model::{ProjectName, ProjectSpec};
use expect_test::expect;

use crate::{
    events::{told, told_when},
    world::{World, project, service},
};

fn shop(services: usize) -> ProjectSpec {
    project("shop", (1..=services).map(|n| service(&format!("s{n}"))).collect())
}

/// Where everything of every project lives.
async fn addresses(world: &World) -> String {
    let mut out = String::new();
    for net in world.sim.networks() {
        let blocks: Vec<_> = net.blocks().map(|b| b.to_string()).collect();
        let vips: Vec<_> = net.vips.iter().map(|v| v.addr.to_string()).collect();
        out += &format!("{}: {} with {}\n", net.project, blocks.join(" "), vips.join(" "));
    }
    out
}

#[tokio::test]
async fn a_project_that_grows_moves_nobody() {
    let mut world = World::new(61).await;
    let id = world.deploy(&project("blog", vec![service("web")])).await;
    world.events(id).await;
    let id = world.deploy(&shop(6)).await;
    world.events(id).await;
    expect![[r#"
        blog: 127.61.1.0/27 with 127.61.1.2
        shop: 127.61.1.32/27 with 127.61.1.34 127.61.1.35 127.61.1.36 127.61.1.37 127.61.1.38 127.61.1.39
    "#]]
    .assert_eq(&addresses(&world).await);
    let before = world.table();
    let id = world.deploy(&shop(9)).await;
    world.events(id).await;
    let after = world.table();
    for (key, endpoint) in &before.endpoints {
        assert_eq!(after.endpoints.get(key), Some(endpoint), "{key}");
    }
    let grown = addresses(&world).await;
    expect![[r#"
        blog: 127.61.1.0/27 with 127.61.1.2
        shop: 127.61.1.32/27 127.61.1.64/27 with 127.61.1.34 127.61.1.35 127.61.1.36 127.61.1.37 127.61.1.38 127.61.1.39 127.61.1.66 127.61.1.67 127.61.1.68
    "#]].assert_eq(&grown);
    let zone = after.zones.iter().find(|z| z.names.len() == 9).unwrap();
    let last = after.endpoints.len();
    assert_eq!((zone.blocks().count(), last), (2, 10));
    world.kill_and_restart().await;
    assert_eq!((addresses(&world).await, &world.table().zones), (grown, &after.zones));
    // Smaller again, it keeps its room.
    let id = world.deploy(&shop(1)).await;
    world.events(id).await;
    world.table_where(|t| t.listeners.len() == 2).await;
    assert_eq!(world.table().zones.iter().map(|z| z.blocks().count()).max(), Some(2));
}

/// Bug: after one project whose network could not be made, no other could be deployed, and control did not start again.
#[tokio::test]
async fn one_projects_failure_is_nobody_elses() {
    let mut world = World::new(62).await;
    let bad: ProjectName = "bad".parse().unwrap();
    world.sim.refuse_network(&bad, true);
    expect!["making its network: as the simulation wants it"]
        .assert_eq(&world.refused(&project("bad", vec![service("web")])).await);
    assert_eq!((addresses(&world).await, world.ps().await), (String::new(), String::new()));
    let id = world.deploy(&shop(1)).await;
    world.events(id).await;
    world.sim.refuse_network(&bad, false);
    let id = world.deploy(&project("bad", vec![service("web")])).await;
    world.events(id).await;

    world.sim.refuse_network(&bad, true);
    world.kill_and_restart().await;
    world.stands("shop/s1", "i1").await;
    world.stands("bad/web", "i2").await;
    expect![[r#"
        bad/web Ready d2 i2
        shop/s1 Ready d1 i1
    "#]]
    .assert_eq(&world.ps().await);
    expect!["making its network: as the simulation wants it"]
        .assert_eq(&world.refused(&project("bad", vec![service("web"), service("api")])).await);
    let id = world.deploy(&shop(2)).await;
    assert!(world.events(id).await.contains("\"done\""));
}

/// Bug: the network of a deploy that was not accepted stayed for good.
#[tokio::test]
async fn what_is_not_accepted_leaves_nothing() {
    let world = World::new(63).await;
    let id = world.deploy(&shop(1)).await;
    world.events(id).await;
    let before = addresses(&world).await;
    let logs = world.state().join("logs/builds");
    std::fs::rename(&logs, world.state().join("aside")).unwrap();
    std::fs::write(&logs, "no folder").unwrap();
    for spec in [shop(9), project("new", vec![service("web")])] {
        let why = world.refused(&spec).await;
        assert!(why.starts_with("cannot open the deploy's log"), "{why}");
        assert_eq!(addresses(&world).await, before);
    }
    assert_eq!(world.ps().await.lines().count(), 1);
}

/// Bug: a name that only a failed deploy knew kept its address until the project went.
#[tokio::test]
async fn services_that_never_were_keep_no_address() {
    let mut world = World::new(64).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.builder.set_fails(true);
    for n in 1..=8 {
        let id = world.deploy(&project("shop", vec![service("web"), service(&format!("try{n}"))])).await;
        world.events(id).await;
    }
    world.builder.set_fails(false);
    world.kill_and_restart().await;
    let id = world.deploy(&project("shop", vec![service("web"), service("try1")])).await;
    world.events(id).await;
    let table = world.table();
    let at: BTreeMap<_, _> =
        table.listeners.iter().map(|l| (l.service.to_string(), l.addr.ip().to_string())).collect();
    assert_eq!(at["shop/web"], "127.64.1.2");
    assert_eq!((at.len(), at["shop/try1"].as_str()), (2, "127.64.1.3"));
    assert_eq!(world.sim.networks()[0].blocks().count(), 1);
}

/// Whose network somebody damaged reads of it, and nobody else does.
#[tokio::test]
async fn a_repair_is_told_to_whom_it_concerns() {
    let world = World::new(191).await;
    for spec in [shop(2), project("blog", vec![service("web")])] {
        let id = world.deploy(&spec).await;
        world.events(id).await;
    }
    let [shop, blog] = ["shop", "blog"].map(|name| name.parse::<ProjectName>().unwrap());
    let took = std::time::Duration::from_millis(7);
    world.sim.repair(Damage::Firewall, &[shop.clone(), blog.clone()], took);
    world.sim.repair(Damage::Bridge, &[blog], took);
    world.sim.repair(Damage::Route, &[shop], took);
    told_when(&world, "the route", |all| all.matches("the route").count() == 2).await;
    let all = told(&world).await;
    let mut repairs: Vec<_> = all.lines().filter(|line| line.contains("another program")).collect();
    repairs.sort_unstable();
    expect![[r#"
        s1 * another program removed or changed the firewall around its network; made again in 7.0 ms
        s1 * another program removed or changed the route that keeps its network's addresses on this host; made again in 7.0 ms
        s2 * another program removed or changed the firewall around its network; made again in 7.0 ms
        s2 * another program removed or changed the route that keeps its network's addresses on this host; made again in 7.0 ms"#]]
    .assert_eq(&repairs.join("\n"));
}

/// Every service reads that the host's disk is nearly full, and that it is not any more.
#[tokio::test]
async fn a_full_disk_is_told_to_all() {
    let world = World::new(149).await;
    let id = world.deploy(&shop(2)).await;
    world.events(id).await;
    world.sim.set_disk(HostDisk::Short { left: 300 << 20, each: 75 << 20 });
    world.sim.set_disk(HostDisk::Enough);
    told_when(&world, "room again", |all| all.matches("room again").count() == 2).await;
    let all = told(&world).await;
    let mut disk: Vec<_> = all.lines().filter(|line| line.contains("disk")).collect();
    disk.sort_unstable();
    expect![[r#"
        s1 * the server's disk has room again
        s1 * the server's disk is nearly full (300 MiB are left): it may write 75 MiB more, then it hears `No space left on device`
        s2 * the server's disk has room again
        s2 * the server's disk is nearly full (300 MiB are left): it may write 75 MiB more, then it hears `No space left on device`"#]].assert_eq(&disk.join("\n"));
}
