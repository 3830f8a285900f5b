//! What ends by itself is started again, with patience.

use dormouse_planner::{span, starts_again};
use expect_test::expect;

use crate::{
    check,
    dsl::{NOW, situation},
};

#[test]
fn one_end() {
    check(
        "it is cleared away, and not started before its back-off is over",
        "web d1 live=d1
         i1 web d1 exited
         end web d1 now code:1 ready-for=1m",
        &expect!["remove shop/web i1"],
    );
    check(
        "too early",
        "web d1 live=d1
         end web d1 -499ms code:1 ready-for=1m",
        &expect!["nothing"],
    );
    check(
        "half a second later",
        "web d1 live=d1
         end web d1 -500ms code:1 ready-for=1m",
        &expect!["start shop/web d1"],
    );
    check(
        "already on its way",
        "web d1 live=d1
         i2 web d1 starting
         end web d1 -2s code:1 ready-for=1m",
        &expect!["nothing"],
    );
    check(
        "could not be started",
        "web d1 live=d1
         end web d1 -400ms not-started:broken",
        &expect!["nothing"],
    );
    check("no instance and no end: a power cut", "web d1 live=d1", &expect!["start shop/web d1"]);
}

#[test]
fn back_off_doubles() {
    check(
        "second, too early",
        "web d1 live=d1
         end web d1 -2s code:1
         end web d1 -999ms code:1",
        &expect!["nothing"],
    );
    check(
        "second",
        "web d1 live=d1
         end web d1 -2s code:1
         end web d1 -1s code:1",
        &expect!["start shop/web d1"],
    );
    check(
        "third, too early",
        "web d1 live=d1
         end web d1 -4s code:1
         end web d1 -3s code:1
         end web d1 -1999ms code:1",
        &expect!["nothing"],
    );
    check(
        "third",
        "web d1 live=d1
         end web d1 -4s code:1
         end web d1 -3s code:1
         end web d1 -2s code:1",
        &expect!["start shop/web d1"],
    );
    check(
        "ninth, too early",
        "web d1 live=d1
         end web d1 -9m code:1
         end web d1 -8m code:1
         end web d1 -7m code:1
         end web d1 -6m code:1
         end web d1 -5m code:1
         end web d1 -4m code:1
         end web d1 -3m code:1
         end web d1 -2m code:1
         end web d1 -59999ms code:1",
        &expect!["nothing"],
    );
    check(
        "ninth",
        "web d1 live=d1
         end web d1 -9m code:1
         end web d1 -8m code:1
         end web d1 -7m code:1
         end web d1 -6m code:1
         end web d1 -5m code:1
         end web d1 -4m code:1
         end web d1 -3m code:1
         end web d1 -2m code:1
         end web d1 -60s code:1",
        &expect!["start shop/web d1"],
    );
    check(
        "five minutes of health before the last one: as if it were the first",
        "web d1 live=d1
         end web d1 -7m code:1
         end web d1 -6m code:1
         end web d1 -500ms code:1 ready-for=5m",
        &expect!["start shop/web d1"],
    );
    check(
        "not quite five minutes",
        "web d1 live=d1
         end web d1 -7m code:1
         end web d1 -6m code:1
         end web d1 -500ms code:1 ready-for=299s",
        &expect!["nothing"],
    );
    check(
        "a new deployment starts afresh",
        "web d2 live=d1
         i1 web d1 running client=now
         end web d1 -3s code:1
         end web d1 -2s code:1
         end web d1 -1s code:1",
        &expect!["start shop/web d2"],
    );
}

#[test]
fn a_service_that_sleeps_without_a_process() {
    check("is started by the first request, not before", "web d1 live=d1 depth=stopped", &expect!["nothing"]);
    check("is started by a request", "web d1 live=d1 depth=stopped wake=now", &expect!["start shop/web d1"]);
    check(
        "also when its end was a crash",
        "web d1 live=d1 depth=stopped wake=-1s
         end web d1 -500ms code:1 ready-for=1m",
        &expect!["start shop/web d1"],
    );
    check(
        "but with the same patience",
        "web d1 live=d1 depth=stopped wake=-1s
         end web d1 -300ms code:1 ready-for=1m",
        &expect!["nothing"],
    );
    check("is started after its deployment", "web d1 depth=stopped", &expect!["start shop/web d1"]);
    check("an old request does not start it", "web d1 live=d1 depth=stopped wake=-5m", &expect!["nothing"]);
    check(
        "nor one from before it was sent to sleep",
        "web d1 live=d1 depth=stopped wake=-4s slept=-3s",
        &expect!["nothing"],
    );
    check(
        "never sleeps by itself, so it is healed",
        "web d1 live=d1 depth=stopped sleep=never",
        &expect!["start shop/web d1"],
    );
}

/// What somebody is told of the last end.
#[track_caller]
fn follows(what: &str, text: &str, want: &expect_test::Expect) {
    let s = situation(text);
    let key = "shop/web".parse().unwrap();
    let last = s.observed.ends[&key].last().unwrap();
    let again = starts_again(&s.desired, &s.observed, &key, last.deployment, NOW);
    let got = again.map_or("nothing".to_owned(), |pause| format!("started again in {}", span(pause)));
    eprintln!("{what}: {got}");
    want.assert_eq(&got);
}

#[test]
fn what_follows_an_end() {
    let end = "end web d1 -2s code:1\n";
    follows("the first", &format!("web d1 live=d1\n{end}"), &expect!["started again in 0.5 s"]);
    follows("the third", &format!("web d1 live=d1\n{}", end.repeat(3)), &expect!["started again in 2 s"]);
    follows("a loop", &format!("web d1 live=d1\n{}", end.repeat(12)), &expect!["started again in 60 s"]);
    follows("nothing older", &format!("web d1\n{}", end.repeat(3)), &expect!["started again in 2 s"]);
    let two = |n| format!("web d2 live=d1\n{}", "end web d2 -2s code:1\n".repeat(n));
    follows("of a rollout", &two(2), &expect!["started again in 1 s"]);
    follows("the last of a rollout", &two(3), &expect!["nothing"]);
    follows(
        "of what serves until then",
        &format!("web d2 live=d1\n{end}"),
        &expect!["started again in 0.5 s"],
    );
    follows("of what was replaced", &format!("web d2 live=d2\n{end}"), &expect!["nothing"]);
    follows("of a job", &format!("web d1 job\n{end}"), &expect!["nothing"]);
    follows(
        "of a job that could not be started",
        "web d1 job\nend web d1 -2s not-started:broken",
        &expect!["started again in 0.5 s"],
    );
    follows("it waits for a request", &format!("web d1 live=d1 depth=stopped\n{end}"), &expect!["nothing"]);
}
