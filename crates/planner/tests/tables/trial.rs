//! A new version answers only some requests, or refuses what the older one answers.

use dormouse_model::{Answer, Answered, DeploymentId, InstanceId, Question, Time};
use dormouse_planner::{
    Compared, Refused, binds, compared_by, compared_with, note_answer, note_status, remark,
};
use expect_test::{Expect, expect};

use crate::{
    check,
    dsl::{NOW, key, situation},
};

/// With what i2 is compared, and by which paths, when it gives this answer.
#[track_caller]
fn compared(what: &str, text: &str, path: &str, answer: Answer, want: &Expect) {
    let s = situation(text);
    let target = &s.desired.services[&key("web")].target;
    let paths = compared_by(target, &Question::Http(path.to_owned()), answer).join(", ");
    let before = compared_with(&s.desired, &s.observed, InstanceId(2)).filter(|_| !paths.is_empty());
    let before = before.map_or("nothing".to_owned(), |b| {
        let instance = b.instance.map_or("no process".to_owned(), |i| i.to_string());
        let asleep = if b.asleep { ", asleep" } else { "" };
        let known = b.known.iter().filter(|a| binds(a)).map(|a| format!(", {} {}", a.path, a.status));
        format!("{paths}: {}, {instance}{asleep}{}", b.process, known.collect::<String>())
    });
    eprintln!("{what}");
    want.assert_eq(&before);
}

/// Bug: what one version answered in its first second was all that the next was held to, and only on the same path.
#[test]
fn what_a_new_version_is_compared_with() {
    let web = "web d2 live=d1 serves=gunicorn
         answered web d0 / 200
         answered web d1 / 404
         i1 web d1 running
         i2 web d2 starting";
    for code in [400, 404, 410, 421] {
        let want = expect!["/: d1, i1"];
        compared("it refuses", web, "/", Answer::Status(code), &want);
    }
    compared("it only leads back", web, "/", Answer::Loop(302), &expect!["/: d1, i1"]);
    for code in [200, 302, 401, 403, 405, 429, 500] {
        compared("it does not", web, "/", Answer::Status(code), &expect!["nothing"]);
    }
    let asleep = web.replace("d1 running", "d1 paged").replace("d1 / 404", "d1 / 200");
    compared("asleep", &asleep, "/", Answer::Status(404), &expect!["/: d1, i1, asleep, / 200"]);
    let stopped = asleep.replace("i1 web d1 paged", "");
    compared("without a process", &stopped, "/", Answer::Status(404), &expect!["/: d1, no process, / 200"]);
    let loops = web.replace("d1 / 404", "d1 / loop");
    compared("what led back binds nobody", &loops, "/", Answer::Status(404), &expect!["/: d1, i1"]);

    let route = "web d2 live=d1 serves=gunicorn route=/up
         i1 web d1 running
         i2 web d2 starting";
    compared("a route that may have moved", route, "/up", Answer::Status(404), &expect!["/, /up: d1, i1"]);
    compared("the pages beside such a route", route, "/up", Answer::Status(200), &expect!["/: d1, i1"]);
    compared("another path than before", route, "/up", Answer::Status(421), &expect!["/up, /: d1, i1"]);
    let docs = "web d2 live=d1 serves=uvicorn page=/docs
         i1 web d1 running
         i2 web d2 starting";
    compared("a framework's page, turned off", docs, "/docs", Answer::Status(404), &expect!["/: d1, i1"]);
    compared("no host it knows", docs, "/docs", Answer::Status(400), &expect!["/docs, /: d1, i1"]);

    let named = web.replace("serves=gunicorn", "asks=/up");
    compared("somebody named a path", &named, "/up", Answer::Status(404), &expect!["nothing"]);
    let first = "web d2 serves=gunicorn
         i2 web d2 starting";
    compared("there is no older one", first, "/", Answer::Status(400), &expect!["nothing"]);
    let live = web.replace("live=d1", "live=d2");
    compared("once it is live", &live, "/", Answer::Status(400), &expect!["nothing"]);
}

/// What i2 is held to, and what is remembered, after these answers for `path`, a second apart. `!` says that the live
/// version answers the same with 200.
#[track_caller]
fn held(what: &str, text: &str, path: &str, answers: &str, want: &Expect) {
    let mut s = situation(text);
    let i = s.observed.instances.get_mut(&InstanceId(2)).unwrap();
    let (svc, asked) = (&s.desired.services[&i.key], Question::Http(path.to_owned()));
    let known = s.observed.answers.or_default(&key("web"));
    let host = "shop.localhost:8080";
    let mut changed = false;
    for (n, word) in answers.split_whitespace().enumerate() {
        let at = Time(NOW.0 + 1000 * n as u64);
        let status: u16 = word.trim_end_matches('!').parse().unwrap();
        let mut compared = Compared::default();
        if word.ends_with('!') {
            let (deployment, path) = (DeploymentId(1), path.to_owned());
            let answer = Answer::Status(status);
            let refused = Refused { path: path.clone(), answer, before: 200, remembered: false };
            compared.refused = Some(refused);
            compared.learned.push(Answered { deployment, path, status: 200, loops: false, at });
        }
        note_answer(i, svc, &asked, Answer::Status(status), at);
        changed |= note_status(i, svc, known, (&asked, host), (Answer::Status(status), compared), at);
    }
    let refused = i.probe.refusal().map(|r| (r.before, (r.at.0 - r.since.0) / 1000));
    let refused = refused.map_or(String::new(), |(code, s)| format!("refused for {s} s, before {code}; "));
    let kept: Vec<_> = known.iter().map(|a| format!("{} {} {}", a.deployment, a.path, a.status)).collect();
    let kept = if changed { format!("kept: {}", kept.join(", ")) } else { "nothing new".to_owned() };
    eprintln!("{what}");
    want.assert_eq(&format!("{refused}{kept}"));
}

/// Bug: a Django app whose ALLOWED_HOSTS lacked its host answered 400 to everything, and replaced the one that worked.
#[test]
fn what_is_remembered() {
    let web = "web d2 live=d1 serves=gunicorn
         answered web d1 / 200
         i1 web d1 running
         i2 web d2 starting";
    held("is refused", web, "/", "400!", &expect!["refused for 0 s, before 200; kept: d1 / 200, d2 / 400"]);
    held(
        "on end",
        web,
        "/",
        "400! 400! 400!",
        &expect!["refused for 2 s, before 200; kept: d1 / 200, d2 / 400"],
    );
    held(
        "not on end",
        web,
        "/",
        "400! 200 400!",
        &expect!["refused for 0 s, before 200; kept: d1 / 200, d2 / 400"],
    );
    held(
        "two things",
        web,
        "/",
        "400! 404!",
        &expect!["refused for 0 s, before 200; kept: d1 / 200, d2 / 404"],
    );
    held("is answered", web, "/", "302", &expect!["kept: d1 / 200, d2 / 302"]);
    held("the last answer counts", web, "/", "404 200", &expect!["kept: d1 / 200, d2 / 200"]);
    held("each path", web, "/up", "404", &expect!["kept: d1 / 200, d2 /up 404"]);
    let live = "web d2 live=d2 replaced=d1 serves=gunicorn
         answered web d0 / 200
         answered web d1 / 200
         answered web d2 / 200
         i2 web d2 running";
    held("nothing new", live, "/", "200", &expect!["nothing new"]);
    held(
        "what it replaced may come back; others are forgotten",
        live,
        "/up",
        "200",
        &expect!["kept: d1 / 200, d2 / 200, d2 /up 200"],
    );
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
        "it does not know its host: it will not learn it",
        &format!("{web} ready=-10s ok=now refuses=now,-10s"),
        &expect![[r#"
            fail shop/web d2: it answers 400 to GET / on port 8000, where the version before answers 200
              hint: Django answers so to a host that ALLOWED_HOSTS lacks (Starlette: allowed_hosts): see whether `shop.localhost` is in it; if that is how it should be, name a path that it answers well as `health` of web in the manifest, or write health = "tcp" for web in the manifest; stop shop/web i2: not ready in time"#]],
    );
    check("it may be chance yet", &format!("{web} ready=-10s ok=now refuses=now,-9s"), &expect!["nothing"]);
    check(
        "a page may still be made",
        &format!("{web} ready=-10s ok=now refuses=now,-10s").replace("400", "404"),
        &expect!["nothing"],
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
    // Bug: one whose workers ended each four seconds and a half replaced it, between two looks.
    check(
        "nobody has looked into it at the end of them",
        &format!("{web} ready=-9s ok=now looked=-4100ms"),
        &expect!["nothing"],
    );
    check(
        "a child ended, which may have been the app's own",
        &format!("{} ready=-60s ok=now lost=-1s losses=9", web.replace("gunicorn", "uvicorn")),
        &expect!["promote shop/web d2; drain shop/web i1"],
    );
    check(
        "or that of a server behind it, which forks",
        &format!("{} ready=-60s ok=now lost=-1s forks", web.replace("gunicorn", "uvicorn")),
        &expect!["nothing"],
    );
    check("a worker did", &format!("{web} ready=-60s ok=now lost=-14s"), &expect!["nothing"]);
    check(
        "and none since",
        &format!("{web} ready=-60s ok=now lost=-15s"),
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
        &expect![[r#"
            fail shop/web d2: not ready within 120 s: it takes connections on port 8000, and gives no answer to GET / within 5 s
              hint: if its answer takes longer, write health = { timeout = "20s" } for web in the manifest, or name a path that it answers sooner as `health` of web in the manifest; if it gives none, write health = "tcp" for web in the manifest; stop shop/web i2: not ready in time"#]],
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

/// Bug: that workers of a version had been killed for want of memory was said by nobody when it was refused.
#[test]
fn a_version_whose_workers_are_killed() {
    let web = "web d2 live=d1 serves=gunicorn
         i1 web d1 running client=now
         i2 web d2 starting listens=0.0.0.0:8000 losses=5 silent";
    check(
        "for want of memory",
        &format!("{web} killed=5,-1s"),
        &expect![[r#"
        fail shop/web d2: its worker processes keep ending before they answer; 5 of its processes were killed: out of memory (limit 512 MiB)
          hint: raise its limit, such as memory = "1GiB" for web in the manifest; stop shop/web i2: not ready in time"#]],
    );
    check(
        "long ago",
        &format!("{web} killed=5,-120s"),
        &expect![
            "fail shop/web d2: its worker processes keep ending before they answer; stop shop/web i2: not ready in time"
        ],
    );
    let compose = web.replace("serves=gunicorn", "serves=gunicorn compose=compose.yaml");
    check(
        "by a compose file",
        &format!("{compose} killed=1,-1s"),
        &expect![[r#"
        fail shop/web d2: its worker processes keep ending before they answer; one of its processes was killed: out of memory (limit 512 MiB)
          hint: raise mem_limit of web in compose.yaml; stop shop/web i2: not ready in time"#]],
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

/// Bug: a version that sends everybody to https, where nothing answers, was taken without a word.
#[test]
fn what_is_said_of_one_that_wants_https() {
    let mut s = situation("web d1 serves=gunicorn\ni1 web d1 starting status=301");
    let spec = s.desired.services[&key("web")].target.spec.clone();
    let i = s.observed.instances.get_mut(&InstanceId(1)).unwrap();
    assert_eq!(remark(i, &spec, "shop.localhost:8080"), None);
    i.probe.to_https = true;
    expect!["it answers 301 to GET /, a redirect to https, and this is http://shop.localhost:8080: visitors see an error unless a proxy before this server ends TLS. Have it trust X-Forwarded-Proto, or turn the redirect off (Django: SECURE_SSL_REDIRECT; Flask-Talisman: force_https; Rails: config.force_ssl)"].assert_eq(&remark(i, &spec, "shop.localhost:8080").unwrap());
}
