//! `ps`, `logs` and the verbs.

use expect_test::expect;

use crate::{dormouse, fake::Fake};

pub(crate) const PS: &str = r#"[
{"project":"shop","service":"frontend","state":"asleep","depth":"paged","url":"http://shop.localhost:8080","urls":["http://shop.localhost:8080"],"pid":4711,"resident_bytes":9437184,"swapped_bytes":330301440,"last_wake_ms":21.3,"deployment":"d1","instance":"i1","last_activity":0,"restarts":0,"reason":null},
{"project":"shop","service":"backend","state":"ready","depth":null,"url":null,"urls":[],"pid":4712,"resident_bytes":324009984,"swapped_bytes":0,"last_wake_ms":null,"deployment":"d2","instance":"i2","last_activity":null,"restarts":0,"reason":null}]"#;

/// Lines of the platform's; a deploy that failed had no instance.
const HAPPENED: &str = r#"{"at":3,"service":"backend","instance":"i1","stream":"platform","text":"killed: out of memory (limit 256 MiB); started again in 0.5 s"}
{"at":4,"service":"frontend","stream":"platform","text":"deploy d15 failed: the dependencies phase failed; d14 serves on"}
"#;

fn line(at: u64, service: &str, text: &str) -> String {
    format!(r#"{{"at":{at},"service":"{service}","instance":"i1","stream":"out","text":"{text}"}}"#) + "\n"
}

fn fake() -> Fake {
    Fake::start(vec![
        ("GET /v1/ps", vec![(200, PS.to_owned())]),
        (
            "GET /v1/projects/shop/logs",
            vec![(200, line(1, "frontend", "hello") + &line(2, "backend", "listening") + HAPPENED)],
        ),
        (
            "POST /v1/projects/shop/sleep",
            vec![(200, r#"{"project":"shop","services":["backend"]}"#.to_owned())],
        ),
        (
            "DELETE /v1/projects/shop",
            vec![(200, r#"{"project":"shop","services":["backend","frontend"]}"#.to_owned())],
        ),
        (
            "DELETE /v1/projects",
            vec![(
                200,
                r#"[{"project":"shop","services":["backend","frontend"]},{"project":"blog","services":[]}]"#
                    .to_owned(),
            )],
        ),
        ("DELETE /v1/projects/shp", vec![(404, r#"{"error":"no such project"}"#.to_owned())]),
    ])
}

#[test]
fn ps_for_programs_is_an_array() {
    let ran = dormouse(fake().state(), &["ps", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let all: Vec<dormouse_api::ServiceStatus> = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(all.iter().map(|s| s.service.as_str()).collect::<Vec<_>>(), ["backend", "frontend"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let keys: Vec<_> = json[0].as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "project",
        "service",
        "state",
        "depth",
        "url",
        "pid",
        "resident_bytes",
        "swapped_bytes",
        "last_wake_ms",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
}

#[test]
fn ps_of_one_service() {
    expect![[r#"
        PROJECT  SERVICE  STATE  DEPLOY  DEPTH  URL   PID  RESIDENT  SWAPPED  LAST-ACTIVE  LAST-WAKE
        shop     backend  ready  d2      -      -    4712   309 MiB      0 B  -                    -
        [0]
    "#]]
    .assert_eq(&dormouse(fake().state(), &["ps", "shop/backend"]).all());
}

#[test]
fn logs_for_programs() {
    let fake = fake();
    expect![[r#"
        {"project":"shop","at":1,"service":"frontend","instance":"i1","stream":"out","text":"hello"}
        {"project":"shop","at":2,"service":"backend","instance":"i1","stream":"out","text":"listening"}
        {"project":"shop","at":3,"service":"backend","instance":"i1","stream":"platform","text":"killed: out of memory (limit 256 MiB); started again in 0.5 s"}
        {"project":"shop","at":4,"service":"frontend","stream":"platform","text":"deploy d15 failed: the dependencies phase failed; d14 serves on"}
        [0]
    "#]]
    .assert_eq(&dormouse(fake.state(), &["logs", "shop/backend", "--json", "-n", "5"]).all());
    expect![[r#"
        GET /v1/ps
        GET /v1/projects/shop/logs?follow=false&platform=true&service=backend&tail=5"#]]
    .assert_eq(&fake.seen().join("\n"));
}

#[test]
fn logs_of_everybody() {
    let ran = dormouse(fake().state(), &["logs"]);
    let without_times: String = ran.out.lines().map(|l| format!("{}\n", &l[24..])).collect();
    expect![[r#"
        frontend | hello
        backend  | listening
        backend  * killed: out of memory (limit 256 MiB); started again in 0.5 s
        frontend * deploy d15 failed: the dependencies phase failed; d14 serves on
    "#]]
    .assert_eq(&without_times);
}

#[test]
fn verbs() {
    let fake = fake();
    for (args, expected) in [
        (
            &["sleep", "shop/backend"][..],
            expect![[r#"
            shop/backend asleep
            [0]
        "#]],
        ),
        (
            &["sleep", "shop/bakend"],
            expect![[r#"
            error: project `shop` has no service `bakend`
              hint: did you mean `shop/backend`?
            [1]
        "#]],
        ),
        (
            &["sleep", "backend"],
            expect![[r#"
            error: there is no project `backend`
              hint: did you mean `shop/backend`?
            [1]
        "#]],
        ),
        (
            &["down", "shop", "--json"],
            expect![[r#"
            {"project":"shop","services":["backend","frontend"]}
            [0]
        "#]],
        ),
        (
            &["down", "shp", "shop"],
            expect![[r#"
            shop/backend gone
            shop/frontend gone
            error: there is no project `shp`
              hint: did you mean `shop`?
            [1]
        "#]],
        ),
        (
            &["down", "shop/backend"],
            expect![[r#"
                error: a project goes as a whole, and `backend` is a service of it
                  hint: `dormouse down shop` ends all of it; without `backend` in its manifest, the next deploy ends that one
                [1]
            "#]],
        ),
        (
            &["down", "--all"],
            expect![[r#"
            shop/backend gone
            shop/frontend gone
            blog gone
            [0]
        "#]],
        ),
        (
            &["down", "--all", "--keep-logs", "--json"],
            expect![[r#"
            [{"project":"shop","services":["backend","frontend"]},{"project":"blog","services":[]}]
            [0]
        "#]],
        ),
        (
            &["down", "shp"],
            expect![[r#"
            error: there is no project `shp`
              hint: did you mean `shop`?
            [1]
        "#]],
        ),
    ] {
        expected.assert_eq(&dormouse(fake.state(), args).all());
    }
    expect![[r#"
        POST /v1/projects/shop/sleep?service=backend
        DELETE /v1/projects/shop?keep_logs=false&purge=false
        DELETE /v1/projects/shp?keep_logs=false&purge=false
        DELETE /v1/projects/shop?keep_logs=false&purge=false
        DELETE /v1/projects/shop%2Fbackend?keep_logs=false&purge=false
        DELETE /v1/projects?keep_logs=false&purge=false
        DELETE /v1/projects?keep_logs=true&purge=false
        DELETE /v1/projects/shp?keep_logs=false&purge=false"#]]
    .assert_eq(&fake.seen().into_iter().filter(|s| !s.contains("/ps")).collect::<Vec<_>>().join("\n"));
}
