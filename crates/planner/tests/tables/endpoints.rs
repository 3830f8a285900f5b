//! What the edge is told.

use std::collections::BTreeMap;

use dormouse_model::{Endpoint, InstanceId};
use dormouse_planner::{BuildFact, Facts, endpoints, standings};
use expect_test::{Expect, expect};

use crate::dsl::{NOW, key, situation};

fn show(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Ready { targets } => {
            let target = |t: &dormouse_model::Target| {
                format!("{} at {}{}", t.instance, t.addr, if t.asleep { " asleep" } else { "" })
            };
            format!("ready: {}", targets.iter().map(target).collect::<Vec<_>>().join(", "))
        }
        Endpoint::Stopped => "stopped".to_owned(),
        Endpoint::Starting => "starting".to_owned(),
        Endpoint::Building => "building".to_owned(),
        Endpoint::Crashed { reason, .. } => format!("crashed: {reason}"),
        Endpoint::Failed { reason } => format!("failed: {reason}"),
    }
}

#[track_caller]
fn check_with(what: &str, text: &str, facts: &Facts, want: &Expect) {
    let s = situation(text);
    let table: BTreeMap<_, _> = endpoints(&s.desired, &s.observed, facts, NOW);
    let got: Vec<String> = table.iter().map(|(key, e)| format!("{key} {}", show(e))).collect();
    eprintln!("{what}: {got:?}");
    want.assert_eq(&got.join("; "));
}

#[track_caller]
fn check(what: &str, text: &str, want: &Expect) {
    check_with(what, text, &Facts::default(), want);
}

#[test]
fn rollouts() {
    check("on its way", "web d1", &expect!["shop/web starting"]);
    check("starting", "web d1\ni1 web d1 starting", &expect!["shop/web starting"]);
    check("ready", "web d1\ni1 web d1 running", &expect!["shop/web ready: i1 at 10.9.1.64:8000"]);
    check(
        "the older one serves",
        "web d2 live=d1\ni1 web d1 running\ni2 web d2 starting",
        &expect!["shop/web ready: i1 at 10.9.1.64:8000"],
    );
    check(
        "the older one serves asleep",
        "web d2 live=d1\ni1 web d1 paged\ni2 web d2 starting",
        &expect!["shop/web ready: i1 at 10.9.1.64:8000 asleep"],
    );
    check(
        "the newer one serves",
        "web d2 live=d1\ni1 web d1 running\ni2 web d2 running",
        &expect!["shop/web ready: i2 at 10.9.1.65:8000"],
    );
    check(
        "not one that drains",
        "web d2 live=d2\ni1 web d1 running draining=-1s\ni2 web d2 running",
        &expect!["shop/web ready: i2 at 10.9.1.65:8000"],
    );
    check(
        "only one of several",
        "web d1 live=d1\ni1 web d1 running\ni2 web d1 running",
        &expect!["shop/web ready: i1 at 10.9.1.64:8000"],
    );
    check("gone", "i1 web d1 running", &expect![[""]]);
}

#[test]
fn sleep() {
    check(
        "asleep",
        "web d1 live=d1\ni1 web d1 paged",
        &expect!["shop/web ready: i1 at 10.9.1.64:8000 asleep"],
    );
    let facts = Facts { falling_asleep: [(InstanceId(1), key("web"))].into(), ..Facts::default() };
    check_with(
        "about to be",
        "web d1 live=d1\ni1 web d1 running",
        &facts,
        &expect!["shop/web ready: i1 at 10.9.1.64:8000 asleep"],
    );
    check("no process, by choice", "web d1 live=d1 depth=stopped", &expect!["shop/web stopped"]);
    check("no process, but wanted", "web d1 live=d1 depth=stopped wake=now", &expect!["shop/web starting"]);
    check(
        "stopping",
        "web d1 live=d1 depth=stopped\ni1 web d1 running draining=-1s",
        &expect!["shop/web stopped"],
    );
}

#[test]
fn crashes() {
    let twice = "end web d1 -4s code:1\nend web d1 -3s code:1";
    let oom = "end web d1 -1s oom";
    check(
        "once or twice is no crash loop",
        &format!("web d1 live=d1\n{twice}"),
        &expect!["shop/web starting"],
    );
    check(
        "three times is",
        &format!("web d1 live=d1\n{twice}\n{oom}"),
        &expect!["shop/web crashed: out of memory (limit 512 MiB)"],
    );
    check(
        "also while it tries again",
        &format!("web d1 live=d1\n{twice}\n{oom}\ni9 web d1 starting"),
        &expect!["shop/web crashed: out of memory (limit 512 MiB)"],
    );
    check(
        "until it is ready",
        &format!("web d1 live=d1\n{twice}\n{oom}\ni9 web d1 running"),
        &expect!["shop/web ready: i9 at 10.9.1.72:8000"],
    );
    check(
        "killed",
        &format!("web d1 live=d1\n{twice}\nend web d1 -1s signal:9"),
        &expect!["shop/web crashed: killed by signal 9"],
    );
    check(
        "never ready",
        &format!("web d1\n{twice}\nend web d1 -1s never-ready:nothing_listens"),
        &expect!["shop/web crashed: nothing listens"],
    );
    check(
        "never ready, as it was written down before it was told why",
        &format!("web d1\n{twice}\nend web d1 -1s never-ready"),
        &expect!["shop/web crashed: not ready in time"],
    );
    check(
        "unhealthy",
        &format!("web d1 live=d1\n{twice}\nend web d1 -1s unhealthy ready-for=1m"),
        &expect!["shop/web crashed: fails its health checks"],
    );
    check(
        "not started",
        &format!("web d1\n{twice}\nend web d1 -1s not-started:no-such-file"),
        &expect!["shop/web crashed: could not be started: no-such-file"],
    );
    check(
        "a deployment that may mend it",
        &format!("web d2 live=d1\n{twice}\n{oom}"),
        &expect!["shop/web starting"],
    );
    check(
        "no process and in back-off",
        &format!("web d1 live=d1 depth=stopped\n{twice}\n{oom}"),
        &expect!["shop/web crashed: out of memory (limit 512 MiB)"],
    );
    check(
        "no process, the next request may try",
        "web d1 live=d1 depth=stopped\nend web d1 -9m code:1\nend web d1 -8m code:1\nend web d1 -6m code:1",
        &expect!["shop/web stopped"],
    );
}

#[test]
fn builds() {
    let running = Facts { builds: [(key("web"), BuildFact::Running)].into(), ..Facts::default() };
    let reason = "the dependencies phase failed".to_owned();
    let failed = Facts { builds: [(key("web"), BuildFact::Failed { reason })].into(), ..Facts::default() };
    check_with("the first", "", &running, &expect!["shop/web building"]);
    check_with("the first failed", "", &failed, &expect!["shop/web failed: the dependencies phase failed"]);
    check_with(
        "a later one",
        "web d1 live=d1\ni1 web d1 running",
        &running,
        &expect!["shop/web ready: i1 at 10.9.1.64:8000"],
    );
    check_with(
        "a later one failed",
        "web d1 live=d1\ni1 web d1 running",
        &failed,
        &expect!["shop/web ready: i1 at 10.9.1.64:8000"],
    );
    check_with(
        "while the older one keeps crashing",
        "web d1 live=d1\nend web d1 -4s code:1\nend web d1 -3s code:1\nend web d1 -1s code:1",
        &running,
        &expect!["shop/web building"],
    );
}

#[test]
fn said_to_people() {
    let say = |text: &str| {
        let s = situation(text);
        standings(&s.desired, &s.observed, NOW)[&key("web")].state.to_string()
    };
    let got = [
        say("web d1"),
        say("web d1 live=d1\ni1 web d1 running"),
        say("web d1 live=d1\ni1 web d1 frozen"),
        say("web d1 live=d1\ni1 web d1 paged"),
        say("web d1 live=d1 depth=stopped"),
        say("web d1\nend web d1 -4s code:1\nend web d1 -3s code:1\nend web d1 -1s oom"),
    ];
    expect![
        "starting; ready; asleep (frozen); asleep (paged); stopped; crashed: out of memory (limit 512 MiB)"
    ]
    .assert_eq(&got.join("; "));
}
