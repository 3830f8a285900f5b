//! A new version that refuses what it is asked, beside what the live one answers then.

use std::time::Duration;

use dormouse_model::{Ask, DeploymentId, Depth, ServiceSpec};
use expect_test::{Expect, expect};

use crate::world::{World, project, service};

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\n\r\n";
/// Whatever it is asked for.
const ALL_WELL: &str = "HTTP/1.1 200 Fine\r\n\r\n";
const TO_ITSELF: &str = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";

fn web(page: &str) -> ServiceSpec {
    let mut web = service("web");
    web.health.start_timeout = Duration::from_secs(2);
    web.health.timeout = Duration::from_secs(1);
    web.health.ask = match page.strip_prefix("found: ") {
        Some(route) => Ask::Auto { route: Some(route.to_owned()), page: "/".to_owned() },
        None => Ask::Auto { route: None, page: page.to_owned() },
    };
    web
}

/// Deploys a version that is asked for `page`; how that ended.
async fn deploy(world: &World, image: u64, page: &str) -> String {
    world.builder.set_image(image);
    let id = world.deploy(&project("shop", vec![web(page)])).await;
    let events = world.events(id).await;
    let seen = |l: &&str| l.contains("it answers") && l.contains("rollout_failed");
    let why = events.lines().find(seen).and_then(|l| l.split("it answers").nth(1)?.split("\\n").next());
    match (events.contains("\"done\""), why) {
        (true, _) => "taken".to_owned(),
        (false, Some(why)) => format!("refused: it answers{why}"),
        (false, None) => events,
    }
}

fn answers(world: &World, deployment: u64, with: Option<&'static str>) {
    let mut answers = world.answers.lock().unwrap();
    match with {
        Some(with) => answers.insert(DeploymentId(deployment), with),
        None => answers.remove(&DeploymentId(deployment)),
    };
}

/// The first version answers with `first`, and later with `now`; the second with `new`.
async fn check(
    net: u8,
    (first, now): (Option<&'static str>, Option<&'static str>),
    (new, page): (Option<&'static str>, &str),
    want: &Expect,
) {
    let world = World::new(net).await;
    answers(&world, 1, first);
    assert_eq!(deploy(&world, 1, "/").await, "taken");
    answers(&world, 1, now);
    answers(&world, 2, new);
    want.assert_eq(&deploy(&world, 2, page).await);
}

/// Bug: a first version that answered 404 in its first second, and 200 since, was replaced by one that answers 404.
#[tokio::test]
async fn what_the_live_one_answers_now_binds() {
    let refused =
        expect!["refused: it answers 404 to GET / on port 18000, where the version before answers 200"];
    check(210, (Some(NOT_FOUND), None), (Some(NOT_FOUND), "/"), &refused).await;
}

/// Bug: one that answers 404 by now was said to answer 200, and bound what was to replace it.
#[tokio::test]
async fn what_it_answered_once_does_not() {
    check(211, (None, Some(NOT_FOUND)), (Some(NOT_FOUND), "/"), &expect!["taken"]).await;
}

/// Bug: a version that was asked for another path than the one before was held to nothing.
#[tokio::test]
async fn also_where_another_path_is_asked_for() {
    let refused =
        expect!["refused: it answers 404 to GET / on port 18000, where the version before answers 200"];
    check(212, (None, None), (Some(NOT_FOUND), "/docs"), &refused).await;
}

/// Somebody has turned off what FastAPI has of itself; its front page is as before.
#[tokio::test]
async fn a_page_of_the_framework_may_be_turned_off() {
    check(213, (Some(ALL_WELL), Some(ALL_WELL)), (None, "/docs"), &expect!["taken"]).await;
}

/// Bug: a version whose routes had moved was refused because of a path that was only guessed from its code.
#[tokio::test]
async fn a_route_that_was_found_may_have_moved() {
    let moved = "found: /health";
    check(252, (Some(ALL_WELL), Some(ALL_WELL)), (None, moved), &expect!["taken"]).await;
    let refused =
        expect!["refused: it answers 404 to GET / on port 18000, where the version before answers 200"];
    check(253, (Some(ALL_WELL), Some(ALL_WELL)), (Some(NOT_FOUND), moved), &refused).await;
}

/// Bug: a version whose pages all failed replaced one that worked, because it has a health route that answers.
#[tokio::test]
async fn a_route_that_was_found_says_nothing_of_the_pages() {
    let route = "found: /health";
    let refused =
        expect!["refused: it answers 500 to GET / on port 18000, where the version before answers 200"];
    check(254, (Some(ALL_WELL), Some(ALL_WELL)), (Some("/: HTTP/1.1 500 Oh\r\n\r\n"), route), &refused).await;
    let gone = Some("/: HTTP/1.1 404 Not Found\r\n\r\n");
    check(251, (gone, gone), (gone, route), &expect!["taken"]).await;
}

/// Bug: a page that only redirects to itself took the place of one that worked.
#[tokio::test]
async fn a_redirect_to_itself_is_no_page() {
    let refused = expect![
        "refused: it answers 302 to GET / on port 18000, a redirect to the same, where the version before answers 200"
    ];
    check(214, (None, None), (Some(TO_ITSELF), "/"), &refused).await;
}

#[tokio::test]
async fn one_that_sleeps_is_woken_to_be_asked() {
    let world = World::new(215).await;
    answers(&world, 1, Some(NOT_FOUND));
    assert_eq!(deploy(&world, 1, "/").await, "taken");
    answers(&world, 1, None);
    answers(&world, 2, Some(NOT_FOUND));
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.stands("shop/web", "i1 asleep").await;
    let refused =
        expect!["refused: it answers 404 to GET / on port 18000, where the version before answers 200"];
    refused.assert_eq(&deploy(&world, 2, "/").await);
}

/// Bug: control was killed while a version was on trial that answers nothing, and forgot that the live one speaks HTTP: the open
/// port was proof enough.
#[tokio::test]
async fn what_speaks_http_is_not_forgotten_in_a_trial() {
    let mut world = World::new(221).await;
    let unknown = || {
        let mut web = web("/");
        web.health.server = None;
        web.health.start_timeout = Duration::from_secs(14);
        project("shop", vec![web])
    };
    let first = world.deploy(&unknown()).await;
    assert!(world.events(first).await.contains("\"done\""));
    answers(&world, 2, Some("SSH-2.0-none\r\n"));
    world.builder.set_image(2);
    let second = world.deploy(&unknown()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.kill_and_restart().await;
    let events = world.events(second).await;
    assert!(events.contains("\"old_serves\":true"), "{events}");
    world.ps_where("d1 serves on").await;
}

/// Bug: of a working version without a process, as `depth = "stopped"` leaves it, a refused deploy said that it did not work
/// either.
#[tokio::test]
async fn one_without_a_process_serves_on() {
    let world = World::new(220).await;
    let stopped = || {
        let mut web = web("/");
        web.sleep.depth = Depth::Stopped;
        project("shop", vec![web])
    };
    let first = world.deploy(&stopped()).await;
    world.events(first).await;
    world.ask(|c| async move { c.sleep_all("shop", None).await }).await.unwrap();
    world.stands("shop/web", "stopped").await;
    answers(&world, 2, Some(NOT_FOUND));
    world.builder.set_image(2);
    let second = world.deploy(&stopped()).await;
    let events = world.events(second).await;
    assert!(events.contains("\"old_serves\":true"), "{events}");
    world.ps_where("d1 serves on").await;
}
