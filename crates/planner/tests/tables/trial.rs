//! A new version answers only some requests, or refuses what the older one answers.

use dormouse_model::{Answer, InstanceId, Question};
use dormouse_planner::{note_answer, note_status, remark};
use expect_test::{Expect, expect};

use crate::{
    check,
    dsl::{NOW, key, situation},
};

/// What i2 is held to, once it has answered a request for `path` with `status`; and what those after it will be.
#[track_caller]
fn held(what: &str, text: &str, path: &str, status: u16, want: &Expect) {
    let mut s = situation(text);
    let i = s.observed.instances.get_mut(&InstanceId(2)).unwrap();
    let (svc, asked) = (&s.desired.services[&i.key], Question::Http(path.to_owned()));
    note_answer(i, svc, &asked, Answer::Status(status), NOW);
    let answers = s.observed.answers.entry(key("web")).or_default();
    let host = "shop.localhost:8080";
    let changed = note_status(i, svc, answers, (&asked, host), Answer::Status(status), NOW);
    let refused = i.probe.refusal().map_or(String::new(), |r| format!("refused, before {}; ", r.before));
    let kept: Vec<_> = answers.iter().map(|a| format!("{} {} {}", a.deployment, a.path, a.status)).collect();
    let kept = if changed { format!("kept: {}", kept.join(", ")) } else { "nothing kept".to_owned() };
    eprintln!("{what}");
    want.assert_eq(&format!("{refused}{kept}"));
}

/// Bug: a Django app whose ALLOWED_HOSTS lacked its host answered 400 to everything, and replaced the one that worked.
#[test]
fn what_the_older_one_answers() {
    let web = "web d2 live=d1 serves=gunicorn
         answered web d1 / 200
         i1 web d1 running
         i2 web d2 starting";
    for code in [400, 404, 410, 421] {
        held("is refused", web, "/", code, &expect!["refused, before 200; nothing kept"]);
    }
    for code in [401, 403, 405, 429] {
        held("a login, another method, a limit", web, "/", code, &expect!["nothing kept"]);
    }
    held("an error is no answer at all", web, "/", 500, &expect!["nothing kept"]);
    held("is answered", web, "/", 302, &expect!["kept: d1 / 200, d2 / 302"]);
    held("another path", web, "/docs", 404, &expect!["nothing kept"]);
    let named = web.replace("serves=gunicorn", "asks=/up").replace("/ 200", "/up 200");
    held(
        "of a path that somebody named every other answer is bad",
        &named,
        "/up",
        404,
        &expect!["nothing kept"],
    );
    // Apollo Server answers 400 to GET /.
    let honest = web.replace("answered web d1 / 200\n", "");
    held("nor did the older one", &honest, "/", 400, &expect!["nothing kept"]);
    let first = "web d2 serves=gunicorn
         i2 web d2 starting";
    held("there is no older one", first, "/", 400, &expect!["nothing kept"]);
    held("it is what others are held to", first, "/", 200, &expect!["kept: d2 / 200"]);
    let live = "web d2 live=d2 replaced=d1 serves=gunicorn
         answered web d0 / 200
         answered web d1 / 200
         i2 web d2 running";
    held(
        "what it replaced may come back; others are forgotten",
        live,
        "/",
        200,
        &expect!["kept: d1 / 200, d2 / 200"],
    );
    held("once it is live nothing is asked of it", live, "/", 400, &expect!["nothing kept"]);
}

#[test]
fn a_version_that_refuses_it() {
    let web = "web d2 live=d1 serves=gunicorn
         i1 web d1 running client=now
         i2 web d2 starting status=400";
    check("serves nobody", &format!("{web} ready=-20s ok=now refuses=now"), &expect!["nothing"]);
    check(
        "nor once it no longer does, for some seconds",
        &format!("{web} ready=-20s ok=now refuses=-4s"),
        &expect!["nothing"],
    );
    check(
        "it was only loading",
        &format!("{web} ready=-20s ok=now refuses=-5s"),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "it has had its time",
        &format!("{web} started=-120s ready=-119s ok=now refuses=now"),
        &expect![[r#"
            fail shop/web d2: not ready within 120 s: it answers 400 to GET / on port 8000, where the version before answers 200
              hint: Django answers so to a host that ALLOWED_HOSTS lacks (Starlette: allowed_hosts): see whether `shop.localhost` is in it; if that is how it should be, name a path that it answers well as `health` of web in the manifest, or write health = "tcp" for web in the manifest; stop shop/web i2: not ready in time"#]],
    );
    check(
        "what keeps ending is no measure",
        "web d2 live=d1 serves=gunicorn
         i2 web d2 starting status=400 ready=-9s ok=now refuses=now
         end web d1 -9s code:1
         end web d1 -5s code:1
         end web d1 -1s code:1",
        &expect!["promote shop/web d2"],
    );
}

/// Bug: a version that hung on every second request, or cut it off, replaced the one that worked.
#[test]
fn a_version_that_answers_only_some_requests() {
    let web = "web d2 live=d1 serves=gunicorn
         i1 web d1 running client=now
         i2 web d2 starting";
    check("one was left", &format!("{web} ready=-9s ok=now failed=-4s"), &expect!["nothing"]);
    check(
        "long ago: all of five seconds were answered",
        &format!("{web} ready=-9s ok=now failed=-5s"),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "before its first answer: it was starting",
        &format!("{web} ready=-5s ok=now failed=-6s"),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "it has had its time",
        &format!("{web} started=-125s ready=-119s ok=-6s failures=1 failed=now silent"),
        &expect![
            "fail shop/web d2: not ready within 120 s: it takes connections on port 8000, and gives no answer to GET /; stop shop/web i2: not ready in time"
        ],
    );
    check(
        "it serves, because the older one does not, and is busy with that",
        &format!("{web} started=-125s ready=-119s ok=-6s failures=1 failed=now silent client=-9s"),
        &expect!["nothing"],
    );
    check(
        "the last answer was a good one: it may be the first of many",
        &format!("{web} started=-125s ready=-119s ok=now failed=-4s status=200"),
        &expect!["nothing"],
    );
    check(
        "it came late, and has some seconds yet",
        &format!("{web} started=-125s ready=-9s ok=-6s failures=1 failed=now silent"),
        &expect!["nothing"],
    );
}

/// Bug: nobody was told that the first version of an app answered 400 to every request.
#[test]
fn what_is_said_of_the_first_version() {
    for (serves, status, want) in [
        (
            "gunicorn",
            400,
            Some(
                "it answers 400 to GET /: Django answers so to a host that ALLOWED_HOSTS lacks (Starlette: allowed_hosts): see whether `shop.localhost` is in it",
            ),
        ),
        ("gunicorn", 404, None),
        ("gunicorn", 200, None),
        ("node+server.js", 400, None),
    ] {
        let s = situation(&format!("web d1 serves={serves}\ni1 web d1 starting status={status}"));
        let spec = &s.desired.services[&key("web")].target.spec;
        let said = remark(&s.observed.instances[&InstanceId(1)], spec, "shop.localhost:8080");
        assert_eq!(said.as_deref(), want, "{serves} {status}");
    }
}
