//! Nobody uses it; somebody does.

use expect_test::expect;

use crate::check;

#[test]
fn idle() {
    check(
        "used a moment ago",
        "web d1 live=d1
         i1 web d1 running client=-299s",
        &expect!["nothing"],
    );
    check(
        "unused for five minutes",
        "web d1 live=d1
         i1 web d1 running client=-300s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "a request takes long",
        "web d1 live=d1
         i1 web d1 running client=-1h inflight=1",
        &expect!["nothing"],
    );
    check(
        "an open, silent page",
        "web d1 live=d1
         i1 web d1 running client=-1h answered=-1s connections=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "never used, ready for five minutes",
        "web d1 live=d1
         i1 web d1 running ready=-5m",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "never used, just ready",
        "web d1 live=d1
         i1 web d1 running ready=-299s",
        &expect!["nothing"],
    );
    check(
        "woken a moment ago, not used yet",
        "web d1 live=d1 wake=-4s
         i1 web d1 running client=-1h woken=-3s",
        &expect!["nothing"],
    );
    check(
        "held awake by a wish",
        "web d1 live=d1 wake=-299s
         i1 web d1 running client=-1h woken=-1h",
        &expect!["nothing"],
    );
    check(
        "never sleeps",
        "web d1 live=d1 sleep=never
         i1 web d1 running",
        &expect!["nothing"],
    );
    check(
        "has its own idle time",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-10s",
        &expect!["sleep shop/web i1 paged"],
    );
}

#[test]
fn depth() {
    check(
        "frozen by choice",
        "web d1 live=d1 depth=frozen
         i1 web d1 running client=-1h",
        &expect!["sleep shop/web i1 frozen"],
    );
    check(
        "frozen for want of swap",
        "no-swap
         web d1 live=d1
         i1 web d1 running client=-1h",
        &expect!["sleep shop/web i1 frozen"],
    );
    check(
        "nothing that keeps its memory is offered",
        "no-freezer
         web d1 live=d1
         i1 web d1 running client=-1h",
        &expect!["nothing"],
    );
    check(
        "nor is that wanted",
        "no-freezer
         web d1 live=d1 depth=stopped
         i1 web d1 running client=-1h",
        &expect!["stop shop/web i1: idle"],
    );
    check(
        "without a process",
        "web d1 live=d1 depth=stopped
         i1 web d1 running client=-1h",
        &expect!["stop shop/web i1: idle"],
    );
    check(
        "without a process, stopping",
        "web d1 live=d1 depth=stopped
         i1 web d1 running client=-1h draining=-100ms",
        &expect!["nothing"],
    );
    check(
        "deep enough",
        "web d1 live=d1
         i1 web d1 paged client=-1h",
        &expect!["nothing"],
    );
    check(
        "its memory is still resident",
        "web d1 live=d1
         i1 web d1 frozen client=-1h",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "pushing it out failed lately",
        "web d1 live=d1
         i1 web d1 frozen client=-1h slept=-59s",
        &expect!["nothing"],
    );
    check(
        "pushing it out failed a minute ago",
        "web d1 live=d1
         i1 web d1 frozen client=-1h slept=-60s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "frozen is as deep as it gets without swap",
        "no-swap
         web d1 live=d1
         i1 web d1 frozen client=-1h",
        &expect!["nothing"],
    );
}

#[test]
fn sent_to_sleep() {
    check(
        "at once",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "although it never sleeps by itself",
        "web d1 live=d1 sleep=never slept=-1s
         i1 web d1 running client=-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "and stays asleep",
        "web d1 live=d1 sleep=never slept=-1h
         i1 web d1 paged client=-2h",
        &expect!["nothing"],
    );
    check(
        "but used since",
        "web d1 live=d1 slept=-2s
         i1 web d1 running client=-1s",
        &expect!["nothing"],
    );
    check(
        "but a request is in flight",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-2s inflight=1",
        &expect!["nothing"],
    );
    check(
        "still starting",
        "web d1 live=d1 slept=-1s
         i1 web d1 starting",
        &expect!["nothing"],
    );
    check(
        "before its newest deployment",
        "web d2 live=d2 slept=-1h created=-1m
         i1 web d2 running ready=-1s",
        &expect!["nothing"],
    );
}

#[test]
fn woken() {
    check(
        "web asleep; request arrives",
        "web d1 live=d1 wake=now
         i1 web d1 paged client=-1h",
        &expect!["wake shop/web i1"],
    );
    check(
        "asleep; nothing happens",
        "web d1 live=d1 wake=-1h
         i1 web d1 paged client=-1h",
        &expect!["nothing"],
    );
    check(
        "after having been sent to sleep",
        "web d1 live=d1 slept=-1m wake=now
         i1 web d1 paged client=-1h",
        &expect!["wake shop/web i1"],
    );
    check(
        "not by a wish from before that",
        "web d1 live=d1 slept=-1m wake=-2m
         i1 web d1 paged client=-1h",
        &expect!["nothing"],
    );
    check(
        "a byte slipped through",
        "web d1 live=d1
         i1 web d1 frozen client=-1s slept=-2s",
        &expect!["wake shop/web i1"],
    );
    check(
        "a request slipped through",
        "web d1 live=d1 slept=-1s
         i1 web d1 frozen client=-1h inflight=1",
        &expect!["wake shop/web i1"],
    );
    check(
        "only frozen, to be paged: a wake is more urgent",
        "web d1 live=d1 wake=now
         i1 web d1 frozen client=-1h",
        &expect!["wake shop/web i1"],
    );
    check(
        "never sleeps, yet asleep",
        "web d1 live=d1 sleep=never
         i1 web d1 paged client=-1h",
        &expect!["wake shop/web i1"],
    );
}

#[test]
fn together() {
    check(
        "what web needs is woken with it",
        "web d1 live=d1 wake=now needs=api,db
         api d1 live=d1 needs=db
         db d1 live=d1
         i1 web d1 paged
         i2 api d1 paged
         i3 db d1 frozen",
        &expect!["wake shop/api i2; wake shop/db i3; wake shop/web i1"],
    );
    check(
        "but not what needs it",
        "web d1 live=d1 needs=api
         api d1 live=d1 wake=now
         i1 web d1 paged
         i2 api d1 paged",
        &expect!["wake shop/api i2"],
    );
    check(
        "what it needs is started when it has no process",
        "web d1 live=d1 wake=now needs=api
         api d1 live=d1 depth=stopped
         i1 web d1 paged",
        &expect!["wake shop/web i1; start shop/api d1"],
    );
    check(
        "what it needs stays awake as long",
        "web d1 live=d1 wake=-1m needs=api
         api d1 live=d1
         i1 web d1 running client=-1m
         i2 api d1 running client=-1h",
        &expect!["nothing"],
    );
    check(
        "sent to sleep by name, though web was woken before",
        "web d1 live=d1 wake=-1m needs=api
         api d1 live=d1 slept=-30s
         i1 web d1 running client=-1m
         i2 api d1 running client=-1m",
        &expect!["sleep shop/api i2 paged"],
    );
}
