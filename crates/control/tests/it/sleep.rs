//! Going to sleep without losing a byte, and waking.

use std::{net::SocketAddr, time::Duration};

use dormouse_backend::{
    Workloads as _,
    sim::{Behaviour, Faults},
};
use dormouse_control::OpError;
use dormouse_model::{
    Call, Cut, DeploymentId, Depth, EdgeId, InstanceId, Phase, ServiceKind, Time, Traffic, TrafficReport,
    WakeRefused,
};
use expect_test::expect;

use crate::world::{World, endpoint, key, project, service};

async fn shop(net: u8) -> World {
    let world = World::new(net).await;
    let backend = service("backend");
    let mut frontend = service("frontend");
    frontend.needs = ["backend".parse().unwrap()].into();
    let id = world.deploy(&project("shop", vec![backend, frontend])).await;
    world.events(id).await;
    world
}

#[tokio::test]
async fn sleep_and_wake() {
    let world = shop(41).await;
    let ids: Vec<_> = world.instances().await.iter().map(|(id, ..)| *id).collect();
    world.edge.lock().unwrap().shown.clear();
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    assert!(world.instances().await.iter().all(|(.., phase)| *phase == Phase::Asleep(Depth::Paged)));
    let ps = world.ps().await;
    assert_eq!(ps.matches("Asleep(Paged)").count(), 2, "{ps}");

    // What it needs is woken with it.
    let targets = world.ask(|c| async move { c.wake(&key("shop/frontend")).await }).await.unwrap();
    assert!(targets.iter().all(|t| !t.asleep), "{targets:?}");
    let shown = world.table();
    let asleep = |service: &str| format!("{:?}", shown.endpoints[&key(service)]).contains("asleep: true");
    assert!(!asleep("shop/frontend"), "the table is out before the answer");
    world.table_where(|t| t.endpoints.values().all(|e| !format!("{e:?}").contains("asleep: true"))).await;
    let now: Vec<_> = world.instances().await.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, now, "the same instances");
    let statuses = world.ask(|c| async move { c.ps().await }).await.unwrap();
    assert!(statuses.iter().all(|s| s.last_wake_ms.is_some_and(|ms| ms > 0.0)), "{statuses:?}");
}

#[tokio::test]
async fn nothing_is_frozen_before_the_edge_knows() {
    let world = shop(42).await;
    world.edge.lock().unwrap().silent = true;
    let sleeping = world.ask(|c| async move { c.sleep_all("shop", Some("backend")).await });
    let shown = world.table_where(|t| {
        t.endpoints.get(&key("shop/backend")).is_some_and(|e| format!("{e:?}").contains("asleep: true"))
    });
    // Shown asleep, but not confirmed: it runs on, and after a while it is shown awake again.
    let watching = async {
        shown.await;
        assert!(world.instances().await.iter().all(|(.., phase)| *phase == Phase::Running));
        world.table_where(|t| !format!("{:?}", t.endpoints).contains("asleep: true")).await;
        assert!(world.instances().await.iter().all(|(.., phase)| *phase == Phase::Running));
        // Someone uses it, and so it stays awake.
        world.carry(1, Traffic { in_flight: 1, ..Traffic::default() });
        world.carry(2, Traffic { in_flight: 1, ..Traffic::default() });
    };
    let (slept, ()) = tokio::join!(sleeping, watching);
    match slept {
        Err(OpError::StaysAwake { why, .. }) => {
            assert!(why.starts_with("it is busy with a request"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_byte_between_seal_and_freeze_keeps_it_awake() {
    let world = shop(43).await;
    world.edge.lock().unwrap().silent = true;
    let mut routes = world.control.routes();
    let control = world.control.clone();
    let waking = async {
        routes.wait_for(|t| format!("{:?}", t.endpoints).contains("asleep: true")).await.unwrap();
        // The edge holds a request for what it was shown as asleep.
        control.wake(&key("shop/backend")).await.unwrap()
    };
    let sleeping = world.control.clone();
    let sleeping = tokio::spawn(async move { sleeping.sleep_all("shop", Some("backend")).await });
    let targets = waking.await;
    assert!(!targets[0].asleep);
    assert!(world.instances().await.iter().all(|(.., phase)| *phase == Phase::Running));
    sleeping.abort();
}

#[tokio::test]
async fn a_wake_cuts_into_a_page_out() {
    let world = shop(44).await;
    world.sim.set_faults(Faults { sleep_takes: Duration::from_secs(3600), ..Faults::default() });
    let sleeping = world.control.clone();
    let sleeping = tokio::spawn(async move { sleeping.sleep_all("shop", Some("backend")).await });
    world.table_where(|t| format!("{:?}", t.endpoints).contains("asleep: true")).await;
    let targets = world.ask(|c| async move { c.wake(&key("shop/backend")).await }).await.unwrap();
    assert!(!targets[0].asleep, "although the page-out takes an hour");
    sleeping.abort();
}

#[tokio::test]
async fn idle_services_fall_asleep_and_busy_ones_do_not() {
    let world = World::new(45).await;
    let mut web = service("web");
    web.sleep.after = Some(Duration::from_millis(300));
    let id = world.deploy(&project("shop", vec![web])).await;
    // It may be asleep again before its last event is read.
    let events = world.events(id).await;
    assert!(events.contains("\"done\""), "{events}");
    world.stands("shop/web", "i1 asleep").await;
    world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    world.carry(1, Traffic { in_flight: 1, ..Traffic::default() });
    world.stands("shop/web", "i1").await;
    let last_client_byte = Some(Time::from(std::time::SystemTime::now()));
    world.carry(1, Traffic { messages: 1, last_client_byte, ..Traffic::default() });
    let asleep = world.ask(|c| async move { c.sleep_all("shop", None).await }).await;
    match asleep {
        Err(OpError::StaysAwake { why, .. }) => {
            assert!(why.starts_with("it is busy with a message"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    world.carry(1, Traffic { last_client_byte, ..Traffic::default() });
    world.stands("shop/web", "i1 asleep").await;
}

#[tokio::test]
async fn a_stopped_service_is_started_for_a_request() {
    let world = World::new(46).await;
    let mut web = service("web");
    web.sleep.depth = Depth::Stopped;
    let id = world.deploy(&project("shop", vec![web])).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.stands("shop/web", "stopped").await;
    let targets = world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    assert_eq!(targets[0].instance, InstanceId(2));
    let refused = world.ask(|c| async move { c.wake(&key("shop/nobody")).await }).await;
    assert_eq!(refused, Err(WakeRefused::Unknown));
    expect![[r#"
        shop/web Ready d1 i2
    "#]]
    .assert_eq(&world.ps().await);
}

/// Bug: a frontend that waited for a slow backend was frozen, and the answer did not wake it.
#[tokio::test]
async fn an_open_call_keeps_the_caller_awake_and_bytes_wake_it() {
    let world = World::new(95).await;
    let mut web = service("web");
    web.sleep.after = Some(Duration::from_millis(300));
    let id = world.deploy(&project("shop", vec![web])).await;
    let to = SocketAddr::V4(world.table().listeners[0].addr);
    let now = || Time::from(std::time::SystemTime::now());
    let call = |sent, received| Call {
        to,
        sent: Some(sent),
        received,
        segments_sent: 1,
        round_trip: Duration::ZERO,
        awaited: false,
    };
    while world.instances().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.sim.set_calls(InstanceId(1), vec![call(now(), None)]);
    assert!(world.events(id).await.contains("\"done\""));
    // Twice as long as it takes to be looked at and found idle.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(endpoint(&world.table().endpoints[&key("shop/web")]), "i1");
    world.ps_where("(waits for an answer from web:18000, for ").await;

    world.sim.set_calls(InstanceId(1), vec![call(now(), Some(now()))]);
    world.stands("shop/web", "i1 asleep").await;
    // The edge is shown that first.
    while world.sim.phase(InstanceId(1)) == Some(Phase::Running) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.sim.arrive(InstanceId(1));
    world.stands("shop/web", "i1").await;
    world.ps_where("(was woken by bytes that arrived ").await;
    world.stands("shop/web", "i1 asleep").await;
}

/// Bug: a project whose worker waits for work at its Redis could not be sent to sleep: Redis was busy.
#[tokio::test]
async fn a_worker_that_waits_for_work_keeps_no_project_from_sleeping() {
    let world = World::new(49).await;
    let mut worker = service("worker");
    worker.kind = ServiceKind::Worker;
    let id = world.deploy(&project("shop", vec![service("redis"), worker])).await;
    world.events(id).await;
    let all = world.sim.list().await.unwrap();
    let of = |service| all.iter().find(|w| w.key == key(service)).unwrap().id;
    let (redis, worker) = (of("shop/redis"), of("shop/worker"));
    let poll = || Traffic {
        in_flight: 1,
        calls: 1,
        connections: 1,
        private: 1,
        last_client_byte: Some(Time::from(std::time::SystemTime::now())),
        ..Traffic::default()
    };
    world.carry(redis.0, poll());
    let sleeper = world.control.clone();
    let sleeping = tokio::spawn(async move { sleeper.sleep_all("shop", None).await });
    // The worker asks once more before it is frozen.
    world.carry(redis.0, poll());
    sleeping.await.unwrap().unwrap();
    let asleep =
        || async { world.instances().await.iter().all(|(.., phase)| *phase == Phase::Asleep(Depth::Paged)) };
    assert!(asleep().await);
    // An answer that was on its way.
    world.sim.arrive(worker);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(asleep().await, "{}", world.ps().await);
    world.ask(|c| async move { c.wake(&key("shop/redis")).await }).await.unwrap();
    while world.sim.phase(worker) != Some(Phase::Running) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_supervisor_that_notices_sleep_is_not_made_to_notice_it_again() {
    let mut world = World::new(94).await;
    let patience = Some(Duration::from_secs(5));
    world.sim.behave(DeploymentId(1), Behaviour { patience, ..Behaviour::default() });
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.sim.advance_to(world.sim.now().after(Duration::from_secs(9)));
    world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    let said = "it restarted a process after a sleep of 9 s, so it is kept awake";
    world.ps_where(said).await;
    for _control in 0..2 {
        match world.ask(|c| async move { c.sleep_all("shop", None).await }).await {
            Err(OpError::StaysAwake { why, .. }) => assert_eq!(why, said),
            other => panic!("{other:?}"),
        }
        // Also a later control knows.
        world.kill_and_restart().await;
    }
    assert!(world.ps().await.contains(said), "{}", world.ps().await);
}

/// Bug: a service whose requests use up its processes was taken for one that loses them to sleep, and after some such
/// coincidences was kept awake until its next deploy.
#[tokio::test]
async fn what_requests_have_used_up_keeps_nobody_awake() {
    let mut world = World::new(245).await;
    let patience = Some(Duration::from_secs(2));
    world.sim.behave(DeploymentId(1), Behaviour { patience, ..Behaviour::default() });
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    for (slept, said) in [
        (9, "it restarted a process after a sleep of 9 s, so it now runs for a moment every 5 s"),
        (
            3,
            "it restarted a process after a sleep of 3 s, as it does after others, so it sleeps as others do",
        ),
    ] {
        world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
        world.sim.advance_to(world.sim.now().after(Duration::from_secs(slept)));
        let last_client_byte = Some(Time::from(std::time::SystemTime::now()));
        world.carry(1, Traffic { last_client_byte, ..Traffic::default() });
        world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
        world.ps_where(said).await;
        // Also a later control knows.
        world.kill_and_restart().await;
        world.ps_where(said).await;
    }
}

/// Bug: a server that pings its pages by the clock cut them off at every wake.
#[tokio::test]
async fn a_server_that_takes_a_page_for_gone_is_not_made_to_do_it_again() {
    let mut world = World::new(200).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    // Longer than it takes to fall asleep.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.ask(|c| async move { c.wake(&key("shop/web")).await }).await.unwrap();
    let cut = Some(Cut { at: Time::from(std::time::SystemTime::now()), pings: Some(Duration::from_secs(5)) });
    let page = |connections| Traffic { connections, cut, ..Traffic::default() };
    world.carry(1, page(1));
    world.ps_where("(it took an open page for gone after a sleep of ").await;
    for _control in 0..2 {
        match world.ask(|c| async move { c.sleep_all("shop", None).await }).await {
            Err(OpError::StaysAwake { why, .. }) => {
                assert!(why.ends_with(", so it is kept awake while one is open"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        // Also a later control knows.
        world.kill_and_restart().await;
    }
    world.carry(1, page(0));
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
}

/// Bug: LAST-ACTIVE of `ps` was empty after the server had been started again.
#[tokio::test]
async fn when_it_was_last_used_is_not_forgotten() {
    let mut world = World::new(201).await;
    let id = world.deploy(&project("shop", vec![service("web")])).await;
    world.events(id).await;
    let shown =
        async |world: &World| world.ask(|c| async move { c.ps().await }).await.unwrap()[0].last_activity;
    assert_eq!(shown(&world).await, None);
    let use_it = |world: &World, ago: u64| {
        let at = Time(Time::from(std::time::SystemTime::now()).0 - ago);
        world.carry(1, Traffic { last_client_byte: Some(at), ..Traffic::default() });
        at
    };
    let first = use_it(&world, 5_000);
    while shown(&world).await.is_none() {
        tokio::task::yield_now().await;
    }
    // What is written down when there is time is there.
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    // An edge of before is gone, and has told nobody else.
    world.edge.lock().unwrap().traffic.clear();
    world.kill_and_restart().await;
    let close = |at: Option<Time>, to: Time| at.is_some_and(|at| at.0.abs_diff(to.0) < 1_000);
    assert!(close(shown(&world).await, first), "{:?} {first:?}", shown(&world).await);
    // Within the same minute it is written down as it falls asleep.
    let second = use_it(&world, 1_000);
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.ask(|c| async move { c.live_images().await }).await.unwrap();
    world.edge.lock().unwrap().traffic.clear();
    world.kill_and_restart().await;
    assert!(close(shown(&world).await, second), "{:?} {second:?}", shown(&world).await);
}

const SECOND: EdgeId = EdgeId(2);

/// While a server takes over from another there are two edges, and either may still send bytes.
#[tokio::test]
async fn nothing_is_frozen_before_every_edge_knows() {
    let world = shop(47).await;
    let running = || async { world.instances().await.iter().all(|(.., phase)| *phase == Phase::Running) };
    let shown_asleep = || {
        world.table_where(|t| {
            let backend = t.endpoints.get(&key("shop/backend"));
            backend.is_some_and(|e| format!("{e:?}").contains("asleep: true"))
        })
    };
    let busy = |in_flight| [(InstanceId(1), Traffic { in_flight, ..Traffic::default() })].into();

    // It has connected, and may have been shown the table.
    world.control.edge_connected(SECOND);
    let sleeper = world.control.clone();
    let sleeping = tokio::spawn(async move { sleeper.sleep_all("shop", Some("backend")).await });
    let table = shown_asleep().await;
    // Long enough for the first edge to have confirmed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(running().await, "the second edge does not know yet");
    // Both know, and the second tells of a request: it is taken back.
    world.control.report(SECOND, TrafficReport { generation: table.generation, instances: busy(1) });
    world.table_where(|t| !format!("{:?}", t.endpoints).contains("asleep: true")).await;
    assert!(running().await);
    // Its request ends with it.
    world.control.edge_gone(SECOND);
    sleeping.await.unwrap().unwrap();
    assert_eq!(world.instances().await[0].2, Phase::Asleep(Depth::Paged));
}

/// Control was killed, and an edge it had shown tables has not come back yet.
#[tokio::test]
async fn nothing_is_frozen_before_an_edge_from_earlier_is_back_or_dead() {
    let world = shop(48).await;
    world.control.edge_expected(SECOND);
    let sleeper = world.control.clone();
    let sleeping = tokio::spawn(async move { sleeper.sleep_all("shop", Some("backend")).await });
    world.table_where(|t| format!("{:?}", t.endpoints).contains("asleep: true")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(world.instances().await.iter().all(|(.., phase)| *phase == Phase::Running));
    world.control.edge_gone(SECOND);
    sleeping.await.unwrap().unwrap();
}

/// Bug: a request whose wake was under way when somebody said `sleep` waited for as long as its edge let it.
#[tokio::test]
async fn a_sleep_waits_for_whoever_waits() {
    let world = shop(178).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.sim.set_faults(Faults { wake_takes: Duration::from_millis(400), ..Faults::default() });
    for _ in 0..3 {
        let asks = world.ask(|c| async move { c.wake(&key("shop/frontend")).await });
        let meanwhile = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.ask(|c| async move { c.sleep_all("shop", None).await }).await
        };
        let both = async { tokio::join!(asks, meanwhile) };
        let (woken, slept) =
            tokio::time::timeout(Duration::from_secs(20), both).await.expect("nobody waits for ever");
        assert!(woken.unwrap().iter().all(|t| !t.asleep));
        slept.unwrap();
    }
    assert!(world.instances().await.iter().all(|(.., phase)| matches!(phase, Phase::Asleep(_))));
}

/// Bug: what another tool took away was said to be there, and sleepers that were read back were said to be paged out.
#[tokio::test]
async fn swap_that_is_taken_away_and_comes_back() {
    let world = shop(233).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.sim.take_swap_away();
    world.control.look_again();
    world.ps_where("Asleep(Frozen)").await;
    let ps = world.ps().await;
    assert_eq!(ps.matches("Asleep(Frozen) d1 i").count(), 2, "{ps}");
    assert_eq!(ps.matches("no swap on this host: it keeps its memory while it sleeps").count(), 2, "{ps}");
    let nobody = world.instances().await;
    world.sim.set_can_page(true);
    world.control.look_again();
    assert_eq!(world.instances().await, nobody, "nobody is woken for it");
}

/// Bug: of what a deploy or a restart kept awake it was said that something used it, or that the edge did not confirm.
#[tokio::test]
async fn what_is_under_way_is_why_it_does_not_sleep() {
    let world = World::new(121).await;
    let mut web = service("web");
    web.health.start_timeout = Duration::from_secs(60);
    let spec = project("shop", vec![web]);
    let id = world.deploy(&spec).await;
    world.events(id).await;
    // It answers now and then, so its trial goes on.
    world.answers.lock().unwrap().insert(DeploymentId(2), "HTTP/1.1 404 Not Found\r\n\r\n");
    world.builder.set_image(2);
    world.deploy(&spec).await;
    while world.instances().await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match world.ask(|c| async move { c.sleep_all("shop", None).await }).await {
        Err(OpError::StaysAwake { why, .. }) => expect![[r#"
            d2 is on its way
              hint: `dormouse ps` shows when that is done; then it can sleep; `dormouse cancel shop` ends the deploy"#]].assert_eq(&why),
        other => panic!("{other:?}"),
    }
}
