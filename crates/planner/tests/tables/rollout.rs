//! A deployment takes the place of another.

use expect_test::expect;

use crate::check;

#[test]
fn the_first_deployment() {
    check("nothing yet", "web d1", &expect!["start shop/web d1"]);
    check(
        "it starts",
        "web d1
         i1 web d1 starting",
        &expect!["nothing"],
    );
    check(
        "it is ready",
        "web d1
         i1 web d1 running ready=-1s",
        &expect!["promote shop/web d1"],
    );
    check(
        "it is live",
        "web d1 live=d1
         i1 web d1 running ready=-1s",
        &expect!["nothing"],
    );
}

#[test]
fn a_newer_one_starts_beside_the_older() {
    check(
        "asked for",
        "web d2 live=d1
         i1 web d1 running",
        &expect!["start shop/web d2"],
    );
    check(
        "starting",
        "web d2 live=d1
         i1 web d1 running
         i2 web d2 starting",
        &expect!["nothing"],
    );
    check(
        "ready",
        "web d2 live=d1
         i1 web d1 running inflight=3
         i2 web d2 running ready=-1s",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "promoted, the older one not drained yet",
        "web d2 live=d2
         i1 web d1 running inflight=3
         i2 web d2 running ready=-1s",
        &expect!["drain shop/web i1"],
    );
    check(
        "the older one has crashed meanwhile: heal it, it is all there is",
        "web d2 live=d1
         i2 web d2 starting
         end web d1 -1s code:1 ready-for=1h",
        &expect!["start shop/web d1"],
    );
    check(
        "a still newer one: the middle one goes, without draining what never served",
        "web d3 live=d1
         i1 web d1 running
         i2 web d2 starting",
        &expect!["start shop/web d3; stop shop/web i2: another deployment serves"],
    );
    check(
        "the same, though the middle one is starting for too long",
        "web d3 live=d1
         i1 web d1 running
         i2 web d2 starting started=-10m",
        &expect!["start shop/web d3; stop shop/web i2: another deployment serves"],
    );
}

#[test]
fn while_asleep() {
    check(
        "the older one is not woken for a deployment",
        "web d2 live=d1
         i1 web d1 paged client=-1h",
        &expect!["start shop/web d2"],
    );
    check(
        "nor while the newer one starts",
        "web d2 live=d1
         i1 web d1 paged client=-1h
         i2 web d2 starting",
        &expect!["nothing"],
    );
    check(
        "nor when it is ready",
        "web d2 live=d1
         i1 web d1 paged client=-1h
         i2 web d2 running ready=-1s",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "but a request during the rollout wakes it",
        "web d2 live=d1 wake=now
         i1 web d1 paged client=-1h
         i2 web d2 starting",
        &expect!["wake shop/web i1"],
    );
    check(
        "nothing falls asleep during a rollout",
        "web d2 live=d1
         i1 web d1 running client=-1h
         i2 web d2 starting",
        &expect!["nothing"],
    );
}

/// Bug: a deploy that changed only the idle time started every process anew, and their memory was lost.
#[test]
fn one_that_goes_on_with_a_process() {
    check(
        "its instance stays",
        "web d2<d1 live=d2<d1
         i1 web d1 running client=now",
        &expect!["nothing"],
    );
    check(
        "asleep too",
        "web d3<d1 live=d3<d1
         i1 web d1 paged client=-1h",
        &expect!["nothing"],
    );
    check(
        "its sleep policy holds",
        "web d2<d1 live=d2<d1 sleep=2m
         i1 web d1 running client=-3m",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "one that is never to sleep any more is woken",
        "web d2<d1 live=d2<d1 sleep=never
         i1 web d1 paged client=-3m",
        &expect!["wake shop/web i1"],
    );
    check(
        "its limits hold",
        "web d2<d1 live=d2<d1 memory=1024
         i1 web d1 running client=now",
        &expect!["limit shop/web i1 to 1 GiB, 1000m, 512"],
    );
    check(
        "asleep too, and it sleeps on",
        "web d2<d1 live=d2<d1 memory=1024
         i1 web d1 paged client=-1h",
        &expect!["limit shop/web i1 to 1 GiB, 1000m, 512"],
    );
    check(
        "a crash is one of the process: its back-off goes on",
        "web d2<d1 live=d2<d1
         end web d1 -100ms code:1",
        &expect!["nothing"],
    );
    check(
        "and it is started again as one",
        "web d2<d1 live=d2<d1
         end web d1 -1s code:1",
        &expect!["start shop/web d1"],
    );
    check(
        "it is replaced like any other",
        "web d3 live=d2<d1
         i1 web d1 running
         i2 web d3 running ready=-1s",
        &expect!["promote shop/web d3; drain shop/web i1"],
    );
    check(
        "a restart starts another process",
        "web d3 live=d2<d1
         i1 web d1 running client=now",
        &expect!["start shop/web d3"],
    );
    check(
        "what is on its way out keeps its limits",
        "web d2<d1 live=d2<d1 memory=1024
         i1 web d1 running client=now memory=1024
         i2 web d1 running draining=-1s inflight=1",
        &expect!["nothing"],
    );
}

#[test]
fn a_rollout_fails() {
    check(
        "one end is not enough",
        "web d2 live=d1
         i1 web d1 running
         end web d2 -10s code:1",
        &expect!["start shop/web d2"],
    );
    check(
        "nor are two",
        "web d2 live=d1
         i1 web d1 running
         end web d2 -12s code:1
         end web d2 -10s code:1",
        &expect!["start shop/web d2"],
    );
    check(
        "three are",
        "web d2 live=d1
         i1 web d1 running client=now
         end web d2 -14s code:1
         end web d2 -12s code:1
         end web d2 -10s code:1",
        &expect!["fail shop/web d2: exited with code 1 (3 times)"],
    );
    check(
        "out of memory is said",
        "web d2 live=d1
         i1 web d1 running client=now
         end web d2 -14s oom
         end web d2 -12s oom
         end web d2 -10s oom",
        &expect!["fail shop/web d2: out of memory (limit 512 MiB) (3 times)"],
    );
    check(
        "not ready in time",
        "web d2 live=d1
         i1 web d1 running client=now
         i2 web d2 starting started=-120s",
        &expect![
            "fail shop/web d2: not ready within 120 s: nothing listens on port 8000; stop shop/web i2: not ready in time"
        ],
    );
    check(
        "not ready in time, and control died before it said so",
        "web d2 live=d1
         i1 web d1 running client=now
         end web d2 -1s never-ready:it_answers_500",
        &expect!["fail shop/web d2: it answers 500"],
    );
    check(
        "afterwards the older one is the target",
        "web d1 live=d1
         i1 web d1 running client=now
         end web d2 -1s never-ready",
        &expect!["nothing"],
    );
    check(
        "with what is left of the failed one",
        "web d1 live=d1
         i1 web d1 running client=now
         i2 web d2 starting
         end web d2 -1s code:1",
        &expect!["stop shop/web i2: another deployment serves"],
    );
    check(
        "nothing to go back to: it goes on trying",
        "web d1
         end web d1 -3s code:1
         end web d1 -2500ms code:1
         end web d1 -2s code:1",
        &expect!["start shop/web d1"],
    );
    check(
        "ends of other deployments do not count",
        "web d3 live=d1
         i1 web d1 running client=now
         end web d2 -4s code:1
         end web d2 -3s code:1
         end web d2 -2s code:1",
        &expect!["start shop/web d3"],
    );
}

#[test]
fn workers() {
    check(
        "a worker that has just started is not live yet",
        "web d1 worker
         i1 web d1 starting",
        &expect!["nothing"],
    );
    check(
        "nor one that has settled: it may still end every few seconds",
        "web d1 worker
         i1 web d1 starting started=-9s",
        &expect!["nothing"],
    );
    check(
        "one that keeps running is",
        "web d1 worker
         i1 web d1 starting started=-10s",
        &expect!["promote shop/web d1"],
    );
    check(
        "the older one works on meanwhile",
        "web d2 live=d1 worker
         i1 web d1 running
         i2 web d2 starting started=-9s",
        &expect!["nothing"],
    );
    check(
        "until the newer one has shown that it works",
        "web d2 live=d1 worker
         i1 web d1 running
         i2 web d2 starting started=-10s",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "one that ends every five seconds never does",
        "web d2 live=d1 worker
         i1 web d1 running
         end web d2 -12s code:0
         end web d2 -6s code:0
         end web d2 now code:0",
        &expect!["fail shop/web d2: exited with code 0 (3 times)"],
    );
    check(
        "and does not sleep for want of bytes",
        "web d1 live=d1 worker
         i1 web d1 running ready=forgotten",
        &expect!["nothing"],
    );
    check(
        "unless it is sent to sleep",
        "web d1 live=d1 worker slept=-1s
         i1 web d1 running ready=forgotten",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "but not before it has shown that it works",
        "web d1 worker slept=-1s
         i1 web d1 starting started=-9s",
        &expect!["nothing"],
    );
}

#[test]
fn an_open_port_is_little_proof() {
    check(
        "but all there is when nothing is replaced",
        "web d1
         i1 web d1 starting ready=now",
        &expect!["promote shop/web d1"],
    );
    check(
        "what works is not replaced by it at once",
        "web d2 live=d1
         i1 web d1 running
         i2 web d2 starting started=-9s ready=-8s",
        &expect!["nothing"],
    );
    check(
        "but after a while",
        "web d2 live=d1
         i1 web d1 running
         i2 web d2 starting started=-10s ready=-9s",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "two answers are proof",
        "web d2 live=d1 serves=gunicorn
         i1 web d1 running
         i2 web d2 starting ready=-5s ok=now",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "also of what was found to speak HTTP",
        "web d2 live=d1 serves=./run
         i1 web d1 running
         i2 web d2 starting ready=-5s ok=now speaks=http",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "another protocol is none",
        "web d2 live=d1 serves=./run
         i1 web d1 running
         i2 web d2 starting ready=now speaks=other",
        &expect!["nothing"],
    );
    // Bug: what was about to be refused went live when control was away for a moment: what it speaks was forgotten.
    check(
        "nor is one of which a new control does not know what it speaks",
        "web d2 live=d1 serves=./run
         i1 web d1 running
         i2 web d2 starting started=-25s ready=-24s",
        &expect!["nothing"],
    );
    check(
        "until that is found out",
        "web d2 live=d1 serves=./run
         i1 web d1 running
         i2 web d2 starting started=-25s ready=-24s speaks=other",
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
}

/// Bug: a version that answered once and ended two seconds later replaced the one that worked.
#[test]
fn an_answer_has_to_come_again() {
    let rollout = "web d2 live=d1 serves=gunicorn
         i1 web d1 running
         i2 web d2";
    let busy = rollout.replace("running", "running client=now");
    check(
        "with nothing to be replaced one does",
        "web d1 serves=gunicorn
         i1 web d1 starting ready=now ok=now",
        &expect!["promote shop/web d1"],
    );
    check("the first is not enough", &format!("{rollout} starting ready=-4s ok=-4s"), &expect!["nothing"]);
    check("nor that time passes", &format!("{rollout} starting ready=-9s ok=-9s"), &expect!["nothing"]);
    check(
        "a second one is",
        &format!("{rollout} starting ready=-6s ok=-1s"),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "unless a worker has ended since",
        &format!("{rollout} starting ready=-6s ok=-1s losses=1 lost=-3s"),
        &expect!["nothing"],
    );
    // Bug: control was killed late in a trial, and forgot how many workers had been lost in it.
    check(
        "or control was replaced, and does not know",
        &format!("{rollout} starting ready=-6s ok=-1s found=-3s"),
        &expect!["nothing"],
    );
    check(
        "it ended between them: it is tried again",
        "web d2 live=d1 serves=gunicorn
         i1 web d1 running
         end web d2 -1s code:3 ready-for=2s",
        &expect!["start shop/web d2"],
    );
    check(
        "but not for ever",
        "web d2 live=d1 serves=gunicorn
         i1 web d1 running client=now
         end web d2 -9s code:3 ready-for=2s
         end web d2 -5s code:3 ready-for=2s
         end web d2 -1s code:3 ready-for=2s",
        &expect!["fail shop/web d2: exited with code 3 (3 times)"],
    );
    check(
        "its workers keep ending",
        &format!("{busy} starting ready=-9s ok=-9s listens=0.0.0.0:8000 losses=5 lost=-1s"),
        &expect!["fail shop/web d2: its worker processes keep ending; stop shop/web i2: not ready in time"],
    );
    check(
        "the older one has ended: what answers serves, and is on trial for as long as it takes",
        "web d2 live=d1 serves=gunicorn
         i2 web d2 starting ready=-1s ok=-1s",
        &expect!["start shop/web d1"],
    );
    check(
        "it goes on with the process of the older one",
        "web d2<d1 live=d1 serves=gunicorn
         i1 web d1 running ready=-1s ok=-1s",
        &expect!["promote shop/web d2"],
    );
}
