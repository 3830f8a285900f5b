//! What runs, but does not work.

use expect_test::expect;

use crate::check;

#[test]
fn starting() {
    check(
        "has time",
        "web d1
         i1 web d1 starting started=-119s failures=100 refused",
        &expect!["nothing"],
    );
    check(
        "has had its time",
        "web d1
         i1 web d1 starting started=-120s failures=100 refused",
        &expect!["stop shop/web i1: not ready in time"],
    );
    check(
        "nobody has asked since",
        "web d1
         i1 web d1 starting started=-121s probed=-2s",
        &expect!["nothing"],
    );
    check(
        "control has just come back, and has not asked yet",
        "web d1 live=d1
         i1 web d1 running ready=forgotten probed=never",
        &expect!["nothing"],
    );
    check(
        "counts from its wake when it was woken before it was known to be ready",
        "web d1 live=d1 wake=-1s
         i1 web d1 running ready=forgotten woken=-1s",
        &expect!["nothing"],
    );
    check(
        "what carries traffic was ready once",
        "web d1 live=d1
         i1 web d1 running ready=forgotten inflight=1",
        &expect!["nothing"],
    );
}

#[test]
fn hopeless() {
    check(
        "it listens on another address, for a moment",
        "web d1
         i1 web d1 starting started=-12s astray=-9s listens=127.0.0.1:8000",
        &expect!["nothing"],
    );
    check(
        "for longer: it will not listen on two",
        "web d1
         i1 web d1 starting started=-12s astray=-10s listens=127.0.0.1:8000",
        &expect!["stop shop/web i1: not ready in time"],
    );
    check(
        "another port may be one for metrics",
        "web d1 serves=uvicorn
         i1 web d1 starting started=-60s astray=-50s listens=0.0.0.0:9090",
        &expect!["nothing"],
    );
    check(
        "unless it is its server's own",
        "web d1 serves=flask+run
         i1 web d1 starting started=-12s astray=-10s listens=127.0.0.1:5000",
        &expect!["stop shop/web i1: not ready in time"],
    );
    check(
        "its workers keep ending",
        "web d1 serves=uvicorn
         i1 web d1 starting started=-8s silent listens=0.0.0.0:8000 losses=5",
        &expect!["stop shop/web i1: not ready in time"],
    );
    check(
        "some have ended",
        "web d1 serves=uvicorn
         i1 web d1 starting started=-8s silent listens=0.0.0.0:8000 losses=4",
        &expect!["nothing"],
    );
    check(
        "something ends again and again before it listens: its work, for all we know",
        "web d1
         i1 web d1 starting started=-60s losses=50",
        &expect!["nothing"],
    );
    check(
        "of a server these are its workers, which were to listen",
        "web d1 serves=uvicorn
         i1 web d1 starting started=-12s losses=10",
        &expect!["stop shop/web i1: not ready in time"],
    );
    check(
        "if they are many",
        "web d1 serves=uvicorn
         i1 web d1 starting started=-10s losses=9",
        &expect!["nothing"],
    );
    check(
        "an older one is not replaced by it",
        "web d2 live=d1
         i1 web d1 running client=now
         i2 web d2 starting started=-12s astray=-10s listens=127.0.0.1:8000",
        &expect![
            "fail shop/web d2: it listens on 127.0.0.1:8000, not on 0.0.0.0:8000 (PORT)\n  hint: have it listen on the address 0.0.0.0 and on the port in the variable PORT; stop shop/web i2: not ready in time"
        ],
    );
}

#[test]
fn unhealthy() {
    check(
        "two failures",
        "web d1 live=d1
         i1 web d1 running failures=2 client=-1m ok=-30s",
        &expect!["nothing"],
    );
    check(
        "three",
        "web d1 live=d1
         i1 web d1 running failures=3 client=-1m ok=-30s",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "refused, though requests are in flight",
        "web d1 live=d1
         i1 web d1 running failures=3 refused inflight=2 client=-1s answered=-1s",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "asleep: failures mean nothing",
        "web d1 live=d1
         i1 web d1 paged failures=3 refused client=-1h",
        &expect!["nothing"],
    );
    check(
        "just woken: failures from before mean nothing",
        "web d1 live=d1 wake=-29s
         i1 web d1 running failures=3 woken=-29s",
        &expect!["nothing"],
    );
    check(
        "woken long enough ago",
        "web d1 live=d1 wake=-30s
         i1 web d1 running failures=3 woken=-30s",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "another one is there",
        "web d1 live=d1
         i1 web d1 running failures=3 client=-1m ok=-30s
         i2 web d1 running started=-10s ready=-10s client=-1s",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "the one being replaced",
        "web d2 live=d1
         i1 web d1 running failures=3 client=-1m ok=-30s
         i2 web d2 starting",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "a draining one is left to finish",
        "web d2 live=d2
         i1 web d1 running failures=3 draining=-2s inflight=1
         i2 web d2 running client=now",
        &expect!["nothing"],
    );
    check(
        "stopped a moment ago: its successor waits for the back-off",
        "web d1 live=d1
         i1 web d1 running failures=3 draining=-200ms
         end web d1 -200ms unhealthy ready-for=1m",
        &expect!["nothing"],
    );
    check(
        "and starts beside it",
        "web d1 live=d1
         i1 web d1 running failures=3 draining=-500ms
         end web d1 -500ms unhealthy ready-for=1m",
        &expect!["start shop/web d1"],
    );
}

#[test]
fn busy_or_hung() {
    check(
        "bytes flow",
        "web d1 live=d1
         i1 web d1 running failures=9 inflight=1 client=-10m answered=-1s ok=-10m",
        &expect!["nothing"],
    );
    check(
        "no bytes, but it answered a while ago",
        "web d1 live=d1
         i1 web d1 running failures=9 inflight=1 client=-10m answered=-10m ok=-119s",
        &expect!["nothing"],
    );
    check(
        "no progress for two minutes",
        "web d1 live=d1
         i1 web d1 running failures=9 inflight=1 client=-10m answered=-10m ok=-120s",
        &expect!["stop shop/web i1: hung"],
    );
    check(
        "the request came while its last good probe was under way",
        "web d1 live=d1
         i1 web d1 running failures=3 client=-60s ok=-59s",
        &expect!["nothing"],
    );
    check(
        "nobody has watched it for that long",
        "web d1 live=d1
         i1 web d1 running failures=7 inflight=1 client=-10m",
        &expect!["nothing"],
    );
    check(
        "the request is done; the next probe will tell",
        "web d1 live=d1
         i1 web d1 running failures=9 client=-1m answered=-1s ok=-61s",
        &expect!["nothing"],
    );
    check(
        "its client has left, but it may still be at it",
        "web d1 live=d1
         i1 web d1 running failures=9 client=-1m ok=-61s",
        &expect!["nothing"],
    );
    check(
        "its client has left long ago",
        "web d1 live=d1
         i1 web d1 running failures=9 client=-1m ok=-2m",
        &expect!["stop shop/web i1: fails its health checks"],
    );
    check(
        "its probes still succeed: a slow request, not a hung app",
        "web d1 live=d1
         i1 web d1 running inflight=1 client=-10m answered=-10m ok=-1s",
        &expect!["nothing"],
    );
}
