//! Who is probed when.

use dormouse_model::{InstanceId, Question};
use dormouse_planner::probe_due;
use expect_test::{Expect, expect};

use crate::dsl::{NOW, situation};

/// Who is asked, and what.
fn show(id: InstanceId, asked: &Question) -> String {
    match asked {
        Question::Connection => id.to_string(),
        Question::Http(path) => format!("{id} GET {path}"),
        Question::Protocol(path) => format!("{id} GET {path}?"),
    }
}

#[track_caller]
fn check(what: &str, text: &str, want: &Expect) {
    let s = situation(text);
    let due: Vec<String> =
        probe_due(&s.desired, &s.observed, NOW).iter().map(|(id, asked)| show(*id, asked)).collect();
    eprintln!("{what}: {due:?}");
    want.assert_eq(&due.join(" "));
}

#[test]
fn probing() {
    check("never probed", "web d1\ni1 web d1 starting probed=never", &expect!["i1"]);
    check("starting", "web d1\ni1 web d1 starting probed=-99ms", &expect![[""]]);
    check("starting, again", "web d1\ni1 web d1 starting probed=-100ms", &expect!["i1"]);
    check("starting for a while", "web d1\ni1 web d1 starting started=-10s probed=-200ms", &expect![[""]]);
    check(
        "starting for a while, again",
        "web d1\ni1 web d1 starting started=-10s probed=-250ms",
        &expect!["i1"],
    );
    check("starting for long", "web d1\ni1 web d1 starting started=-1m probed=-900ms", &expect![[""]]);
    check("starting for long, again", "web d1\ni1 web d1 starting started=-1m probed=-1s", &expect!["i1"]);
    check("ready", "web d1 live=d1\ni1 web d1 running probed=-9s", &expect![[""]]);
    check("ready, again", "web d1 live=d1\ni1 web d1 running probed=-10s", &expect!["i1"]);
    check("just woken", "web d1 live=d1\ni1 web d1 running probed=-1h woken=-1s", &expect![[""]]);
    check("asleep", "web d1 live=d1\ni1 web d1 paged probed=-1h", &expect![[""]]);
    check("draining", "web d1 live=d1\ni1 web d1 running probed=-1h draining=-1s", &expect![[""]]);
    check("ended", "web d1 live=d1\ni1 web d1 exited probed=-1h", &expect![[""]]);
    check("a worker", "web d1 live=d1 worker\ni1 web d1 running probed=never", &expect![[""]]);
    check("unwanted", "web d2 live=d2\ni1 web d1 running probed=-1h", &expect![[""]]);
    check(
        "both sides of a rollout",
        "web d2 live=d1\ni1 web d1 running probed=-1h\ni2 web d2 starting probed=-1s",
        &expect!["i1 i2"],
    );
}

#[test]
fn what_is_asked() {
    let page = "web d1 live=d1 serves=gunicorn\n";
    check("only a connection", "web d1\ni1 web d1 starting probed=never", &expect!["i1"]);
    check("a server that is known", &format!("{page}i1 web d1 starting probed=never"), &expect!["i1 GET /"]);
    check("nothing is known", "web d1 serves=./run\ni1 web d1 starting probed=never", &expect!["i1 GET /?"]);
    check(
        "it was found out",
        "web d1 serves=./run\ni1 web d1 starting probed=-1s speaks=http",
        &expect!["i1 GET /"],
    );
    check(
        "it answers, but not well: a line in its log is enough each second",
        &format!("{page}i1 web d1 starting probed=-999ms status=503"),
        &expect![[""]],
    );
    check(
        "and that it gets",
        &format!("{page}i1 web d1 starting probed=-1s status=503"),
        &expect!["i1 GET /"],
    );
    check(
        "a route that was named is there to be asked",
        "web d1 live=d1 asks=/up\ni1 web d1 running probed=-10s ok=-10s",
        &expect!["i1 GET /up"],
    );
    check(
        "a page is not, once it has been there",
        &format!("{page}i1 web d1 running probed=-10s ok=-20s"),
        &expect!["i1"],
    );
    let trial = "web d2 live=d1 serves=gunicorn\ni1 web d1 running\ni2 web d2 starting ready=-5s";
    check("unless it is on trial", &format!("{trial} ok=-5s probed=-2s"), &expect!["i2 GET /"]);
    let young = trial.replace("-5s", "-2s");
    check("each second of it", &format!("{young} ok=-2s probed=-1s"), &expect!["i2 GET /"]);
    check("once in a second", &format!("{young} ok=-2s probed=-900ms"), &expect![[""]]);
    check("when its time is up, at once", &format!("{trial} ok=-1s probed=-100ms"), &expect!["i2 GET /"]);
    let late = trial.replace("-5s", "-6s");
    check(
        "not answered well, once in a second",
        &format!("{late} ok=-6s probed=-900ms failures=1"),
        &expect![[""]],
    );
    check("which it has stood", &format!("{trial} ok=now probed=-2s"), &expect![[""]]);
    // Bug: a Streamlit app whose script ended with an error replaced one that worked.
    let page_of_streamlit = trial.replace("gunicorn", "streamlit+run+app.py");
    check(
        "Streamlit's health says nothing of its script",
        &format!("{page_of_streamlit} ok=-1s probed=-100ms"),
        &expect!["i2 GET /_stcore/script-health-check"],
    );
    check(
        "which is run once",
        &format!("{} ok=-1s probed=-1s", page_of_streamlit.replace("-5s", "-4s")),
        &expect!["i2 GET /_stcore/health"],
    );
    check(
        "or the last probe failed",
        &format!("{page}i1 web d1 running probed=-10s ok=-20s failures=1"),
        &expect!["i1 GET /"],
    );
    check(
        "or somebody waits for an answer",
        &format!("{page}i1 web d1 running probed=-10s ok=-60s inflight=1 client=-10s"),
        &expect!["i1 GET /"],
    );
    check(
        "for longer than a moment",
        &format!("{page}i1 web d1 running probed=-10s ok=-60s inflight=1 client=-9s"),
        &expect!["i1"],
    );
    check(
        "and gets nothing of it",
        &format!("{page}i1 web d1 running probed=-10s ok=-60s inflight=1 client=-30s answered=-1s"),
        &expect!["i1"],
    );
    check(
        "or has left without one",
        &format!("{page}i1 web d1 running probed=-10s ok=-60s client=-30s"),
        &expect!["i1 GET /"],
    );
    check(
        "or it has not been heard of for long",
        &format!("{page}i1 web d1 running probed=-10s ok=-120s"),
        &expect!["i1 GET /"],
    );
    check(
        "just woken: what it did before its sleep is not held against it",
        &format!("{page}i1 web d1 running probed=-1h ok=-1h woken=-10s"),
        &expect!["i1"],
    );
}
