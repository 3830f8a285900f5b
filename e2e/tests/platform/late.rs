//! What an app says after a pause that is longer than its idle time.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use dormouse_e2e::{Server, Visitor};
use tungstenite::Message;

use crate::{activity::next, toolbox::deploy};

const PROJECT: &str = "late";

/// Bug: an asyncio handler that had said a first word, and paused for longer than the idle time before the next, was frozen and
/// never woken: an event loop's timers cannot be told from its housekeeping, and no bytes arrive.
pub(crate) fn words(server: &Server) {
    let visitor = deploy(server, PROJECT, "sleep = \"2s\"\n");
    // What it begins to work on when it is looked in on is seen, and waited for.
    let done = on_a_websocket(server, &visitor, "pause=8&work=6");
    in_a_stream(server, &visitor);
    assert_eq!(in_time(server, &visitor, "pause=8"), done, "the same process");
    nothing(server, &visitor);
    server.ok(&["down", PROJECT]);
}

fn on_a_websocket(server: &Server, visitor: &Visitor, how: &str) -> String {
    let mut page = visitor.websocket(&format!("/ws/late?{how}"));
    page.send(Message::text("go")).expect("sent");
    assert_eq!(next(&mut page), "begun");
    server.wait_state(PROJECT, "web", "asleep");
    let done = next(&mut page);
    // Who has said it is awake for as long as after any word, and then sleeps with its page open.
    server.wait_state(PROJECT, "web", "ready");
    server.wait_state(PROJECT, "web", "asleep");
    done
}

fn in_a_stream(server: &Server, visitor: &Visitor) {
    let mut events = visitor.lines("/stream?parts=2&pause=8").map_while(Result::ok);
    let mut event = || events.find(|line| line.starts_with("data: "));
    assert_eq!(event().as_deref(), Some("data: 0"));
    server.wait_state(PROJECT, "web", "asleep");
    assert_eq!(event().as_deref(), Some("data: 1"));
}

/// Bug: each such word was late, also when the one before had been.
fn in_time(server: &Server, visitor: &Visitor, how: &str) -> String {
    let sleeps = || server.ok(&["logs", PROJECT]).matches("asleep after").count();
    let mut page = visitor.websocket(&format!("/ws/late?{how}"));
    page.send(Message::text("go")).expect("sent");
    assert_eq!(next(&mut page), "begun");
    let before = sleeps();
    let done = next(&mut page);
    assert!(before >= 2, "{before} sleeps are told");
    assert_eq!(sleeps(), before);
    done
}

/// A page that waits for nothing is looked in on, and nobody sees it.
fn nothing(server: &Server, visitor: &Visitor) {
    let mut page = visitor.websocket("/ws");
    page.send(Message::text("one")).expect("sent");
    assert_eq!(next(&mut page), "1:one");
    server.wait_state(PROJECT, "web", "asleep");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(24) {
        let now = server.service(PROJECT, "web");
        assert_eq!(now["state"], "asleep", "{now}");
        sleep(Duration::from_millis(100));
    }
    page.send(Message::text("two")).expect("sent");
    assert_eq!(next(&mut page), "2:two");
}
