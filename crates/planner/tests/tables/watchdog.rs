//! Supervisors that notice a sleep.

use std::time::Duration;

use dormouse_model::{Cut, DeploymentId, ExitStatus, InstanceRecord, Sighting, Verdict, Watchdog};
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

/// Bug: what one day's coincidence had shown of a service lasted until its next deploy.
#[test]
fn is_tried_again() {
    let asleep = "web d1 live=d1
         i1 web d1 paged client=-25h slept=-1h";
    check("it was lost long ago", &format!("{asleep}\nwatchdog web d1 25s at=-24h"), &expect!["nothing"]);
    check(
        "not so long ago",
        &format!("{asleep}\nwatchdog web d1 25s at=-23h"),
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "what is known by its name",
        &format!("{asleep}\nwatchdog web d1 50s puma at=-48h"),
        &expect!["dark wake shop/web i1 paged"],
    );
    check(
        "only suspected",
        &format!("{asleep}\nwatchdog web d1 25s suspected"),
        &expect!["dark wake shop/web i1 paged"],
    );
    check("refuted", &format!("{asleep}\nwatchdog web d1 5s refuted"), &expect!["nothing"]);
    let awake = "web d1 live=d1
         i1 web d1 running client=-25h";
    check("it was kept awake", &format!("{awake}\nwatchdog web d1 4s at=-23h"), &expect!["nothing"]);
    check(
        "and is no longer",
        &format!("{awake}\nwatchdog web d1 4s at=-24h"),
        &expect!["sleep shop/web i1 paged"],
    );
}

/// One instance of the first deployment, as the words have it.
fn instance(words: &str) -> InstanceRecord {
    let world = situation(&format!("web d1 live=d1\ni1 web d1 {words}"));
    world.observed.instances.values().next().unwrap().clone()
}

fn said(after: Option<Watchdog>) -> String {
    after.map_or("nothing new".to_owned(), |w| {
        let verdict = match w.verdict {
            Verdict::Suspected => "suspected",
            Verdict::Shown => "shown",
            Verdict::Refuted => "refuted",
        };
        format!("{verdict}, {} s. {}", w.limit.as_secs(), watchdog(&w, NOW).unwrap_or_default())
    })
}

fn restarts(slept: u64) -> Sighting {
    let (slept, ran) = (Duration::from_secs(slept), Duration::from_secs(8));
    Sighting::Restarts { slept, processes: 2, done: 0, ran }
}

fn done(slept: u64) -> Sighting {
    let (slept, ran) = (Duration::from_secs(slept), Duration::from_secs(8));
    Sighting::Restarts { slept, processes: 2, done: 2, ran }
}

fn known(verdict: Verdict, limit: u64, seen: Sighting) -> Option<Watchdog> {
    let (deployment, limit) = (DeploymentId(1), Duration::from_secs(limit));
    Some(Watchdog { deployment, seen, at: NOW.before(Duration::from_secs(60)), verdict, limit })
}

#[test]
fn what_is_learned() {
    let cut = |seconds, pings: Option<u64>| Sighting::Cut {
        slept: Duration::from_secs(seconds),
        pings: pings.map(Duration::from_secs),
    };
    let ended = Sighting::Ended { slept: Duration::from_secs(45), done: false };
    let earlier =
        known(Verdict::Shown, 10, restarts(20)).map(|w| Watchdog { deployment: DeploymentId(0), ..w });
    let shown = |limit, seen| known(Verdict::Shown, limit, seen);
    let mut table = String::new();
    for (what, before, seen) in [
        ("a long sleep", None, restarts(600)),
        ("one of a usual timeout's length", None, restarts(45)),
        ("a short sleep", None, restarts(12)),
        ("a very short one", None, restarts(6)),
        ("shorter than was known", shown(25, restarts(600)), restarts(26)),
        ("no shorter than was known", shown(25, restarts(600)), restarts(600)),
        ("of another deployment", earlier, restarts(600)),
        ("a kind that is known", None, Sighting::Puma),
        ("it is known already", shown(50, Sighting::Puma), Sighting::Puma),
        ("it is more impatient than its kind", shown(50, Sighting::Puma), restarts(40)),
        ("it ended", None, ended),
        ("its kind says nothing new", shown(20, restarts(40)), Sighting::Puma),
        ("it cut off a page that it pings", None, cut(600, Some(25))),
        ("one that it pings often", None, cut(600, Some(5))),
        ("one that it pings seldom", None, cut(600, Some(120))),
        ("how often is not known", None, cut(30, None)),
        ("the pieces were too long", shown(12, cut(600, Some(25))), cut(12, Some(25))),
    ] {
        let after = note_sighting(before.as_ref(), &instance("running"), NOW, seen);
        table.push_str(&format!("{what}: {}\n", said(after)));
    }
    expect![[r#"
        a long sleep: shown, 25 s. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 25 s
        one of a usual timeout's length: shown, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        a short sleep: shown, 6 s. it restarted 2 of its processes after a sleep of 12 s, so it now runs for a moment every 6 s
        a very short one: shown, 3 s. it restarted 2 of its processes after a sleep of 6 s, so it is kept awake
        shorter than was known: shown, 13 s. it restarted 2 of its processes after a sleep of 26 s, so it now runs for a moment every 13 s
        no shorter than was known: nothing new
        of another deployment: shown, 25 s. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 25 s
        a kind that is known: shown, 50 s. 
        it is known already: nothing new
        it is more impatient than its kind: shown, 20 s. it restarted 2 of its processes after a sleep of 40 s, so it now runs for a moment every 20 s
        it ended: shown, 22 s. it ended by itself after a sleep of 45 s, so it now runs for a moment every 22 s
        its kind says nothing new: nothing new
        it cut off a page that it pings: shown, 12 s. it took an open page for gone after a sleep of 10 min, so it now runs for a moment every 12 s while one is open
        one that it pings often: shown, 2 s. it took an open page for gone after a sleep of 10 min, so it is kept awake while one is open
        one that it pings seldom: shown, 25 s. it took an open page for gone after a sleep of 10 min, so it now runs for a moment every 25 s while one is open
        how often is not known: shown, 15 s. it took an open page for gone after a sleep of 30 s, so it now runs for a moment every 15 s while one is open
        the pieces were too long: shown, 6 s. it took an open page for gone after a sleep of 12 s, so it now runs for a moment every 6 s while one is open
    "#]].assert_eq(&table);
}

/// Bug: processes that requests used up, as with a server that replaces its workers after so many, were taken for lost to
/// the sleep before, and after some coincidences the service was kept awake for ever.
#[test]
fn what_was_lost_to_requests() {
    let asked = "running client=-3s woken=-8s slept=-60s";
    let of_bytes = "running woken=-8s slept=-60s stirred=-9s,0";
    let before = "running client=-10m woken=-8s slept=-60s";
    let suspected = |limit| known(Verdict::Suspected, limit, restarts(600));
    let shown = |limit| known(Verdict::Shown, limit, restarts(600));
    let refuted = known(Verdict::Refuted, 5, restarts(3));
    let long_ago =
        |w: Option<Watchdog>| w.map(|w| Watchdog { at: NOW.before(Duration::from_secs(90_000)), ..w });
    let half_done = Sighting::Restarts {
        slept: Duration::from_secs(45),
        processes: 2,
        done: 1,
        ran: Duration::from_secs(8),
    };
    let ended = |done| Sighting::Ended { slept: Duration::from_secs(45), done };
    let mut table = String::new();
    for (what, i, before, seen) in [
        ("done with what it was asked for", asked, None, done(45)),
        ("with what arrived", of_bytes, None, done(45)),
        ("done, and nobody asked", before, None, done(45)),
        ("not done, or not known to be", asked, None, restarts(45)),
        ("some were done", asked, None, half_done),
        ("killed, and nobody asked", before, None, restarts(45)),
        ("the instance, done", asked, None, ended(true)),
        ("the instance, not done", asked, None, ended(false)),
        ("the instance, and nobody asked", before, None, ended(false)),
        ("after a short sleep", asked, None, restarts(6)),
        ("after hardly any", asked, None, restarts(4)),
        ("again, after one of its pieces", asked, suspected(25), restarts(24)),
        ("again, after a short piece", asked, suspected(12), restarts(6)),
        ("again, after hardly any sleep", asked, suspected(12), restarts(4)),
        ("again, after the shortest piece", asked, suspected(5), restarts(5)),
        ("again, after a long sleep", asked, suspected(5), restarts(45)),
        ("done with it", asked, suspected(5), done(5)),
        ("done, and nobody asked, in the shortest pieces", before, suspected(5), done(5)),
        ("it was refuted", asked, refuted, restarts(45)),
        ("nobody asked in its pieces", before, suspected(12), restarts(12)),
        ("nobody asked though it was refuted", before, refuted, restarts(12)),
        ("shown, and lost more", asked, shown(25), restarts(24)),
        ("shown, and lost more after hardly any sleep", asked, shown(25), restarts(3)),
        ("tried again: lost as much", asked, long_ago(shown(12)), restarts(600)),
        ("tried again: lost more", before, long_ago(shown(12)), restarts(8)),
        ("tried again: lost after less", asked, long_ago(shown(12)), restarts(8)),
        ("tried again: suspected anew", asked, long_ago(suspected(12)), restarts(600)),
        ("tried again: refuted long ago", asked, long_ago(refuted), restarts(600)),
    ] {
        let after = note_sighting(before.as_ref(), &instance(i), NOW, seen);
        table.push_str(&format!("{what}: {}\n", said(after)));
    }
    expect![[r#"
        done with what it was asked for: suspected, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        with what arrived: suspected, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        done, and nobody asked: suspected, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        not done, or not known to be: suspected, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        some were done: suspected, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        killed, and nobody asked: shown, 22 s. it restarted 2 of its processes after a sleep of 45 s, so it now runs for a moment every 22 s
        the instance, done: suspected, 22 s. it ended by itself after a sleep of 45 s, so it now runs for a moment every 22 s
        the instance, not done: suspected, 22 s. it ended by itself after a sleep of 45 s, so it now runs for a moment every 22 s
        the instance, and nobody asked: shown, 22 s. it ended by itself after a sleep of 45 s, so it now runs for a moment every 22 s
        after a short sleep: suspected, 5 s. it restarted 2 of its processes after a sleep of 6 s, so it now runs for a moment every 5 s
        after hardly any: nothing new
        again, after one of its pieces: suspected, 12 s. it restarted 2 of its processes after a sleep of 24 s, so it now runs for a moment every 12 s
        again, after a short piece: suspected, 5 s. it restarted 2 of its processes after a sleep of 6 s, so it now runs for a moment every 5 s
        again, after hardly any sleep: refuted, 12 s. it restarted 2 of its processes after a sleep of 4 s, as it does after others, so it sleeps as others do
        again, after the shortest piece: refuted, 5 s. it restarted 2 of its processes after a sleep of 5 s, as it does after others, so it sleeps as others do
        again, after a long sleep: nothing new
        done with it: refuted, 5 s. it restarted 2 of its processes after a sleep of 5 s, as it does after others, so it sleeps as others do
        done, and nobody asked, in the shortest pieces: refuted, 5 s. it restarted 2 of its processes after a sleep of 5 s, as it does after others, so it sleeps as others do
        it was refuted: nothing new
        nobody asked in its pieces: shown, 6 s. it restarted 2 of its processes after a sleep of 12 s, so it now runs for a moment every 6 s
        nobody asked though it was refuted: shown, 6 s. it restarted 2 of its processes after a sleep of 12 s, so it now runs for a moment every 6 s
        shown, and lost more: shown, 12 s. it restarted 2 of its processes after a sleep of 24 s, so it now runs for a moment every 12 s
        shown, and lost more after hardly any sleep: shown, 5 s. it restarted 2 of its processes after a sleep of 3 s, so it now runs for a moment every 5 s
        tried again: lost as much: shown, 12 s. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 12 s
        tried again: lost more: shown, 4 s. it restarted 2 of its processes after a sleep of 8 s, so it is kept awake
        tried again: lost after less: nothing new
        tried again: suspected anew: suspected, 12 s. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 12 s
        tried again: refuted long ago: suspected, 25 s. it restarted 2 of its processes after a sleep of 10 min, so it now runs for a moment every 25 s
    "#]].assert_eq(&table);
}

/// What comes of one who is asked for something after every sleep, or of a supervisor, in the course of time.
#[test]
fn chains() {
    let mut table = String::new();
    for (what, slept, i, seen) in [
        ("recycled by requests", &[73, 17, 4, 10][..], "running client=-3s", done as fn(u64) -> Sighting),
        ("the same, and it is not told how they ended", &[73, 17, 4, 10], "running client=-3s", restarts),
        ("a supervisor of 10 s, found by nobody's wish", &[73, 25, 12], "running client=-10m", restarts),
        ("one of 3 s", &[73, 25, 12, 6, 3], "running client=-10m", restarts),
    ] {
        let mut known = None;
        for slept in slept {
            known = note_sighting(known.as_ref(), &instance(i), NOW, seen(*slept)).or(known);
        }
        table.push_str(&format!("{what}: {}\n", said(known)));
    }
    expect![[r#"
        recycled by requests: refuted, 8 s. it restarted 2 of its processes after a sleep of 4 s, as it does after others, so it sleeps as others do
        the same, and it is not told how they ended: refuted, 8 s. it restarted 2 of its processes after a sleep of 4 s, as it does after others, so it sleeps as others do
        a supervisor of 10 s, found by nobody's wish: shown, 6 s. it restarted 2 of its processes after a sleep of 12 s, so it now runs for a moment every 6 s
        one of 3 s: shown, 1 s. it restarted 2 of its processes after a sleep of 3 s, so it is kept awake
    "#]].assert_eq(&table);
}

/// Bug: what watches itself, and ends when it finds that it was frozen, lost its memory at every wake.
#[test]
fn who_ends_of_a_sleep() {
    let known = Watchdog {
        deployment: DeploymentId(1),
        seen: Sighting::Puma,
        at: NOW,
        verdict: Verdict::Shown,
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
        soon after a wake: Some(Ended { slept: 45s, done: false })
        killed: Some(Ended { slept: 45s, done: false })
        too much memory: None
        later: None
        after a short sleep: None
        it never slept: None
        in a moment that nobody sees: Some(Ended { slept: 22s, done: false })
        before its wake was seen to be done: Some(Ended { slept: 24s, done: false })
        after a short sleep again: Some(Ended { slept: 6s, done: false })
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
