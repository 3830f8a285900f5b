//! `deploy`, and `up` where a server runs already.

use expect_test::expect;
use tempfile::TempDir;

use crate::{
    dormouse,
    fake::{Fake, server},
};

const ACCEPTED: &str =
    r#"{"id":7,"project":"shop","services":["backend","frontend"],"urls":["http://shop.localhost:8080"]}"#;

fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("requirements.txt"), "fastapi\n").unwrap();
    dir
}

/// Events from number `first` on, as the server sends them.
fn events(first: usize, steps: &[(&str, &str)]) -> String {
    let line = |(i, (service, step)): (usize, &(&str, &str))| {
        let service = if service.is_empty() { String::new() } else { format!(r#""service":"{service}","#) };
        format!(r#"{{"seq":{},"at":0,{service}{step}}}"#, first + i) + "\n"
    };
    steps.iter().enumerate().map(line).collect()
}

/// A deploy whose connection breaks twice, once within a line.
fn broken_twice() -> Vec<(u16, String)> {
    let first = events(
        0,
        &[
            ("backend", r#""event":"queued""#),
            ("backend", r#""event":"building""#),
            ("backend", r#""event":"phase","name":"base","cached":true"#),
            ("backend", r#""event":"phase_done","name":"base","ms":0"#),
            ("backend", r#""event":"phase","name":"dependencies","cached":false"#),
            ("backend", r#""event":"output","stream":"out","text":"Collecting fastapi""#),
        ],
    );
    // Progress has the number of the event before it.
    let progress = events(5, &[("backend", r#""event":"progress","done":10,"total":20"#)]);
    let second = events(
        6,
        &[
            ("backend", r#""event":"phase_done","name":"dependencies","ms":12345"#),
            ("backend", r#""event":"starting","deployment":"d1""#),
        ],
    );
    let third = events(
        8,
        &[
            ("backend", r#""event":"ready","deployment":"d1""#),
            ("frontend", r#""event":"unchanged""#),
            (
                "",
                r#""event":"done","urls":["http://shop.localhost:8080","http://backend--shop.localhost:8080"]"#,
            ),
        ],
    );
    vec![
        (200, first + &progress + r#"{"seq":6,"at"#),
        (503, r#"{"error":"starting"}"#.to_owned()),
        (200, second),
        (200, third),
    ]
}

fn deploying(events: Vec<(u16, String)>) -> Fake {
    Fake::start(vec![
        server(),
        ("POST /v1/deploys", vec![(200, ACCEPTED.to_owned())]),
        ("GET /v1/deploys/7/events", events),
    ])
}

#[test]
fn every_event_once_though_the_connection_breaks() {
    let (fake, project) = (deploying(broken_twice()), project());
    let ran = dormouse(fake.state(), &["deploy", project.path().to_str().unwrap()]);
    assert_eq!(ran.out, "http://shop.localhost:8080\n");
    expect![[r#"
        deploying shop as d7 (backend, frontend)
        backend   waiting for its build
        backend   building
        backend   base: cached
        backend   dependencies ...
        backend   | Collecting fastapi
        backend   dependencies: done in 12.3 s
        backend   starting
        backend   ready
        frontend  unchanged
        also at http://backend--shop.localhost:8080
    "#]]
    .assert_eq(&ran.err);
    assert_eq!(ran.code, 0);
    let asked: Vec<_> = fake.seen().into_iter().filter(|s| s.contains("events")).collect();
    assert_eq!(
        asked,
        ["from=0", "from=6", "from=6", "from=8"].map(|q| format!("GET /v1/deploys/7/events?{q}"))
    );
}

#[test]
fn for_programs() {
    let project = project();
    let ran =
        dormouse(deploying(broken_twice()).state(), &["deploy", "--json", project.path().to_str().unwrap()]);
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|l| l["event"].as_str().unwrap()).collect();
    expect![
        "queued building phase phase_done phase output progress phase_done starting ready unchanged done"
    ]
    .assert_eq(&names.join(" "));
    assert_eq!((ran.err.as_str(), ran.code), ("", 0));
}

#[test]
fn up_uses_the_server_that_runs() {
    let project = project();
    let fake =
        deploying(vec![(200, events(0, &[("", r#""event":"done","urls":["http://shop.localhost:8080"]"#)]))]);
    let ran = dormouse(fake.state(), &["up", project.path().to_str().unwrap(), "--listen", "127.0.0.1:9999"]);
    expect![[r#"
        http://shop.localhost:8080
        deploying to the server that already runs at STATE
        warning: it listens on 127.0.0.1:8080, not on 127.0.0.1:9999
        deploying shop as d7 (backend, frontend)
        [0]
    "#]]
    .assert_eq(&ran.all());
}

#[test]
fn failures_and_warnings() {
    let build = events(
        0,
        &[
            (
                "backend",
                r#""event":"build_failed","reason":"the dependencies phase failed: exit code 1","old_serves":true"#,
            ),
            (
                "frontend",
                r#""event":"rollout_failed","deployment":"d2","reason":"nothing listens on port 8000","log_tail":["ImportError"],"old_serves":false"#,
            ),
            ("", r#""event":"failed","reason":"2 services failed""#),
        ],
    );
    let project = project();
    let path = project.path().to_str().unwrap();
    expect![[r#"
        deploying shop as d7 (backend, frontend)
        backend   build failed: the dependencies phase failed: exit code 1
          the version before goes on serving
        frontend  does not become ready: nothing listens on port 8000
        frontend  | ImportError
        error: 2 services failed
        [1]
    "#]]
    .assert_eq(&dormouse(deploying(vec![(200, build)]).state(), &["deploy", path]).all());
    let warned = ACCEPTED.replace(r#""id":7"#, r#""id":7,"warnings":["no service is public"]"#);
    let last = events(0, &[("", r#""event":"done","urls":[]"#)]);
    let fake = Fake::start(vec![
        server(),
        ("POST /v1/deploys", vec![(200, warned)]),
        ("GET /v1/deploys/7/events", vec![(200, last)]),
    ]);
    expect![[r#"
        warning: no service is public
        deploying shop as d7 (backend, frontend)
        no service is public, so there is no URL
        [0]
    "#]]
    .assert_eq(&dormouse(fake.state(), &["deploy", path]).all());
    let refused =
        r#"{"error":"dormouse.toml:1:1: prot: unknown key","hint":"did you mean `port`?"}"#.to_owned();
    let fake = Fake::start(vec![server(), ("POST /v1/deploys", vec![(422, refused)])]);
    expect![[r#"
        error: dormouse.toml:1:1: prot: unknown key
          hint: did you mean `port`?
        [1]
    "#]]
    .assert_eq(&dormouse(fake.state(), &["deploy", path]).all());
}

/// Bug: of two services one broke, the other went live, and nothing said which version serves where.
#[test]
fn a_failed_deploy_says_which_version_serves() {
    let mixed = |old_serves: bool| {
        let broken = format!(
            r#""event":"rollout_failed","deployment":"d7","reason":"exited with code 3 (3 times)","log_tail":["no module named nope"],"old_serves":{old_serves}"#
        );
        events(
            0,
            &[
                ("backend", broken.as_str()),
                ("frontend", r#""event":"ready","deployment":"d7""#),
                ("", r#""event":"failed","reason":"backend did not become ready""#),
            ],
        )
    };
    let project = project();
    let path = project.path().to_str().unwrap();
    expect![[r#"
        deploying shop as d7 (backend, frontend)
        backend   does not become ready: exited with code 3 (3 times)
          the version before goes on serving
        backend   | no module named nope
        frontend  ready
        error: backend did not become ready
          backend: failed, and the version before d7 serves on
          frontend: d7 serves
        [1]
    "#]]
    .assert_eq(&dormouse(deploying(vec![(200, mixed(true))]).state(), &["deploy", path]).all());
    let first = dormouse(deploying(vec![(200, mixed(false))]).state(), &["deploy", path]);
    let end = first.err.lines().skip_while(|line| !line.starts_with("error")).collect::<Vec<_>>();
    expect![[r#"
        error: backend did not become ready
          backend: failed, and nothing serves
          frontend: d7 serves"#]]
    .assert_eq(&end.join("\n"));
}

#[test]
fn a_name_that_is_taken_is_refused_where_nobody_can_be_asked() {
    let refused = r#"{"error":"the project `shop` was deployed from /a/shop, and this is /b/shop","hint":"`--project NAME` deploys it under another name, `--project shop` replaces what is there","code":"name_taken"}"#;
    let fake = Fake::start(vec![server(), ("POST /v1/deploys", vec![(409, refused.to_owned())])]);
    let project = project();
    let path = project.path().to_str().unwrap();
    expect![[r#"
        error: the project `shop` was deployed from /a/shop, and this is /b/shop
          hint: `--project NAME` deploys it under another name, `--project shop` replaces what is there
        [1]
    "#]]
    .assert_eq(&dormouse(fake.state(), &["deploy", path]).all());
    let ran = dormouse(fake.state(), &["deploy", path, "--project", "other"]);
    assert_eq!(ran.code, 1);
    let asked = fake.seen();
    let sent: Vec<_> = asked.iter().filter(|s| s.starts_with("POST")).collect();
    let where_ = |s: &str| s.contains("folder=") && s.contains("path=") && s.contains("machine=");
    assert!(sent.iter().all(|s| where_(s)), "{sent:?}");
    assert!(!sent[0].contains("project=") && sent[1].contains("project=other"), "{sent:?}");
}

/// The folder that holds all sources changes with what the manifest names; where the project comes from does not.
#[test]
fn a_project_comes_from_its_manifest_s_folder() {
    let fake = Fake::start(vec![server(), ("POST /v1/deploys", vec![(202, ACCEPTED.to_owned())])]);
    let project = project();
    let deploy = project.path().join("deploy");
    std::fs::create_dir(&deploy).unwrap();
    for context in [".", ".."] {
        let compose = format!("services: {{w: {{build: {context}}}}}");
        std::fs::write(deploy.join("compose.yaml"), compose).unwrap();
        dormouse(fake.state(), &["deploy", deploy.to_str().unwrap()]);
    }
    let asked = fake.seen();
    let sent: Vec<_> = asked.iter().filter(|s| s.starts_with("POST")).collect();
    assert_eq!(sent.len(), 2, "{asked:?}");
    assert!(sent.iter().all(|s| s.ends_with("%2Fdeploy")), "{sent:?}");
}

#[test]
fn a_deploy_is_named_by_its_number_or_its_project() {
    let over = r#"{"error":"d7 is over, so there is nothing to cancel"}"#;
    let affected = r#"{"project":"shop","services":["web"]}"#;
    let fake = Fake::start(vec![
        ("GET /v1/ps", vec![(200, "[]".to_owned())]),
        ("DELETE /v1/deploys/8", vec![(200, affected.to_owned())]),
        ("DELETE /v1/deploys/7", vec![(409, over.to_owned())]),
        (
            "GET /v1/deploys/7/events",
            vec![(200, events(0, &[("web", r#""event":"building""#), ("", r#""event":"done","urls":[]"#)]))],
        ),
    ]);
    for (args, expected) in [
        (
            &["cancel", "d8"][..],
            expect![[r#"
                shop d8 cancelled
                [0]
            "#]],
        ),
        (
            &["cancel", "#7"],
            expect![[r#"
                error: d7 is over, so there is nothing to cancel
                [1]
            "#]],
        ),
        (
            &["logs", "--build", "7"],
            expect![[r#"
                web  building
                [0]
            "#]],
        ),
        (
            &["cancel", "shop"],
            expect![[r#"
                error: there is no project `shop`
                  hint: nothing is deployed yet; `dormouse deploy DIR` changes that
                [1]
            "#]],
        ),
    ] {
        expected.assert_eq(&dormouse(fake.state(), args).all());
    }
}

/// Bug: `cancel shop/backend` ended the deploy of every service of `shop`.
#[test]
fn a_service_s_part_of_a_deploy_is_not_cancelled_with_the_rest() {
    let fake = Fake::start(vec![
        ("GET /v1/ps", vec![(200, crate::listing::PS.to_owned())]),
        ("GET /v1/projects/shop/deploys/latest", vec![(200, r#"{"id":7}"#.to_owned())]),
        ("DELETE /v1/deploys/7", vec![(200, r#"{"project":"shop","services":["backend"]}"#.to_owned())]),
    ]);
    for (args, expected) in [
        (
            "shop/backend",
            expect![[r#"
                error: a deploy is ended as a whole, and not for `shop/backend` alone
                  hint: `dormouse cancel shop` ends the one of all its services
                [1]
            "#]],
        ),
        (
            "shop/bakend",
            expect![[r#"
                error: project `shop` has no service `bakend`
                  hint: did you mean `shop/backend`?
                [1]
            "#]],
        ),
        (
            "shop",
            expect![[r#"
            shop d7 cancelled
            [0]
        "#]],
        ),
    ] {
        expected.assert_eq(&dormouse(fake.state(), &["cancel", args]).all());
    }
    assert_eq!(fake.seen().iter().filter(|s| s.starts_with("DELETE")).count(), 1, "{:?}", fake.seen());
}
