//! What is let go of.

use expect_test::expect;

use crate::check;

#[test]
fn after_a_rollout() {
    check(
        "just taken off the table",
        "web d2 live=d2
         i1 web d1 running draining=-900ms
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "quiet",
        "web d2 live=d2
         i1 web d1 running draining=-1s
         i2 web d2 running client=now",
        &expect!["stop shop/web i1: another deployment serves"],
    );
    check(
        "busy",
        "web d2 live=d2
         i1 web d1 running draining=-29s inflight=1
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "an open page",
        "web d2 live=d2
         i1 web d1 running draining=-29s connections=1
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "its time is up",
        "web d2 live=d2
         i1 web d1 running draining=-30s inflight=1 connections=1
         i2 web d2 running client=now",
        &expect!["stop shop/web i1: another deployment serves"],
    );
    check(
        "asleep, nobody connected",
        "web d2 live=d2
         i1 web d1 paged draining=-1s
         i2 web d2 running client=now",
        &expect!["stop shop/web i1: another deployment serves"],
    );
    check(
        "asleep, an open page",
        "web d2 live=d2
         i1 web d1 paged draining=-2s connections=1
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "asleep, an open page that is used",
        "web d2 live=d2
         i1 web d1 paged draining=-2s connections=1 client=-1s
         i2 web d2 running client=now",
        &expect!["wake shop/web i1"],
    );
    check(
        "its time is up while asleep",
        "web d2 live=d2
         i1 web d1 paged draining=-30s connections=1
         i2 web d2 running client=now",
        &expect!["stop shop/web i1: another deployment serves"],
    );
    check(
        "ended",
        "web d2 live=d2
         i1 web d1 exited draining=-30s
         i2 web d2 running client=now",
        &expect!["remove shop/web i1"],
    );
}

#[test]
fn more_than_one_instance() {
    check(
        "the oldest ready one stays",
        "web d1 live=d1
         i1 web d1 running started=-10m ready=-10m client=now
         i2 web d1 running started=-20m ready=-20m
         i3 web d1 starting",
        &expect!["drain shop/web i1; stop shop/web i3: another instance serves"],
    );
    check(
        "a ready one before an older one that is not",
        "web d1 live=d1
         i1 web d1 running ready=forgotten started=-1m
         i2 web d1 running started=-10s ready=-9s client=now",
        &expect!["stop shop/web i1: another instance serves"],
    );
    check(
        "the oldest stays though it sleeps: it holds the memory",
        "web d1 live=d1
         i1 web d1 paged client=-1h
         i2 web d1 running started=-10s ready=-9s client=-1s",
        &expect!["wake shop/web i1; drain shop/web i2"],
    );
    check(
        "the drained one waits for open pages",
        "web d1 live=d1
         i1 web d1 running client=now
         i2 web d1 running draining=-1s connections=1",
        &expect!["nothing"],
    );
}

#[test]
fn of_services_that_are_gone() {
    check("serving", "i1 web d1 running inflight=1", &expect!["drain shop/web i1"]);
    check("starting", "i1 web d1 starting", &expect!["stop shop/web i1: its service is gone"]);
    check("asleep", "i1 web d1 paged", &expect!["drain shop/web i1"]);
    check("draining, busy", "i1 web d1 running draining=-2s inflight=1", &expect!["nothing"]);
    check(
        "draining, only an open page",
        "i1 web d1 running draining=-2s connections=1",
        &expect!["stop shop/web i1: its service is gone"],
    );
    check(
        "its time is up",
        "i1 web d1 running draining=-30s inflight=1",
        &expect!["stop shop/web i1: its service is gone"],
    );
    check("ended", "i1 web d1 exited", &expect!["remove shop/web i1"]);
    check(
        "a neighbour is left alone",
        "api d1 live=d1
         i1 web d1 exited
         i2 api d1 running client=now",
        &expect!["remove shop/web i1"],
    );
}
