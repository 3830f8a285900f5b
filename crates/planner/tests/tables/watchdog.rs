//! Supervisors that notice a sleep.

use std::time::Duration;

use dormouse_model::{Cut, DeploymentId, ExitStatus, Sighting, Watchdog};
use dormouse_planner::{cut_of_sleep, ended_of_sleep, note_sighting, watchdog};
use expect_test::expect;

use crate::{
    check,
    dsl::{NOW, situation},
};

#[test]
fn sleeps_in_pieces() {
    check(
        "it may sleep on",
        "web d1 live=d1
         i1 web d1 paged client=-1h slept=-24s
         watchdog web d1 25s",
        &expect!["nothing"],
    );
    check(
        "its time is up",
        "web d1 live=d1
         i1 web d1 paged client=-1h slept=-25s
         watchdog web d1 25s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "put to sleep by an earlier control",
        "web d1 live=d1
         i1 web d1 paged client=-1h
         watchdog web d1 25s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "somebody wants it",
        "web d1 live=d1
         i1 web d1 paged client=now slept=-25s
         watchdog web d1 25s",
        &expect!["wake shop/web i1"],
    );
    check(
        "its memory is still resident: a dark wake pushes it out again",
        "web d1 live=d1
         i1 web d1 frozen client=-1h slept=-60s
         watchdog web d1 25s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "a newer one is on its way",
        "web d2 live=d1
         i1 web d1 paged client=-1h slept=-25s
         i2 web d2 starting
         watchdog web d1 25s",
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "what is known is known of an earlier deployment",
        "web d2 live=d2
         i1 web d2 paged client=-1h slept=-1h
         watchdog web d1 25s",
        &expect!["nothing"],
    );
    check(
        "sent to sleep",
        "web d1 live=d1 slept=-30s
         i1 web d1 paged client=-1h slept=-25s
         watchdog web d1 25s",
        &expect!["dark wake shop/web i1 paged"],
    );
}

#[test]
fn stays_awake() {
    check(
        "it notices everything",
        "web d1 live=d1
         i1 web d1 running client=-1h
         watchdog web d1 4s",
        &expect!["nothing"],
    );
    check(
        "also by command",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-1h
         watchdog web d1 4s",
        &expect!["nothing"],
    );
    check(
        "it was asleep when that was found",
        "web d1 live=d1
         i1 web d1 paged client=-1h slept=-1s
         watchdog web d1 4s",
        &expect!["wake shop/web i1"],
    );
    check(
        "what is stopped loses everything anyway",
        "web d1 live=d1 depth=stopped
         i1 web d1 running client=-1h
         watchdog web d1 4s",
        &expect!["stop shop/web i1: idle"],
    );
    check(
        "it falls asleep in the usual way",
        "web d1 live=d1
         i1 web d1 running client=-1h
         watchdog web d1 5s",
        &expect!["sleep shop/web i1 paged"],
    );
}

#[test]
fn what_is_learned() {
    let restarts = |seconds| Sighting::Restarts { slept: Duration::from_secs(seconds), processes: 2 };
    let cut = |seconds, pings: Option<u64>| Sighting::Cut {
        slept: Duration::from_secs(seconds),
        pings: pings.map(Duration::from_secs),
    };
    let known = |limit, seen| Watchdog {
        deployment: DeploymentId(1),
        seen,
        at: NOW,
        limit: Duration::from_secs(limit),
    };
    let mut table = String::new();
    for (what, before, deployment, seen) in [
        ("a long sleep", None, 1, restarts(600)),
        ("one of a usual timeout's length", None, 1, restarts(45)),
        ("a short sleep", None, 1, restarts(12)),
        ("a very short one", None, 1, restarts(6)),
        ("shorter than was known", Some(known(25, restarts(600))), 1, restarts(26)),
        ("no shorter than was known", Some(known(25, restarts(600))), 1, restarts(600)),
        ("of another deployment", Some(known(10, restarts(20))), 2, restarts(600)),
        ("a kind that is known", None, 1, Sighting::Puma),
        ("it is more impatient than its kind", Some(known(50, Sighting::Puma)), 1, restarts(40)),
        ("it ended", None, 1, Sighting::Ended { slept: Duration::from_secs(45) }),
        ("its kind says nothing new", Some(known(20, restarts(40))), 1, Sighting::Puma),
        ("it cut off a page that it pings", None, 1, cut(600, Some(25))),
        ("one that it pings often", None, 1, cut(600, Some(5))),
        ("one that it pings seldom", None, 1, cut(600, Some(120))),
        ("how often is not known", None, 1, cut(30, None)),
        ("the pieces were too long", Some(known(12, cut(600, Some(25)))), 1, cut(12, Some(25))),
    ] {
        let after = note_sighting(before.as_ref(), DeploymentId(deployment), NOW, seen);
        let said = after.map(|w| (w.limit.as_millis(), watchdog(&w).unwrap_or_default()));
        let said = said.map_or("nothing new".to_owned(), |(limit, said)| format!("{limit} ms. {said}"));
        table.push_str(&format!("{what}: {said}\n"));
    }
    expect![[r#"
        a long sleep: 25000 ms. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 25 s
        one of a usual timeout's length: 22000 ms. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        a short sleep: 6000 ms. it restarted 2 of its processes after a sleep of 12 s, so it now runs for a moment every 6 s
        a very short one: 3000 ms. it restarted 2 of its processes after a sleep of 6 s, so it is kept awake
        shorter than was known: 13000 ms. it restarted 2 of its processes after a sleep of 26 s, so it now runs for a moment every 13 s
        no shorter than was known: nothing new
        of another deployment: 25000 ms. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 25 s
        a kind that is known: 50000 ms. 
        it is more impatient than its kind: 20000 ms. it restarted 2 of its processes after a sleep of 40 s, so it now runs for a moment every 20 s
        it ended: 22000 ms. it ended by itself after a sleep of 45 s, so it now runs for a moment every 22 s
        its kind says nothing new: nothing new
        it cut off a page that it pings: 12000 ms. it took an open page for gone after a sleep of 10 min, so it now runs for a moment every 12 s while one is open
        one that it pings often: 2000 ms. it took an open page for gone after a sleep of 10 min, so it is kept awake while one is open
        one that it pings seldom: 25000 ms. it took an open page for gone after a sleep of 10 min, so it now runs for a moment every 25 s while one is open
        how often is not known: 15000 ms. it took an open page for gone after a sleep of 30 s, so it now runs for a moment every 15 s while one is open
        the pieces were too long: 6000 ms. it took an open page for gone after a sleep of 12 s, so it now runs for a moment every 6 s while one is open
    "#]].assert_eq(&table);
}

/// Bug: what watches itself, and ends when it finds that it was frozen, lost its memory at every wake.
#[test]
fn who_ends_of_a_sleep() {
    let known = Watchdog {
        deployment: DeploymentId(1),
        seen: Sighting::Puma,
        at: NOW,
        limit: Duration::from_secs(22),
    };
    let mut table = String::new();
    for (what, instance, known, how) in [
        ("soon after a wake", "running woken=-2s slept=-47s", None, ExitStatus::Code(70)),
        ("killed", "running woken=-2s slept=-47s", None, ExitStatus::Signal(9)),
        ("too much memory", "running woken=-2s slept=-47s", None, ExitStatus::OutOfMemory),
        ("later", "running woken=-8s slept=-47s", None, ExitStatus::Code(70)),
        ("after a short sleep", "running woken=-2s slept=-11s", None, ExitStatus::Code(70)),
        ("it never slept", "running", None, ExitStatus::Code(70)),
        ("in a moment that nobody sees", "paged slept=-24s", Some(known), ExitStatus::Code(70)),
        ("before its wake was seen to be done", "paged slept=-24s", None, ExitStatus::Code(70)),
        ("after a short sleep again", "running woken=-2s slept=-8s", Some(known), ExitStatus::Code(70)),
        ("asleep, by somebody's hand", "paged slept=-24s", None, ExitStatus::Signal(9)),
    ] {
        let world = situation(&format!("web d1 live=d1\ni1 web d1 {instance}"));
        let i = world.observed.instances.values().next().unwrap();
        let seen = ended_of_sleep(i, known.as_ref(), NOW, how);
        table.push_str(&format!("{what}: {seen:?}\n"));
    }
    expect![[r#"
        soon after a wake: Some(Ended { slept: 45s })
        killed: Some(Ended { slept: 45s })
        too much memory: None
        later: None
        after a short sleep: None
        it never slept: None
        in a moment that nobody sees: Some(Ended { slept: 22s })
        before its wake was seen to be done: Some(Ended { slept: 24s })
        after a short sleep again: Some(Ended { slept: 6s })
        asleep, by somebody's hand: None
    "#]]
    .assert_eq(&table);
}

/// Bug: a server that pings its WebSockets by the clock, as simple-websocket does, took every open page for gone after
/// every sleep.
#[test]
fn who_cuts_off_of_sleep() {
    let mut table = String::new();
    for (what, instance, ago) in [
        ("right after a wake", "running woken=-1s slept=-46s", 1),
        ("before the wake was seen to be done", "paged slept=-46s fell=-46s", 0),
        ("just before, as the clock has it", "running woken=-1s slept=-46s", 2),
        ("later", "running woken=-9s slept=-54s", 1),
        ("it never slept", "running", 0),
        ("before it slept", "paged slept=-10s fell=-10s", 20),
        ("in a moment that nobody sees", "paged slept=-2s fell=-42s", 1),
        ("the page's goodbye woke it from that", "running woken=-1s slept=-2s fell=-42s", 1),
        ("while it fell asleep", "paged slept=-2s fell=-2s", 1),
        ("it is being stopped", "running woken=-1s slept=-46s draining=-1s", 1),
        ("it has ended", "exited woken=-1s slept=-46s", 1),
    ] {
        let world = situation(&format!("web d1 live=d1\ni1 web d1 {instance}"));
        let i = world.observed.instances.values().next().unwrap();
        let cut = Cut { at: NOW.before(Duration::from_secs(ago)), pings: Some(Duration::from_secs(5)) };
        table.push_str(&format!("{what}: {:?}\n", cut_of_sleep(i, cut)));
    }
    expect![[r#"
        right after a wake: Some(Cut { slept: 45s, pings: Some(5s) })
        before the wake was seen to be done: Some(Cut { slept: 46s, pings: Some(5s) })
        just before, as the clock has it: Some(Cut { slept: 45s, pings: Some(5s) })
        later: None
        it never slept: None
        before it slept: None
        in a moment that nobody sees: Some(Cut { slept: 41s, pings: Some(5s) })
        the page's goodbye woke it from that: Some(Cut { slept: 41s, pings: Some(5s) })
        while it fell asleep: None
        it is being stopped: None
        it has ended: None
    "#]]
    .assert_eq(&table);
}

#[test]
fn pages_that_are_pinged() {
    let pieces = "web d1 live=d1
         i1 web d1 paged client=-1h slept=-12s fell=-1h connections=";
    check(
        "sleeps in pieces while one is open",
        &format!("{pieces}1\npinger web d1 12s"),
        &expect!["dark wake shop/web i1 paged"],
    );
    check("not when none is", &format!("{pieces}0\npinger web d1 12s"), &expect!["nothing"]);
    check("nor for another service", &format!("{pieces}1 private=1\npinger web d1 12s"), &expect!["nothing"]);
    check(
        "what is known is known of an earlier deployment",
        &format!("{pieces}1\npinger web d0 12s"),
        &expect!["nothing"],
    );
    check(
        "the shorter of two counts",
        &format!("{pieces}1\npinger web d1 25s\nwatchdog web d1 12s"),
        &expect!["dark wake shop/web i1 paged"],
    );
    let running = "web d1 live=d1 slept=-1s
         i1 web d1 running client=-1h connections=";
    check("one that is pinged often", &format!("{running}1\npinger web d1 2s"), &expect!["nothing"]);
    check(
        "it was asleep when that was found",
        "web d1 live=d1
         i1 web d1 paged client=-1h slept=-1s connections=1
         pinger web d1 2s",
        &expect!["wake shop/web i1"],
    );
    check(
        "sleeps when it is closed",
        &format!("{running}0\npinger web d1 2s"),
        &expect!["sleep shop/web i1 paged"],
    );
}
