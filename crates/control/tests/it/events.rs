//! What happens to services is told in their logs, once.

use std::{fmt::Write, time::Duration};

use dormouse_backend::sim::Behaviour;
use dormouse_control::{LogSource, LogWanted};
use dormouse_model::{
    Ask, DeploymentId, Depth, Endpoint, ExitStatus, InstanceId, Phase, RouteTable, SleepPolicy,
};
use expect_test::expect;

use crate::world::{World, key, project, service};

/// What the platform has said in a project's logs, but for how long things took; instances by the order they appear in.
pub(crate) async fn told(world: &World) -> String {
    let lines = world.ask(|c| async move {
        let wanted = LogWanted { platform: true, ..LogWanted::default() };
        c.logs("shop", None, wanted).await.unwrap().next().await.unwrap().unwrap_or_default()
    });
    let (mut out, mut ids) = (String::new(), Vec::new());
    for line in lines.await.into_iter().filter(|l| l.source == LogSource::Platform) {
        let id = line.instance.map(|id| {
            let known = ids.iter().position(|known| *known == id);
            let nth = known.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            format!(" i{}", nth + 1)
        });
        let id = id.unwrap_or_default();
        let text = match line.text.split_once(" in ") {
            Some((what, _)) if what.starts_with("woken") || what.starts_with("started by") => what,
            Some(_) | None => &line.text,
        };
        writeln!(out, "{}{id} * {text}", line.key.service).unwrap();
    }
    out
}

/// The instance that serves, once that is another than this one.
async fn successor(world: &World, of: InstanceId) -> InstanceId {
    let serves = |t: &RouteTable| match t.endpoints.get(&key("shop/web")) {
        Some(Endpoint::Ready { targets }) => targets.iter().map(|t| t.instance).find(|id| *id != of),
        Some(_) | None => None,
    };
    let table = world.table_where(|t| serves(t).is_some()).await;
    serves(&table).unwrap()
}

/// Wait until the last line says this.
async fn told_at_last(world: &World, text: &str) {
    told_when(world, text, |all| all.lines().last().is_some_and(|l| l.contains(text))).await;
}

/// Wait until a line says this: what follows may come before anybody looks.
pub(crate) async fn told_somewhere(world: &World, text: &str) {
    told_when(world, text, |all| all.contains(text)).await;
}

pub(crate) async fn told_when(world: &World, what: &str, is_so: impl Fn(&str) -> bool) {
    let begun = std::time::Instant::now();
    loop {
        let all = told(world).await;
        if is_so(&all) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain for {what:?}:\n{all}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_transition_leaves_one_line_whatever_becomes_of_control() {
    let mut world = World::new(111).await;
    let mut web = service("web");
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    world.events(id).await;
    told_at_last(&world, "live").await;
    world.kill_and_restart().await;

    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    told_at_last(&world, "asleep").await;
    world.kill_and_restart().await;
    world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    told_at_last(&world, "woken").await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.ask(|c| async move { c.wake_all("shop", None).await }).await.unwrap();
    told_at_last(&world, "woken").await;

    world.sim.crash(InstanceId(1), ExitStatus::Code(3));
    let second = successor(&world, InstanceId(1)).await;
    told_at_last(&world, "code 3").await;
    // While nobody hears of it.
    world.kill().await;
    world.sim.crash(second, ExitStatus::OutOfMemory);
    world.kill_and_restart().await;
    successor(&world, second).await;
    told_at_last(&world, "out of memory").await;
    world.kill_and_restart().await;

    world.ask(|c| async move { c.restart("shop", None, None).await }).await.unwrap();
    told_at_last(&world, "restarted").await;
    web.sleep = SleepPolicy { after: Some(Duration::from_secs(3600)), ..web.sleep };
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    world.events(id).await;
    told_at_last(&world, "changed").await;
    world.kill_and_restart().await;

    let dies = Behaviour {
        ready_after: None,
        ends: Some((Duration::ZERO, ExitStatus::Code(1))),
        ..Behaviour::default()
    };
    world.sim.behave(DeploymentId(4), dies);
    world.builder.set_image(2);
    let id = world.deploy(&project("shop", vec![web.clone()])).await;
    world.events(id).await;
    told_at_last(&world, "refused").await;
    world.kill_and_restart().await;
    world.builder.set_fails(true);
    let id = world.deploy(&project("shop", vec![web])).await;
    world.events(id).await;
    told_at_last(&world, "failed").await;
    world.kill_and_restart().await;
    expect![[r#"
        web i1 * deploy d1 is live
        web i1 * asleep by `dormouse sleep`
        web i1 * woken by a request
        web i1 * asleep by `dormouse sleep`
        web i1 * woken by `dormouse wake`
        web i1 * exited with code 3; started again in 0.5 s
        web i2 * killed: out of memory (limit 1 GiB); started again in 1 s
        web i3 * restarted: a new process of deploy d1 is live
        web i3 * deploy d2 is live; the process goes on (changed: sleep)
        web i4 * exited with code 1; started again in 0.5 s
        web i5 * exited with code 1; started again in 1 s
        web i6 * exited with code 1
        web * deploy d3 refused: exited with code 1 (3 times); d2 serves on
        web * deploy d4 failed: the dependencies phase failed: exited with code 1; d2 serves on
    "#]]
    .assert_eq(&told(&world).await);
}

/// It was killed after it had written that an instance ended, and before the instance was cleared away.
#[tokio::test]
async fn what_an_earlier_control_has_said_is_not_said_again() {
    let mut world = World::new(117).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    told_at_last(&world, "live").await;
    world.kill().await;
    world.sim.crash(InstanceId(1), ExitStatus::Code(7));
    let mut log =
        std::fs::File::options().append(true).open(world.state().join("logs/shop/web/platform.log")).unwrap();
    let line = r#"{"at":5,"instance":1,"once":"ended i1","text":"exited with code 7"}"#;
    std::io::Write::write_all(&mut log, format!("{line}\n").as_bytes()).unwrap();
    world.kill_and_restart().await;
    successor(&world, InstanceId(1)).await;
    world.ask(|c| async move { c.restart("shop", None, None).await }).await.unwrap();
    told_at_last(&world, "restarted").await;
    assert_eq!(told(&world).await.matches("exited with code 7").count(), 1, "{}", told(&world).await);
}

/// Bug: `dormouse logs` was empty after a first deploy that failed.
#[tokio::test]
async fn a_first_deploy_that_fails_is_told_without_an_instance() {
    let world = World::new(112).await;
    world.builder.set_fails(true);
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    told_at_last(&world, "failed").await;
    expect![[r#"
        web * deploy d1 failed: the dependencies phase failed: exited with code 1
    "#]]
    .assert_eq(&told(&world).await);
}

#[tokio::test]
async fn one_that_answers_no_more_is_told_with_what_was_seen() {
    let world = World::new(113).await;
    let mut web = service("web");
    web.health.interval = Duration::from_millis(200);
    web.health.ask = Ask::Path("/well".to_owned());
    let id = world.deploy(&project("shop", vec![web])).await;
    world.events(id).await;
    told_at_last(&world, "live").await;
    world.answers.lock().unwrap().insert(DeploymentId(1), "HTTP/1.1 500 Oh\r\n\r\n");
    told_at_last(&world, "stopped").await;
    let told = told(&world).await;
    let (since, seen) = told.lines().last().unwrap().split_once(" s: ").unwrap();
    assert!(since.starts_with("web i1 * stopped: fails its health checks for "), "{told}");
    assert_eq!(seen, "it answers 500 to GET /well on port 18000; started again in 0.5 s");
}

#[tokio::test]
async fn who_woke_it_and_why_it_sleeps() {
    let world = World::new(114).await;
    let rests =
        |depth| SleepPolicy { after: Some(Duration::from_millis(300)), depth, ..SleepPolicy::default() };
    let backend = dormouse_model::ServiceSpec { sleep: rests(Depth::Paged), ..service("backend") };
    let mut cold = service("cold");
    cold.sleep = rests(Depth::Stopped);
    cold.needs = ["backend".parse().unwrap()].into();
    let id = world.deploy(&project("shop", vec![backend, cold])).await;
    world.events(id).await;
    world.stands("shop/cold", "stopped").await;
    world.stands("shop/backend", "i1 asleep").await;
    while world.sim.phase(InstanceId(1)) == Some(Phase::Running) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.sim.arrive(InstanceId(1));
    told_somewhere(&world, "woken by bytes").await;
    told_at_last(&world, "* asleep").await;
    world.ask(|c| async move { c.wake(&key("shop/cold")).await }).await.unwrap();
    told_somewhere(&world, "started by").await;
    // Which of the two comes first is chance.
    let without_id = |line: &str| {
        let (who, what) = line.split_once(" * ").unwrap();
        format!("{} {what}", who.split(' ').next().unwrap())
    };
    let mut lines: Vec<_> = told(&world).await.lines().map(without_id).collect();
    lines.sort();
    lines.dedup();
    expect![[r#"
        backend asleep after 0.3 s without activity
        backend deploy d1 is live
        backend woken by bytes that arrived
        backend woken with cold, which needs it,
        cold deploy d1 is live
        cold started by a request
        cold stopped after 0.3 s without activity; the next request starts it"#]]
    .assert_eq(&lines.join("\n"));
}

/// What takes no line ends nothing.
#[tokio::test]
async fn a_full_disk_costs_the_lines_only() {
    let world = World::new(115).await;
    let dir = world.state().join("logs/shop/web");
    std::fs::create_dir_all(&dir).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.join("platform.log")).unwrap();
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    assert!(world.events(id).await.contains("\"done\""));
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.ask(|c| async move { c.wake_all("shop", None).await }).await.unwrap();
    world.sim.crash(InstanceId(1), ExitStatus::Code(1));
    world.stands("shop/web", "i2").await;
}

#[tokio::test]
async fn whoever_follows_sees_it_taken_down() {
    let world = World::new(116).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    let said = world.ask(|c| async move {
        let wanted = LogWanted { platform: true, follow: true, ..LogWanted::default() };
        let mut reader = c.logs("shop", None, wanted).await.unwrap();
        let mut said: Vec<_> = reader.next().await.unwrap().unwrap();
        c.down("shop", false, false).await.unwrap();
        while let Some(more) = reader.next().await.unwrap() {
            said.extend(more);
        }
        said
    });
    let said: Vec<_> = said.await.into_iter().map(|l| l.text).collect();
    assert_eq!(said.last().unwrap(), "taken down by `dormouse down`", "{said:?}");
}

#[tokio::test]
async fn a_damaged_image_is_told_to_whom_it_concerns() {
    let world = World::new(186).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    for image in ["sha256:2", "sha256:1"] {
        let damaged = [dormouse_model::ImageId(image.into())].into();
        world.ask(|c| async move { c.say_damaged(damaged).await }).await.unwrap();
    }
    told_somewhere(&world, "changed on the server's disk").await;
    let concerned = told(&world).await.lines().filter(|l| l.contains("its image were changed")).count();
    assert_eq!(concerned, 1, "{}", told(&world).await);
}

/// Bug: a layer that a deploy found changed was only in its build log, and a worker killed for want of memory nowhere.
#[tokio::test]
async fn what_is_found_and_what_is_killed() {
    let world = World::new(219).await;
    world.builder.damage();
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    told_somewhere(&world, "the kept layer of the dependencies phase was changed on the server's disk").await;
    world.sim.kill_some(dormouse_model::InstanceId(1), 2);
    told_somewhere(&world, "2 processes of it were killed: out of memory (limit 1 GiB); raise `memory`")
        .await;
}
