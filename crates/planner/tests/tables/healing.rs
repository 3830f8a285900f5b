//! What ends by itself is started again, with patience.

use expect_test::expect;

use crate::check;

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
