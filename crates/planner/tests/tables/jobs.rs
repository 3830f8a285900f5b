//! Services that run once at each deploy, and those that wait for them.

use dormouse_planner::standings;
use expect_test::{Expect, expect};

use crate::{
    check,
    dsl::{NOW, situation},
};

/// Where each service stands.
fn stands(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let all = standings(&s.desired, &s.observed, NOW);
    let got: Vec<_> = all.iter().map(|(key, s)| format!("{} {}", key.service, s.state)).collect();
    eprintln!("{what}: {got:?}");
    want.assert_eq(&got.join("; "));
}

#[test]
fn others_start_when_it_is_done() {
    check(
        "nothing yet",
        "migrate d1 job
         web d2 after=migrate
         other d3",
        &expect!["start shop/migrate d1; start shop/other d3"],
    );
    check(
        "it runs",
        "migrate d1 job
         i1 migrate d1 running started=-1m
         web d2 after=migrate",
        &expect!["nothing"],
    );
    check(
        "it has ended well",
        "migrate d1 job
         i1 migrate d1 exited
         end migrate d1 -1s code:0
         web d2 after=migrate",
        &expect!["start shop/web d2; promote shop/migrate d1; remove shop/migrate i1"],
    );
    check(
        "it is done, and stays so",
        "migrate d1 live=d1 job
         web d2 after=migrate
         i2 web d2 starting",
        &expect!["nothing"],
    );
    check(
        "one waits for two, of which one waits for the other",
        "migrate d1 live=d1 job
         seed d2 job after=migrate
         web d3 after=migrate,seed",
        &expect!["start shop/seed d2"],
    );
    check(
        "what is live waits for nobody",
        "migrate d3 live=d1 job deploy=2
         i1 migrate d3 running started=-1m
         web d2 live=d2 after=migrate",
        &expect!["start shop/web d2"],
    );
}

#[test]
fn it_runs_again_at_each_deploy() {
    check(
        "the older version serves meanwhile",
        "migrate d3 live=d1 job deploy=2
         web d4 live=d2 after=migrate deploy=2
         i2 web d2 running",
        &expect!["start shop/migrate d3"],
    );
    check(
        "an earlier one that still runs ends first",
        "migrate d3 live=d1 job deploy=2
         i1 migrate d2 starting started=-1m",
        &expect!["stop shop/migrate i1: another deployment serves"],
    );
    check(
        "and is waited for",
        "migrate d3 live=d1 job deploy=2
         i1 migrate d2 starting draining=-1s",
        &expect!["stop shop/migrate i1: another deployment serves"],
    );
    check(
        "done: the new version starts beside the old one",
        "migrate d3 live=d1 job deploy=2
         end migrate d3 -1s code:0
         web d4 live=d2 after=migrate deploy=2
         i2 web d2 running",
        &expect!["start shop/web d4; promote shop/migrate d3"],
    );
}

#[test]
fn one_that_fails_lets_nothing_start() {
    let fails = |how: &str| {
        format!(
            "migrate d3 live=d1 job deploy=2
             end migrate d3 -9m {how}
             web d4 live=d2 after=migrate deploy=2
             i2 web d2 running"
        )
    };
    check(
        "over an older version",
        &fails("code:3"),
        &expect![
            "fail shop/migrate d3: exited with code 3; fail shop/web d4: not started, because the job `migrate` failed: exited with code 3; sleep shop/web i2 paged"
        ],
    );
    check(
        "killed",
        &fails("oom"),
        &expect![
            "fail shop/migrate d3: out of memory (limit 512 MiB); fail shop/web d4: not started, because the job `migrate` failed: out of memory (limit 512 MiB); sleep shop/web i2 paged"
        ],
    );
    check(
        "its end was not seen",
        &fails("lost"),
        &expect![
            "fail shop/migrate d3: ended while nobody was watching; fail shop/web d4: not started, because the job `migrate` failed: ended while nobody was watching; sleep shop/web i2 paged"
        ],
    );
    check(
        "it could not be started: that is tried again",
        &fails("not-started:full"),
        &expect!["start shop/migrate d3"],
    );
    check(
        "given up already",
        "migrate d1 live=d1 job
         end migrate d3 -9m code:3
         web d4 live=d2 after=migrate deploy=2
         i2 web d2 running",
        &expect![
            "fail shop/web d4: not started, because the job `migrate` failed: exited with code 3; sleep shop/web i2 paged"
        ],
    );
    check(
        "with nothing older it stays as it is",
        "migrate d1 job
         end migrate d1 -9m code:3
         seed d2 job after=migrate
         web d3 after=seed",
        &expect!["nothing"],
    );
    check(
        "too long",
        "migrate d1 job
         i1 migrate d1 running started=-3m",
        &expect!["stop shop/migrate i1: not ready in time"],
    );
    check(
        "a job that is new fails what is not",
        "migrate d3 job deploy=2
         end migrate d3 -1s code:3
         web d4 live=d2 after=migrate deploy=2
         i2 web d2 running",
        &expect![
            "fail shop/web d4: not started, because the job `migrate` failed: exited with code 3; sleep shop/web i2 paged"
        ],
    );
}

/// Bug: of a compose file's `condition: service_healthy` nothing came: all were started at once.
#[test]
fn others_start_when_it_is_ready() {
    check(
        "nothing yet",
        "api d1
         web d2 after=api",
        &expect!["start shop/api d1"],
    );
    check(
        "it is on its way",
        "api d1
         i1 api d1 starting
         web d2 after=api",
        &expect!["nothing"],
    );
    check(
        "it is live",
        "api d1 live=d1
         i1 api d1 running
         web d2 after=api",
        &expect!["start shop/web d2; sleep shop/api i1 paged"],
    );
    check(
        "a new version of both: the older ones serve meanwhile",
        "api d3 live=d1 deploy=2
         i1 api d1 running
         i3 api d3 starting
         web d4 live=d2 after=api deploy=2
         i2 web d2 running",
        &expect!["nothing"],
    );
    check(
        "nothing is different in it",
        "api d1 live=d1
         i1 api d1 running
         web d4 live=d2 after=api deploy=2
         i2 web d2 running",
        &expect!["start shop/web d4; sleep shop/api i1 paged"],
    );
    check(
        "what is live waits for nobody",
        "api d1
         web d2 live=d2 after=api",
        &expect!["start shop/api d1; start shop/web d2"],
    );
}

#[test]
fn one_that_does_not_become_ready_lets_nothing_start() {
    let loops = "end api d1 -9s code:1
         end api d1 -8s code:1
         end api d1 -7s code:1";
    stands(
        "it keeps ending, and is tried again",
        &format!("api d1\n{loops}\nweb d2 after=api\nfront d3 after=web"),
        &expect![
            "api crashed: exited with code 1; front crashed: not started, because `api` did not become ready: exited with code 1; web crashed: not started, because `api` did not become ready: exited with code 1"
        ],
    );
    check(
        "until one helps",
        &format!("api d1 live=d1\n{loops}\ni9 api d1 running\nweb d2 after=api"),
        &expect!["start shop/web d2; sleep shop/api i9 paged"],
    );
    check(
        "it was given up, and an older one is wanted again",
        "api d1 live=d1
         i1 api d1 running
         end api d3 -5s code:1
         web d4 live=d2 after=api deploy=2 created=-1m
         i2 web d2 running",
        &expect![
            "fail shop/web d4: not started, because `api` did not become ready: exited with code 1; sleep shop/api i1 paged; sleep shop/web i2 paged"
        ],
    );
    check(
        "how it ends is not known yet",
        "api d1 live=d1
         i1 api d1 running
         i3 api d3 starting started=-5s draining=-1s
         web d4 live=d2 after=api deploy=2 created=-1m
         i2 web d2 running",
        &expect!["sleep shop/api i1 paged; stop shop/api i3: another deployment serves"],
    );
    check(
        "an earlier deploy's failure is none of this one's",
        "api d1 live=d1
         i1 api d1 running
         end api d3 -5m code:1
         web d4 live=d2 after=api deploy=3 created=-1m
         i2 web d2 running",
        &expect!["start shop/web d4; sleep shop/api i1 paged"],
    );
}

#[test]
fn nothing_puts_it_to_sleep() {
    check(
        "told to sleep",
        "migrate d1 job sleep=1s slept=-1s
         i1 migrate d1 running started=-1m",
        &expect!["nothing"],
    );
}

#[test]
fn how_it_stands() {
    stands(
        "on its way",
        "migrate d1 job
         web d2 after=migrate",
        &expect!["migrate starting; web starting"],
    );
    stands(
        "at work",
        "migrate d1 job
         i1 migrate d1 running started=-1m
         seed d2 job after=migrate
         web d3 live=d1 after=seed
         i3 web d1 running",
        &expect!["migrate running; seed starting; web ready"],
    );
    stands("done", "migrate d1 live=d1 job", &expect!["migrate done"]);
    stands(
        "failed",
        "migrate d1 job
         end migrate d1 -1m code:3
         seed d2 job after=migrate
         web d3 after=seed,migrate",
        &expect![
            "migrate crashed: exited with code 3; seed crashed: not started, because the job `migrate` failed: exited with code 3; web crashed: not started, because the job `migrate` failed: exited with code 3"
        ],
    );
}

/// Bug: a service that was to become a job was never one: it waited for the end of what served.
#[test]
fn what_becomes_a_job_serves_until_that_is_done() {
    let becomes = "web d2 live=d1 job was=web deploy=2";
    check(
        "it runs beside what serves",
        &format!("{becomes}\ni1 web d1 running client=now"),
        &expect!["start shop/web d2"],
    );
    check(
        "it runs",
        &format!("{becomes}\ni1 web d1 running client=now\ni2 web d2 running started=-1m"),
        &expect!["nothing"],
    );
    check(
        "it has failed: what serves goes on",
        &format!("{becomes}\ni1 web d1 running client=now\nend web d2 -1s code:1"),
        &expect!["fail shop/web d2: exited with code 1"],
    );
    check(
        "it is done",
        &format!("{becomes}\ni1 web d1 running client=now\nend web d2 -1s code:0"),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
}
