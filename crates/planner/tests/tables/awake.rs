//! What keeps an instance awake: a row for each rule of `docs/sleep.md`.

use expect_test::expect;

use crate::check;

#[test]
fn messages() {
    check(
        "a handler works on a message for longer than the idle time",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s messages=1 connections=1",
        &expect!["nothing"],
    );
    check(
        "nobody answers it",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m messages=1 connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "nobody answers it, but other things are said",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m event=-14m messages=1 connections=1",
        &expect!["nothing"],
    );
    check(
        "nobody answers it within the patience there is",
        "web d1 live=d1 sleep=8s patience=10s
         i1 web d1 running client=-10s messages=1 connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "a message keeps it from a sleep by command",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-25s messages=1 connections=1",
        &expect!["nothing"],
    );
    check(
        "a message slipped through",
        "web d1 live=d1 sleep=8s
         i1 web d1 frozen client=-25s messages=1 connections=1",
        &expect!["wake shop/web i1"],
    );
}

#[test]
fn streams() {
    check(
        "an event a second",
        "web d1 live=d1 sleep=4s
         i1 web d1 running client=-1h event=-1s connections=1",
        &expect!["nothing"],
    );
    check(
        "the last event is as old as the idle time",
        "web d1 live=d1 sleep=4s
         i1 web d1 running client=-1h event=-4s connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "only comments and pings",
        "web d1 live=d1 sleep=4s
         i1 web d1 running client=-1h answered=-1s connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "it pauses between two messages for longer than the idle time",
        "web d1 live=d1 sleep=1s
         i1 web d1 running client=-1h event=-2s connections=1",
        &expect!["nothing"],
    );
    check(
        "a page that only ticks may sleep",
        "web d1 live=d1 sleep=4s streams=ignore
         i1 web d1 running client=-4s event=-1s connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "but not before it has answered",
        "web d1 live=d1 sleep=4s streams=ignore
         i1 web d1 running client=-4s event=-1s messages=1 connections=2",
        &expect!["nothing"],
    );
    check(
        "events do not outdo a sleep by command",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-1h event=now connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
}
