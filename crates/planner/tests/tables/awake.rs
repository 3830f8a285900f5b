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

/// Bug: a backend that streamed its answer, with pauses longer than its idle time, was frozen in the middle.
#[test]
fn callers() {
    check(
        "it pauses within an answer to another service, which has a request to answer itself",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s inflight=1 connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-25s answered=-12s connections=1 private=1",
        &expect!["nothing"],
    );
    check(
        "or a message",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s messages=1 connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-25s answered=-12s connections=1 private=1",
        &expect!["nothing"],
    );
    check(
        "for longer than there is patience",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s inflight=1 connections=1
         api d2 live=d2 sleep=8s patience=10s
         i2 api d2 running client=-25s answered=-12s connections=1 private=1",
        &expect!["sleep shop/api i2 paged"],
    );
    check(
        "nobody works",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-25s answered=-12s connections=1 private=1",
        &expect!["sleep shop/api i2 paged"],
    );
    check(
        "nobody is connected",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s inflight=1 connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-25s answered=-12s",
        &expect!["sleep shop/api i2 paged"],
    );
    check(
        "a silent page is open, which is no matter of the other's",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s answered=-12s connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-1s inflight=1 connections=1 private=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "what sleeps is looked in on at most, and what is told to sleep does",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1s inflight=1 connections=1
         api d2 live=d2 sleep=8s
         i2 api d2 paged client=-25s answered=-12s connections=1 private=1
         db d3 live=d3 slept=-1s
         i3 db d3 running client=-25s answered=-12s connections=1 private=1",
        &expect!["dark wake shop/api i2 paged; sleep shop/db i3 paged"],
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

/// Bug: a Streamlit page whose script slept for 20 s, after its first word, was frozen in the middle of it.
#[test]
fn naps() {
    let page = "web d1 live=d1 sleep=8s\ni1 web d1 running client=-8s event=-8s connections=1";
    check("a script that sleeps", &format!("{page} nap=-8s,2"), &expect!["nothing"]);
    check("seen in one look yet", &format!("{page} nap=-8s,1"), &expect!["nothing"]);
    check(
        "so it is looked at again",
        &format!("{page} nap=-8s,1 seen=-2s,-4s"),
        &expect!["look shop/web i1"],
    );
    check("what was there before", &format!("{page} nap=-2h,2"), &expect!["sleep shop/web i1 paged"]);
    check(
        "nobody listens",
        &format!("{} nap=-8s,2", page.replace("connections=1", "")),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "for ever",
        &format!("{} nap=-15m,2", page.replace("-8s", "-15m")),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "against a command",
        &format!("{} nap=-8s,2", page.replace("sleep=8s", "sleep=8s slept=-1s")),
        &expect!["sleep shop/web i1 paged"],
    );
}

/// Bugs: of a chat in Gradio each part came late: its generator slept in a thread that an earlier chat had begun; an answer
/// that polled for its result each second was frozen between two polls.
#[test]
fn naps_in_a_pool() {
    let page = "web d1 live=d1 sleep=8s\ni1 web d1 running client=-8s event=-8s connections=1";
    check("begun for somebody before him", &format!("{page} nap=-9m,2"), &expect!["nothing"]);
    check(
        "begun for a probe, and idle when nobody is there",
        &format!("{page} ready=-8m nap=-9m,2 beats=none"),
        &expect!["nothing"],
    );
    check(
        "beats time when nobody is there, too",
        &format!("{page} ready=-8m nap=-9m,2 beats=7"),
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "begun by itself, before it was ready",
        &format!("{page} ready=-8m nap=-9m,2"),
        &expect!["sleep shop/web i1 paged"],
    );
}

#[test]
fn looks() {
    check(
        "not while it is used",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-7s unseen",
        &expect!["nothing"],
    );
    check(
        "shortly before its idle time ends",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-8s unseen",
        &expect!["look shop/web i1"],
    );
    check(
        "and again a second later",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-9s seen=-1s",
        &expect!["look shop/web i1"],
    );
    check(
        "one look alone does not put it to sleep",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-10s seen=-500ms",
        &expect!["nothing"],
    );
    check(
        "nothing was found",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-10s seen=-1s,-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "what was found is old",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-20s seen=-3s,-4s",
        &expect!["look shop/web i1"],
    );
    check(
        "what was found is from before it slept",
        "web d1 live=d1 sleep=10s wake=-12s
         i1 web d1 running client=-1h woken=-11s seen=-20s,-21s",
        &expect!["look shop/web i1"],
    );
    check(
        "the looks are too far apart to tell how busy it is",
        "web d1 live=d1 sleep=10s
         i1 web d1 running client=-10s seen=-500ms,-1h",
        &expect!["nothing"],
    );
    check(
        "a service that is told to sleep is not looked at",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-2s unseen",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "nor is one that never sleeps",
        "web d1 live=d1 sleep=never
         i1 web d1 running client=-1h unseen",
        &expect!["nothing"],
    );
    check(
        "nor one that sleeps",
        "web d1 live=d1
         i1 web d1 paged client=-1h unseen",
        &expect!["nothing"],
    );
    check(
        "nor one whose successor is on its way",
        "web d2 live=d1
         i1 web d1 running client=-1h unseen
         i2 web d2 starting",
        &expect!["nothing"],
    );
    check(
        "one without a process while it sleeps is looked at too",
        "web d1 live=d1 depth=stopped
         i1 web d1 running client=-1h unseen",
        &expect!["look shop/web i1"],
    );
}

#[test]
fn calls() {
    check(
        "a question is not answered",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=10.9.1.2:8000,-25s,-26s",
        &expect!["nothing"],
    );
    check(
        "nor was anything else on that connection",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=10.9.1.2:8000,-25s,never",
        &expect!["nothing"],
    );
    check(
        "nobody ever answers",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m call=10.9.1.2:6379,-15m,-16m",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "within the patience there is",
        "web d1 live=d1 sleep=8s patience=1m
         i1 web d1 running client=-1m call=10.9.1.2:6379,-59s,-16m",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "a pool keeps a connection that is answered",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=10.9.1.2:5432,-26s,-25s,segments:4",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "nothing was said yet",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=10.9.1.2:5432,never,never",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "an answer has begun, and a thread waits for the rest",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=1.2.3.4:443,-26s,-25s,awaited",
        &expect!["nothing"],
    );
    check(
        "what came may be the tickets of TLS",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=1.2.3.4:443,-25s,-25s,segments:3",
        &expect!["nothing"],
    );
    check(
        "too late to be tickets",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-26s call=1.2.3.4:443,-26s,-25s,segments:3",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "bytes pass: an answer comes in pieces",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1m call=1.2.3.4:9000,-1m,-2s",
        &expect!["nothing"],
    );
    check(
        "bytes pass for longer than anybody is interested in",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m call=1.2.3.4:9000,-15m,-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "somebody who listens is interested",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m event=-1m call=1.2.3.4:9000,-15m,-2s",
        &expect!["nothing"],
    );
    check(
        "a sleep by command does not ask",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-26s call=10.9.1.2:8000,-25s,-26s cpu=1s",
        &expect!["sleep shop/web i1 paged"],
    );
}

#[test]
fn work() {
    check(
        "a thread goes on after the answer",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h cpu=50ms",
        &expect!["nothing"],
    );
    check(
        "an idle loop ticks",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h cpu=49ms",
        &expect!["sleep shop/web i1 paged"],
    );
}

#[test]
fn stirs() {
    check(
        "bytes arrive for one that sleeps",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-1h slept=-50m stirred=now",
        &expect!["wake shop/web i1"],
    );
    check(
        "they arrived before it was woken last",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-1h slept=-50m stirred=-2m woken=-1m",
        &expect!["nothing"],
    );
    check(
        "the wake that somebody asked for later failed, and its time is over",
        "web d1 live=d1 sleep=8s wake=-1m
         i1 web d1 paged client=-1h stirred=-2m",
        &expect!["wake shop/web i1"],
    );
    check(
        "awake for them a moment ago",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-3s woken=-2900ms",
        &expect!["nothing"],
    );
    check(
        "and quiet since",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-4s woken=-3s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "it exchanges more of them",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-20s woken=-20s call=1.2.3.4:9000,-15s,-2s",
        &expect!["nothing"],
    );
    check(
        "for too long",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-60s woken=-60s call=1.2.3.4:9000,-15s,-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "it works on them",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-60s woken=-60s cpu=900ms",
        &expect!["nothing"],
    );
    check(
        "somebody used it meanwhile",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-2s stirred=-60s woken=-60s",
        &expect!["nothing"],
    );
    check(
        "chatter waits before it wakes",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-1h stirred=-3s,7",
        &expect!["nothing"],
    );
    check(
        "but wakes in the end",
        "web d1 live=d1 sleep=8s
         i1 web d1 paged client=-1h stirred=-4s,7",
        &expect!["wake shop/web i1"],
    );
    check(
        "chatter does not keep it awake",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-1h stirred=-3s,7 woken=-3s call=1.2.3.4:9000,-1s,-1s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "bytes for what was told to sleep",
        "web d1 live=d1 sleep=never slept=-1m
         i1 web d1 paged client=-2m stirred=now",
        &expect!["wake shop/web i1"],
    );
    check(
        "which goes back to sleep",
        "web d1 live=d1 sleep=never slept=-1m
         i1 web d1 running client=-2m stirred=-3s woken=-3s call=1.2.3.4:6379,-1s,-2s",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "unless it works on them",
        "web d1 live=d1 sleep=never slept=-1m
         i1 web d1 running client=-2m stirred=-3s woken=-3s cpu=100ms",
        &expect!["nothing"],
    );
    check(
        "and is disturbed less and less",
        "web d1 live=d1 worker slept=-1m
         i1 web d1 paged stirred=-1s,3",
        &expect!["nothing"],
    );
}

/// Bug: who sent a project to sleep was told that its Redis was busy, as long as a worker waited for work there.
#[test]
fn commands() {
    check(
        "a queue is asked for work by another service",
        "db d1 live=d1 slept=-1s
         i1 db d1 running client=-2s calls=1 connections=1 private=1
         web d2 live=d2
         i2 web d2 running client=-2s",
        &expect!["sleep shop/db i1 paged"],
    );
    check(
        "which keeps it from sleeping by itself",
        "db d1 live=d1 sleep=8s
         i1 db d1 running client=-1h calls=1 connections=1 private=1",
        &expect!["nothing"],
    );
    check(
        "what is asked may be for a visitor's request",
        "db d1 live=d1 slept=-1s
         i1 db d1 running client=-2s calls=1 connections=1 private=1
         web d2 live=d2 slept=-1s
         i2 web d2 running client=-2s inflight=1",
        &expect!["nothing"],
    );
    check(
        "or for a visitor's message",
        "db d1 live=d1 slept=-1s
         i1 db d1 running client=-2s calls=1 connections=1 private=1
         web d2 live=d2 slept=-1s
         i2 web d2 running client=-2s messages=1",
        &expect!["nothing"],
    );
    check(
        "which nobody will answer",
        "db d1 live=d1 slept=-1s
         i1 db d1 running client=-2s calls=1 connections=1 private=1
         web d2 live=d2 slept=-1s
         i2 web d2 running client=-20m messages=1",
        &expect!["sleep shop/db i1 paged; sleep shop/web i2 paged"],
    );
    check(
        "what sleeps on a call is woken for a visitor",
        "db d1 live=d1 slept=-1m
         i1 db d1 paged client=-2m calls=1 connections=1 private=1
         web d2 live=d2 slept=-1m
         i2 web d2 running client=-1s inflight=1",
        &expect!["wake shop/db i1"],
    );
    check(
        "a visitor's own request is answered first",
        "web d1 live=d1 slept=-1s
         i1 web d1 running client=-2s calls=1 inflight=1",
        &expect!["nothing"],
    );
    check(
        "services that were sent to sleep together still answer each other",
        "worker d1 live=d1 worker slept=-4s
         i1 worker d1 paged stirred=now
         db d2 live=d2 slept=-4s
         i2 db d2 paged client=-5s",
        &expect!["nothing"],
    );
    check(
        "one of them is used again",
        "worker d1 live=d1 worker slept=-4s
         i1 worker d1 paged stirred=-1s
         db d2 live=d2 slept=-4s
         i2 db d2 running client=now",
        &expect!["wake shop/worker i1"],
    );
    check(
        "or woken",
        "worker d1 live=d1 worker slept=-4s
         i1 worker d1 paged stirred=-1s
         db d2 live=d2 slept=-4s wake=-1s
         i2 db d2 running client=-10s",
        &expect!["wake shop/worker i1"],
    );
    check(
        "somebody else says something to one of them",
        "worker d1 live=d1 worker slept=-6s
         i1 worker d1 paged stirred=now
         db d2 live=d2 slept=-6s
         i2 db d2 paged client=-7s",
        &expect!["wake shop/worker i1"],
    );
    check(
        "one that was sent to sleep alone is answered",
        "worker d1 live=d1 worker slept=-4s
         i1 worker d1 paged stirred=now
         db d2 live=d2
         i2 db d2 running client=-5s",
        &expect!["wake shop/worker i1"],
    );
}

/// Bug: a page that had been told of the start waited for ever for a backend that streamed its answer with pauses: both
/// fell asleep in one.
#[test]
fn answers() {
    check(
        "an answer pauses, of which the page has seen the beginning",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s event=-12s connections=1 call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["nothing"],
    );
    check(
        "it has ended, and the connection is kept for the next",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s event=-12s connections=1 call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1",
        &expect!["sleep shop/api i2 paged; sleep shop/web i1 paged"],
    );
    check(
        "it goes on for longer than there is patience",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s event=-12s connections=1 call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 sleep=8s patience=20s
         i2 api d2 running client=-24s answered=-2s connections=1 private=1 answers=1",
        &expect!["sleep shop/api i2 paged; sleep shop/web i1 paged"],
    );
    check(
        "a worker without a port reads it",
        "worker d1 live=d1 worker
         i1 worker d1 running call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["nothing"],
    );
    check(
        "nobody has used the page for longer than there is patience",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-15m connections=1 call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 sleep=8s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "it is sent to sleep in the middle of it, with nobody waiting",
        "api d2 live=d2 slept=-1s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["sleep shop/api i2 paged"],
    );
    check(
        "or while a visitor waits",
        "web d1 live=d1
         i1 web d1 running client=-25s inflight=1 connections=1
         api d2 live=d2 slept=-1s
         i2 api d2 running client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["nothing"],
    );
    check(
        "what sleeps answers nobody",
        "web d1 live=d1 sleep=8s
         i1 web d1 running client=-25s connections=1 call=10.9.1.2:8000,-24s,-12s
         api d2 live=d2 slept=-1s
         i2 api d2 paged client=-24s answered=-12s connections=1 private=1 answers=1",
        &expect!["sleep shop/web i1 paged"],
    );
}
