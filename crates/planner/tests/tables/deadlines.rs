//! When to plan again although nothing changes.

use dormouse_planner::next_deadline;
use expect_test::{Expect, expect};

use crate::dsl::{NOW, situation};

#[track_caller]
fn check(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let next = next_deadline(&s.desired, &s.observed, NOW);
    let got = next.map_or("never".to_owned(), |t| format!("in {:?}", t.since(NOW)));
    eprintln!("{what}: {got}");
    want.assert_eq(&got);
}

#[test]
fn deadlines() {
    check("nothing exists", "", &expect!["never"]);
    check("asleep, and all is well", "web d1 live=d1\ni1 web d1 paged client=-1h", &expect!["never"]);
    check(
        "a probe is due before the idle time",
        "web d1 live=d1\ni1 web d1 running client=-1m",
        &expect!["in 10s"],
    );
    check(
        "the idle time ends before a probe",
        "web d1 live=d1\ni1 web d1 running client=-299s",
        &expect!["in 1s"],
    );
    check("a starting one is probed soon", "web d1\ni1 web d1 starting", &expect!["in 100ms"]);
    check("back-off", "web d1 live=d1\nend web d1 -200ms code:1", &expect!["in 300ms"]);
    check(
        "settling",
        "web d2 live=d2\ni1 web d1 running draining=-400ms\ni2 web d2 paged",
        &expect!["in 600ms"],
    );
    check(
        "draining with an open page",
        "web d2 live=d2\ni1 web d1 running draining=-10s connections=1\ni2 web d2 paged",
        &expect!["in 20s"],
    );
    check("page-out to be tried again", "web d1 live=d1\ni1 web d1 frozen slept=-10s", &expect!["in 50s"]);
    check("a worker", "web d1 worker\ni1 web d1 starting started=-1s", &expect!["in 2s"]);
    check("a worker that is live", "web d1 live=d1 worker\ni1 web d1 running", &expect!["never"]);
    check(
        "busy or hung",
        "web d1 live=d1\ni1 web d1 running failures=9 inflight=1 answered=-115s",
        &expect!["in 5s"],
    );
}
