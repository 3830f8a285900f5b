//! Several instances of one service.

use dormouse_model::Endpoint;
use dormouse_planner::{Facts, endpoints, standings};
use expect_test::{Expect, expect};

use crate::{
    check,
    dsl::{NOW, key, situation},
};

/// Who is told to the edge, and how many stand for how many.
#[track_caller]
fn serves(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let targets = match &endpoints(&s.desired, &s.observed, &Facts::default(), NOW)[&key("web")] {
        Endpoint::Ready { targets } => targets
            .iter()
            .map(|t| format!("{}{}", t.instance, if t.asleep { " asleep" } else { "" }))
            .collect::<Vec<_>>()
            .join(", "),
        other @ (Endpoint::Stopped
        | Endpoint::Starting
        | Endpoint::Building
        | Endpoint::Crashed { .. }
        | Endpoint::Failed { .. }) => format!("{other:?}"),
    };
    let standing = &standings(&s.desired, &s.observed, NOW)[&key("web")];
    let ready = standing.serving.len();
    let got =
        format!("{targets}; {}, {ready}/{} of {}", standing.state, standing.wanted, standing.deployment);
    eprintln!("{what}: {got}");
    want.assert_eq(&got);
}

/// Bug: what ended each of several instances once was taken for three ends of one, so that none was started for seconds, or for a
/// minute, and visitors were refused; and a version that had just gone live was taken back for it.
#[test]
fn what_hits_each_of_them_once() {
    let once = |deployment: &str, started: &str| {
        let end = |at: &str| format!("\nend web {deployment} {at} signal:9 ready-for=9s started={started}");
        ["-1200ms", "-1100ms", "-1000ms"].map(end).concat()
    };
    let live = "web d1 live=d1 replicas=3";
    check("they are started again", &format!("{live}{}", once("d1", "-60s")), &expect!["start shop/web d1"]);
    serves(
        "who asks is held",
        &format!("{live}{}", once("d1", "-60s")),
        &expect!["Starting; starting, 0/3 of d1"],
    );
    check(
        "three ends one after the other are another matter",
        &format!("{live}{}", once("d1", "-1001ms")),
        &expect!["nothing"],
    );
    check(
        "a new version that it happens to stays",
        &format!("web d2 live=d2 replaced=d1 since=-30s replicas=3{}", once("d2", "-20s")),
        &expect!["start shop/web d2"],
    );
    let again = "end web d1 -9s code:1 started=-60s\nend web d1 -5s code:1 started=-8s\nend web d1 -1s code:1 started=-4s";
    check("what was started since ends too", &format!("{live}\n{again}"), &expect!["nothing"]);
}

#[test]
fn the_first_deployment() {
    check("one is tried first", "web d1 replicas=3", &expect!["start shop/web d1"]);
    check("until it works", "web d1 replicas=3\ni1 web d1 starting", &expect!["nothing"]);
    check(
        "the others follow it",
        "web d1 replicas=3
         i1 web d1 running ready=-1s",
        &expect!["promote shop/web d1"],
    );
    check(
        "one after the other",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i2 web d1 starting",
        &expect!["start shop/web d1"],
    );
    check(
        "until there are enough",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i2 web d1 starting
         i3 web d1 starting",
        &expect!["nothing"],
    );
    serves(
        "those that are ready",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i2 web d1 starting
         i3 web d1 running",
        &expect!["i1, i3; ready, 2/3 of d1"],
    );
}

#[test]
fn one_by_one() {
    let old = "i1 web d1 running client=now\ni2 web d1 running\ni3 web d1 running\n";
    let with = |more: &str| format!("web d2 live=d1 replicas=3\n{old}{more}");
    check("one beside them all", &with(""), &expect!["start shop/web d2"]);
    check("which has to work", &with("i4 web d2 starting"), &expect!["nothing"]);
    let steady = "running started=-12s ready=-9s ok=now";
    check("takes the place of one", &with(&format!("i4 web d2 {steady}")), &expect!["drain shop/web i3"]);
    serves("and its part", &with(&format!("i4 web d2 {steady}")), &expect!["i1, i2, i4; ready, 3/3 of d1"]);
    let http =
        with("i4 web d2 running started=-9s ready=-2s ok=now").replace("replicas=3", "replicas=3 asks=/up");
    check("not before it has answered for long enough", &http, &expect!["nothing"]);
    serves("nor a part", &http, &expect!["i1, i2, i3; ready, 3/3 of d1"]);
    let two = "web d2 live=d1 replicas=3
         i1 web d1 running client=now
         i3 web d1 running draining=-1s inflight=1
         i4 web d2 running client=now
         i5 web d2 running started=-10s ready=-9s";
    check("the next one", two, &expect!["start shop/web d2"]);
    serves("that drains takes no more", two, &expect!["i1, i4, i5; ready, 3/3 of d1"]);
    let all = "web d2 live=d1 replicas=3
         i1 web d1 running client=now
         i4 web d2 running client=now
         i5 web d2 running client=now
         i6 web d2 running started=-10s ready=-9s";
    check("all of them", all, &expect!["promote shop/web d2; drain shop/web i1"]);
    serves("serve", all, &expect!["i4, i5, i6; ready, 3/3 of d2"]);
}

#[test]
fn a_rollout_fails() {
    check(
        "the older ones have not gone",
        "web d2 live=d1 replicas=3
         i1 web d1 running client=now
         i2 web d1 running client=now
         i3 web d1 running client=now
         end web d2 -14s code:1
         end web d2 -12s code:1
         end web d2 -10s code:1",
        &expect!["fail shop/web d2: exited with code 1 (3 times)"],
    );
    check(
        "and come back",
        "web d2 live=d1 replicas=3
         i1 web d1 running client=now
         i4 web d2 running client=now
         i5 web d2 running client=now
         end web d2 -14s code:1
         end web d2 -12s code:1
         end web d2 -10s code:1",
        &expect![
            "fail shop/web d2: exited with code 1 (3 times); start shop/web d1; drain shop/web i4; drain shop/web i5"
        ],
    );
    // A busy one may miss a probe, and was good enough before.
    check(
        "a probe that fails while it serves takes nothing back",
        "web d2 live=d1 replicas=3 asks=/up
         i1 web d1 running client=now
         i2 web d1 running client=now
         i4 web d2 running client=now failed=-1s failures=1
         i5 web d2 starting",
        &expect!["nothing"],
    );
}

#[test]
fn other_numbers() {
    check(
        "more of the same",
        "web d2<d1 live=d2<d1 replicas=3
         i1 web d1 running client=now",
        &expect!["start shop/web d1"],
    );
    check(
        "fewer: the youngest goes, and finishes what it has",
        "web d2<d1 live=d2<d1 replicas=2
         i1 web d1 running client=now started=-3h
         i2 web d1 running client=now inflight=1 started=-1h
         i3 web d1 running client=now started=-2h",
        &expect!["drain shop/web i2"],
    );
    check(
        "more with another version",
        "web d2 live=d1 replicas=3 had=1
         i1 web d1 running client=now
         i2 web d2 running started=-20s ready=-19s",
        &expect!["start shop/web d2"],
    );
    check(
        "fewer with another version",
        "web d2 live=d1 replicas=1 had=3
         i1 web d1 running client=now
         i2 web d1 running client=now
         i3 web d1 running client=now
         i4 web d2 running started=-20s ready=-19s",
        &expect!["promote shop/web d2; drain shop/web i1; drain shop/web i2; drain shop/web i3"],
    );
}

#[test]
fn one_crashes() {
    check(
        "it is replaced",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i3 web d1 running client=now
         end web d1 -1s signal:9 ready-for=1h",
        &expect!["start shop/web d1"],
    );
    check(
        "after its pause",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i3 web d1 running client=now
         end web d1 -100ms signal:9 ready-for=1h",
        &expect!["nothing"],
    );
    serves(
        "the others serve",
        "web d1 live=d1 replicas=3
         i1 web d1 running client=now
         i3 web d1 running client=now
         end web d1 -3s code:1
         end web d1 -2s code:1
         end web d1 -1s code:1",
        &expect!["i1, i3; ready, 2/3 of d1"],
    );
    check(
        "where none works, one is tried",
        "web d1 live=d1 replicas=3
         i1 web d1 starting",
        &expect!["nothing"],
    );
}

/// What is asked of one keeps all awake.
#[test]
fn they_sleep_together() {
    check(
        "one is used",
        "web d1 live=d1 replicas=2
         i1 web d1 running client=-1h
         i2 web d1 running client=-1m",
        &expect!["nothing"],
    );
    check(
        "none is",
        "web d1 live=d1 replicas=2
         i1 web d1 running client=-6m
         i2 web d1 running client=-7m",
        &expect!["sleep shop/web i1 paged; sleep shop/web i2 paged"],
    );
    check(
        "one works by itself",
        "web d1 live=d1 replicas=2
         i1 web d1 running client=-6m
         i2 web d1 running client=-7m cpu=900ms",
        &expect!["nothing"],
    );
    check(
        "one that has just been started",
        "web d1 live=d1 replicas=2
         i1 web d1 running client=-6m
         i2 web d1 running started=-1m ready=-1m",
        &expect!["nothing"],
    );
    check(
        "one that does not become ready keeps nobody awake",
        "web d1 live=d1 replicas=2
         i1 web d1 running client=-6m
         i2 web d1 starting",
        &expect!["sleep shop/web i1 paged"],
    );
    check(
        "a request wakes all",
        "web d1 live=d1 replicas=3 wake=now
         i1 web d1 paged client=-1h
         i2 web d1 paged client=-1h
         i3 web d1 paged client=-1h",
        &expect!["wake shop/web i1; wake shop/web i2; wake shop/web i3"],
    );
    check(
        "so does one that got in before the other slept",
        "web d1 live=d1 replicas=2
         i1 web d1 paged client=-1h
         i2 web d1 running client=now",
        &expect!["wake shop/web i1"],
    );
    serves(
        "the one that is awake has it",
        "web d1 live=d1 replicas=3 wake=now
         i1 web d1 paged client=-1h
         i2 web d1 running client=-1h woken=now
         i3 web d1 frozen client=-1h",
        &expect!["i1 asleep, i2, i3 asleep; ready, 3/3 of d1"],
    );
    serves(
        "asleep",
        "web d1 live=d1 replicas=2
         i1 web d1 paged client=-1h
         i2 web d1 frozen client=-1h",
        &expect!["i1 asleep, i2 asleep; asleep (frozen), 2/2 of d1"],
    );
    check(
        "all are sent to sleep",
        "web d1 live=d1 replicas=2 slept=-1s
         i1 web d1 running client=-2s
         i2 web d1 running client=-1m",
        &expect!["sleep shop/web i1 paged; sleep shop/web i2 paged"],
    );
}

#[test]
fn without_a_process() {
    check("none, while nobody asks", "web d1 live=d1 replicas=2 depth=stopped", &expect!["nothing"]);
    check(
        "a request starts one",
        "web d1 live=d1 replicas=2 depth=stopped wake=now",
        &expect!["start shop/web d1"],
    );
    check(
        "and the others once it is there",
        "web d1 live=d1 replicas=2 depth=stopped wake=-2s
         i1 web d1 running started=-2s ready=-1s client=-1s",
        &expect!["start shop/web d1"],
    );
    check(
        "not while the last one goes",
        "web d1 live=d1 replicas=2 depth=stopped
         i1 web d1 running client=-6m",
        &expect!["stop shop/web i1: idle"],
    );
}
