//! What the answer to a probe means.

use dormouse_model::{Answer, InstanceId, Question};
use dormouse_planner::{note_answer, waiting};
use expect_test::{Expect, expect};

use crate::dsl::{NOW, situation};

/// What is asked of i1, and what `answer` makes of it.
#[track_caller]
fn check(what: &str, text: &str, answer: Answer, want: &Expect) {
    check_asked(what, text, None, answer, want);
}

/// The same of another question than its usual one.
#[track_caller]
fn check_asked(what: &str, text: &str, asked: Option<Question>, answer: Answer, want: &Expect) {
    let mut s = situation(text);
    let i = s.observed.instances.get_mut(&InstanceId(1)).unwrap();
    let svc = &s.desired.services[&i.key];
    let spec = &svc.target.spec;
    let before = i.probe.clone();
    let asked = asked.unwrap_or_else(|| spec.question(i.probe.speaks_http));
    let became_ready = note_answer(i, svc, &asked, answer, NOW);
    let mut got = match (became_ready, i.probe.failures > before.failures) {
        (true, _) => "ready".to_owned(),
        (false, true) => "failed".to_owned(),
        (false, false) => "fine".to_owned(),
    };
    if i.probe.speaks_http != before.speaks_http {
        got += &format!(", speaks http: {:?}", i.probe.speaks_http);
    }
    if let Some(told) = waiting(i, spec, NOW) {
        got += &format!("; {told}");
    }
    eprintln!("{what}: {got}");
    want.assert_eq(&got);
}

#[test]
fn of_one_that_starts() {
    let page = "web d1 serves=gunicorn\ni1 web d1 starting";
    check("an answer", page, Answer::Status(200), &expect!["ready"]);
    for code in [301, 401, 404, 405] {
        check("an answer all the same", page, Answer::Status(code), &expect!["ready"]);
    }
    check("an error", page, Answer::Status(500), &expect!["failed"]);
    check("it loads", page, Answer::Status(503), &expect!["failed"]);
    check("cut off", page, Answer::Cut, &expect!["failed"]);
    check("its workers do not answer", page, Answer::Silent, &expect!["failed"]);
    check("not HTTP", page, Answer::NotHttp, &expect!["failed"]);
    check("nobody", page, Answer::Refused, &expect!["failed"]);
    let path = "web d1 asks=/up\ni1 web d1 starting";
    check("a named path has to be good", path, Answer::Status(404), &expect!["failed"]);
    check("and is", path, Answer::Status(204), &expect!["ready"]);
    check("a redirect is good", path, Answer::Status(302), &expect!["ready"]);
    check("but not to itself", path, Answer::Loop(302), &expect!["failed"]);
    check("which is an answer all the same", page, Answer::Loop(302), &expect!["ready"]);
    let tcp = "web d1\ni1 web d1 starting";
    check("a connection", tcp, Answer::Accepted, &expect!["ready"]);
    check("no connection", tcp, Answer::Refused, &expect!["failed"]);
}

#[test]
fn of_one_nobody_knows() {
    let unknown = "web d1 serves=./run\ni1 web d1 starting";
    check("HTTP", unknown, Answer::Status(200), &expect!["ready, speaks http: Some(true)"]);
    check("HTTP, and broken", unknown, Answer::Status(500), &expect!["failed, speaks http: Some(true)"]);
    check("another protocol", unknown, Answer::NotHttp, &expect!["ready, speaks http: Some(false)"]);
    check("nobody yet", unknown, Answer::Refused, &expect!["failed"]);
    check(
        "silent, and an HTTP server is among its processes",
        unknown,
        Answer::Silent,
        &expect!["failed, speaks http: Some(true)"],
    );
}

#[test]
fn of_one_that_was_ready() {
    let page = "web d1 live=d1 serves=gunicorn\ni1 web d1 running";
    check("a page may fail", page, Answer::Status(500), &expect!["fine"]);
    let trial = "web d2 live=d1 serves=gunicorn\ni1 web d2 starting ready=-5s ok=-5s";
    check("but not of one on trial", trial, Answer::Status(500), &expect!["failed"]);
    check("silence may not", page, Answer::Silent, &expect!["failed"]);
    let path = "web d1 live=d1 asks=/up\ni1 web d1 running";
    check("nor a health route", path, Answer::Status(503), &expect!["failed"]);
    let again = "web d1 live=d1 serves=gunicorn\ni1 web d1 starting";
    check("started again, and it loads", again, Answer::Status(503), &expect!["failed"]);
    check(
        "started again long ago: it was ready once with what it is",
        &format!("{again} started=-120s"),
        Answer::Status(503),
        &expect!["ready"],
    );
    check(
        "one that never was is not",
        "web d1 serves=gunicorn\ni1 web d1 starting started=-120s",
        Answer::Status(503),
        &expect![[r#"
            failed; it answers 503 to GET / on port 8000; waiting for another answer until 2 min after its start
              hint: if that is how it should be, name a path that it answers well as `health` of web in the manifest"#]],
    );
}

#[test]
fn of_a_script() {
    let trial = "web d2 live=d1 serves=streamlit+run+app.py\ni1 web d2 starting ready=-5s ok=-1s";
    for (what, answer, want) in [
        ("it runs", Answer::Status(200), expect!["fine"]),
        ("it ends with an error", Answer::Status(503), expect!["failed"]),
        ("it takes its time", Answer::Silent, expect!["fine"]),
        ("a Streamlit without that check", Answer::Status(404), expect!["fine"]),
        ("nobody listens any more", Answer::Refused, expect!["failed"]),
    ] {
        let asked = Question::Http("/_stcore/script-health-check".to_owned());
        check_asked(what, trial, Some(asked), answer, &want);
    }
}

#[test]
fn what_is_told() {
    let old = "serves=gunicorn\ni1 web d1 starting started=-4s";
    check(
        "an error",
        &format!("web d1 {old}"),
        Answer::Status(500),
        &expect![[r#"
            failed; it answers 500 to GET / on port 8000; waiting for another answer until 2 min after its start
              hint: if that is how it should be, name a path that it answers well as `health` of web in the manifest"#]],
    );
    check(
        "silence",
        &format!("web d1 {old}"),
        Answer::Silent,
        &expect![[r#"
            failed; it takes connections on port 8000, and gives no answer to GET / within 5 s
              hint: if its answer takes longer, write health = { timeout = "20s" } for web in the manifest, or name a path that it answers sooner as `health` of web in the manifest; if it gives none, write health = "tcp" for web in the manifest"#]],
    );
    check(
        "a cut",
        &format!("web d1 {old}"),
        Answer::Cut,
        &expect!["failed; it closes connections on port 8000 without an answer to GET /"],
    );
    check(
        "another protocol",
        &format!("web d1 {old}"),
        Answer::NotHttp,
        &expect![[r#"
        failed; what answers on port 8000 is not HTTP
          hint: if that is how it should be, write health = "tcp" for web in the manifest"#]],
    );
    check("nothing that is worth it", &format!("web d1 {old}"), Answer::Refused, &expect!["failed"]);
    check(
        "a named path",
        "web d1 asks=/up\ni1 web d1 starting started=-4s",
        Answer::Status(404),
        &expect![[r#"
            failed; it answers 404 to GET /up on port 8000; waiting for another answer until 2 min after its start
              hint: an answer below 400 counts as good; mend it, or name another path as `health` of web in the manifest"#]],
    );
    check(
        "another address",
        &format!("web d1 {old} astray=-1s listens=127.0.0.1:8000"),
        Answer::Refused,
        &expect![[r#"
            failed; it listens on 127.0.0.1:8000, not on 0.0.0.0:8000 (PORT)
              hint: add `--bind 0.0.0.0:$PORT` to its start command"#]],
    );
    check(
        "another port",
        &format!("web d1 {old} astray=-1s listens=0.0.0.0:5000,127.0.0.1:9000"),
        Answer::Refused,
        &expect![[r#"
            failed; it listens on 0.0.0.0:5000 and 127.0.0.1:9000, not on 0.0.0.0:8000 (PORT)
              hint: add `--bind 0.0.0.0:$PORT` to its start command, or write port = 5000 for web in the manifest"#]],
    );
    // Bug: people with a compose file were told to write words of a dormouse.toml.
    let compose = old.replacen("serves", "compose=compose.yaml serves", 1);
    for (answer, more, expected) in [
        (
            Answer::Status(500),
            "",
            expect![[r#"
                failed; it answers 500 to GET / on port 8000; waiting for another answer until 2 min after its start
                  hint: if that is how it should be, name a path that it answers well in the `healthcheck` of web in compose.yaml, such as test: curl -f http://localhost:8000/health"#]],
        ),
        (
            Answer::NotHttp,
            "",
            expect![[r#"
            failed; what answers on port 8000 is not HTTP
              hint: if that is how it should be, write healthcheck: {disable: true} for web in compose.yaml"#]],
        ),
        (
            Answer::Refused,
            " astray=-1s listens=0.0.0.0:5000",
            expect![[r#"
            failed; it listens on 0.0.0.0:5000, not on 0.0.0.0:8000 (PORT)
              hint: add `--bind 0.0.0.0:$PORT` to its start command, or write expose: ["5000"] for web in compose.yaml"#]],
        ),
    ] {
        check("with a compose file", &format!("web d1 {compose}{more}"), answer, &expected);
    }
    check(
        "the framework's own",
        "web d1 serves=flask+run\ni1 web d1 starting started=-4s astray=-1s listens=127.0.0.1:5000",
        Answer::Refused,
        &expect![[r#"
            failed; it listens on 127.0.0.1:5000, not on 0.0.0.0:8000 (PORT)
              hint: add `--host 0.0.0.0 --port $PORT` to its start command"#]],
    );
}
