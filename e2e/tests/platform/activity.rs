//! Sleep never breaks what is working. Everything here takes several times as long as a service may be unused.

use std::{
    io::ErrorKind,
    net::TcpStream,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use dormouse_e2e::Server;
use tungstenite::{Message, WebSocket};

use crate::toolbox::folder;

const PROJECT: &str = "activity";

/// `front` is for visitors, `back` for it, and a page of `ticking` that only ticks is no use.
fn manifest() -> String {
    let service = |name: &str, keys: &str| {
        format!("[services.{name}]\nsource = \".\"\nport = 8000\nhealth = \"/health\"\n{keys}\n")
    };
    format!(
        "name = \"{PROJECT}\"\n{}{}{}",
        service("front", "public = true\nsleep = \"2s\""),
        service("back", "sleep = \"2s\""),
        service("ticking", "public = true\nsleep = { after = \"2s\", streams = \"ignore\" }"),
    )
}

/// The next message, pings apart.
pub(crate) fn next(page: &mut WebSocket<TcpStream>) -> String {
    loop {
        match page.read() {
            Ok(Message::Text(text)) => return text.as_str().to_owned(),
            Ok(_) => {}
            // A reader with a timeout is woken by the end of a child.
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("no message: {error}"),
        }
    }
}

/// Let something happen, during which none of these services may sleep. What it came to, and why each was awake, as
/// `ps` says.
fn awake_during<T: Send>(
    server: &Server,
    services: &[&str],
    happens: impl FnOnce() -> T + Send,
) -> (T, Vec<String>) {
    thread::scope(|s| {
        let happening = s.spawn(happens);
        let mut reasons = Vec::new();
        while !happening.is_finished() {
            for service in services {
                let now = server.service(PROJECT, service);
                assert_eq!(now["state"], "ready", "it sleeps in the middle: {now}");
                reasons.push(format!("{service} {}", now["awake"].as_str().unwrap_or_default()));
            }
            sleep(Duration::from_millis(100));
        }
        (happening.join().expect("no panic"), reasons)
    })
}

#[track_caller]
fn gave_reason(reasons: &[String], reason: &str) {
    assert!(reasons.iter().any(|r| r.starts_with(reason)), "no {reason:?} in {reasons:?}");
}

pub(crate) fn what_works_is_not_frozen(server: &Server) {
    let folder = folder(&manifest());
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    works_on_a_message(server);
    waits_for_another(server);
    events_go_on(server);
    ticks(server);
    server.ok(&["down", PROJECT]);
}

/// Bug: a WebSocket handler that worked for longer than the idle time was frozen in the middle.
fn works_on_a_message(server: &Server) {
    let mut page = server.visit("front--activity.localhost").websocket("/ws/work?seconds=6");
    let begun = Instant::now();
    page.send(Message::text("go")).expect("sent");
    let (first, reasons) = awake_during(server, &["front"], || next(&mut page));
    assert!(begun.elapsed() < Duration::from_secs(9), "it took {:?}", begun.elapsed());
    gave_reason(&reasons, "front works on a message");
    // The page stays open, and silent: that is no reason. Whoever answers after it is the same process.
    server.wait_state(PROJECT, "front", "asleep");
    page.send(Message::text("go")).expect("sent");
    assert_eq!(next(&mut page), first);
}

/// Bug: a page that had been told of the start waited for ever for a slow neighbour: both were frozen.
fn waits_for_another(server: &Server) {
    let mut page = server.visit("front--activity.localhost").websocket("/ws/relay");
    let mut ask = |path: &str| {
        page.send(Message::text(format!("back 8000 {path}"))).expect("sent");
        assert_eq!(next(&mut page), "started");
        awake_during(server, &["front"], || {
            let mut said = Vec::new();
            while said.last().is_none_or(|last| last != "ended") {
                said.push(next(&mut page));
            }
            said.join(" ")
        })
    };
    let (answer, reasons) = ask("/slow?seconds=6");
    assert_eq!(answer, "{\"slept\":6.0} ended");
    gave_reason(&reasons, "front waits for an answer from back:8000, for ");
    // With pauses in an answer that has begun.
    let (answer, reasons) = ask("/stream?parts=3&pause=5");
    assert_eq!(answer, "data: 0 data: 1 data: 2 ended");
    gave_reason(&reasons, "front waits for an answer from back:8000, for ");
    for service in ["front", "back"] {
        server.wait_state(PROJECT, service, "asleep");
    }
}

/// Bug: a stream of events stopped after the idle time.
fn events_go_on(server: &Server) {
    let visitor = server.visit("front--activity.localhost");
    let _ = visitor.get("/health").ok();
    let ((), reasons) = awake_during(server, &["front"], || {
        let lines = visitor.lines("/stream?parts=6&pause=1");
        let events = lines.map_while(Result::ok).filter(|line| line.starts_with("data: "));
        assert_eq!(events.take(6).count(), 6);
    });
    gave_reason(&reasons, "front sent something to an open page ");
    let begun = Instant::now();
    let mut lines = visitor.lines("/comments");
    server.wait_state(PROJECT, "front", "asleep");
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    assert!(lines.next().is_some());
}

fn ticks(server: &Server) {
    let mut page = server.visit("ticking--activity.localhost").websocket("/ws/tick?pause=0.3");
    assert_eq!(next(&mut page), "tick");
    server.wait_state(PROJECT, "ticking", "asleep");
}
