//! Who is probed when.

use dormouse_planner::probe_due;
use expect_test::{Expect, expect};

use crate::dsl::{NOW, situation};

#[track_caller]
fn check(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let due: Vec<String> = probe_due(&s.desired, &s.observed, NOW).iter().map(ToString::to_string).collect();
    eprintln!("{what}: {due:?}");
    want.assert_eq(&due.join(" "));
}

#[test]
fn probing() {
    check("never probed", "web d1\ni1 web d1 starting probed=never", &expect!["i1"]);
    check("starting", "web d1\ni1 web d1 starting probed=-99ms", &expect![[""]]);
    check("starting, again", "web d1\ni1 web d1 starting probed=-100ms", &expect!["i1"]);
    check("starting for a while", "web d1\ni1 web d1 starting started=-10s probed=-200ms", &expect![[""]]);
    check(
        "starting for a while, again",
        "web d1\ni1 web d1 starting started=-10s probed=-250ms",
        &expect!["i1"],
    );
    check("starting for long", "web d1\ni1 web d1 starting started=-1m probed=-900ms", &expect![[""]]);
    check("starting for long, again", "web d1\ni1 web d1 starting started=-1m probed=-1s", &expect!["i1"]);
    check("ready", "web d1 live=d1\ni1 web d1 running probed=-9s", &expect![[""]]);
    check("ready, again", "web d1 live=d1\ni1 web d1 running probed=-10s", &expect!["i1"]);
    check("just woken", "web d1 live=d1\ni1 web d1 running probed=-1h woken=-1s", &expect![[""]]);
    check("asleep", "web d1 live=d1\ni1 web d1 paged probed=-1h", &expect![[""]]);
    check("draining", "web d1 live=d1\ni1 web d1 running probed=-1h draining=-1s", &expect![[""]]);
    check("ended", "web d1 live=d1\ni1 web d1 exited probed=-1h", &expect![[""]]);
    check("a worker", "web d1 live=d1 worker\ni1 web d1 running probed=never", &expect![[""]]);
    check("unwanted", "web d2 live=d2\ni1 web d1 running probed=-1h", &expect![[""]]);
    check(
        "both sides of a rollout",
        "web d2 live=d1\ni1 web d1 running probed=-1h\ni2 web d2 starting probed=-1s",
        &expect!["i1 i2"],
    );
}
