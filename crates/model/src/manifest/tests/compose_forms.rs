//! Forms in which compose files write the values of keys.

use expect_test::{Expect, expect};

use super::{folder, shown};

/// What a line makes of the service `web`, and what is told.
fn web(line: &str, expected: &Expect) {
    let mut text = format!("services:\n  web:\n    build: .\n    ports: ['80']\n    {line}\n");
    if line.contains("migrate") {
        text += "  migrate: {build: ., command: python migrate.py}\n";
    }
    let files =
        [("compose.yaml", text.as_str()), ("app.py", ""), ("requirements.txt", ""), ("src/app.py", "")];
    let shown = shown(&folder("shop", &files));
    let kept = |l: &&str| {
        !(l.starts_with("project") || l.starts_with("front") || l.contains("Dockerfiles are not read"))
    };
    let kept: Vec<_> = shown.lines().filter(kept).map(|l| l.to_owned() + "\n").collect();
    expected.assert_eq(&kept.concat());
}

/// `${DISABLE:-true}` is text.
#[test]
fn truth_in_text() {
    for (line, expected) in [
        (
            "healthcheck: {disable: 'true'}",
            expect![[r#"
            web: source=. port=80 public tcp
        "#]],
        ),
        (
            "healthcheck: {disable: \"${OFF:-yes}\"}",
            expect![[r#"
            web: source=. port=80 public tcp
        "#]],
        ),
        (
            "healthcheck: {disable: 'False'}",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "healthcheck: {disable: perhaps}",
            expect![[r#"
            compose.yaml:5:28: services.web.healthcheck.disable: expected true or false, found text
                |
              5 |     healthcheck: {disable: perhaps}
                |                            ^^^^^^^
        "#]],
        ),
        (
            "env_file: [{path: no.env, required: 'false'}]",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "depends_on: {nobody: {condition: service_started, required: \"${NEED:-no}\"}}",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}

#[test]
fn numbers_and_times() {
    for (line, expected) in [
        (
            "healthcheck: {test: curl localhost, retries: 0}",
            expect![[r#"
            web: source=. port=80 public health=/
        "#]],
        ),
        (
            "healthcheck: {test: curl localhost, interval: 1500000us, timeout: '0'}",
            expect![[r#"
            web: source=. port=80 public health=/ probe=(1.5s 5s 120s 3 120s)
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}

/// Public projects have their sources wherever their Dockerfile puts them.
#[test]
fn working_directories() {
    for (line, expected) in [
        (
            "working_dir: /app",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "working_dir: /app/src",
            expect![[r#"
            web: source=. port=80 public workdir=src
        "#]],
        ),
        (
            "working_dir: src",
            expect![[r#"
            web: source=. port=80 public workdir=src
        "#]],
        ),
        (
            "working_dir: /code",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `working_dir outside /app` (compose.yaml:5)
        "#]],
        ),
        (
            "working_dir: /application",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `working_dir outside /app` (compose.yaml:5)
        "#]],
        ),
        (
            "working_dir: ../up",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `working_dir outside /app` (compose.yaml:5)
        "#]],
        ),
        (
            "working_dir: /app/web",
            expect![[r#"
            web: source=. port=80 public
            warning: compose.yaml:5: services.web.working_dir: there is no folder `web`, so the service is started in its source folder
        "#]],
        ),
        (
            "working_dir: ''",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}

#[test]
fn restarts() {
    for (line, expected) in [
        (
            "restart: unless-stopped",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "restart: always",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "restart: no",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `restart: no` (compose.yaml:5)
        "#]],
        ),
        (
            "restart: 'no'",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `restart: no` (compose.yaml:5)
        "#]],
        ),
        (
            "restart: on-failure:3",
            expect![[r#"
            web: source=. port=80 public
            warning: valid, but not honoured: `restart: on-failure` (compose.yaml:5)
        "#]],
        ),
        (
            "restart: allways",
            expect![[r#"
            compose.yaml:5:14: services.web.restart: there is no policy `allways`
                |
              5 |     restart: allways
                |              ^^^^^^^
              hint: write `no`, `always`, `on-failure` or `unless-stopped`
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}

/// As a worker, what ends would be started again as often as it ends.
#[test]
fn one_shot_services() {
    for (line, expected) in [
        (
            "depends_on: [migrate]",
            expect![[r#"
            migrate: source=. port=8000 worker start=["python", "migrate.py"] start@compose.yaml:6
            web: source=. port=80 public needs={migrate}
        "#]],
        ),
        (
            "depends_on: {migrate: {condition: service_healthy}}",
            expect![[r#"
            migrate: source=. port=8000 worker start=["python", "migrate.py"] start@compose.yaml:6
            web: source=. port=80 public needs={migrate}
        "#]],
        ),
        (
            "depends_on: {migrate: {condition: service_completed_successfully}}",
            expect![[r#"
            web: source=. port=80 public
            warning: left out, because what runs once and ends cannot be run yet: `migrate` (compose.yaml:6, whose end `web` waits for)
              hint: let `web` do what `migrate` does before it starts: command: [sh, -c, "... && exec ..."]
        "#]],
        ),
        (
            "depends_on: {migrate: {condition: service_completed}}",
            expect![[r#"
            compose.yaml:5:39: services.web.depends_on.migrate.condition: there is no condition `service_completed`
                |
              5 |     depends_on: {migrate: {condition: service_completed}}
                |                                       ^^^^^^^^^^^^^^^^^
              hint: did you mean `service_started`?
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}

#[test]
fn names_that_nobody_could_ask_for() {
    for (line, expected) in [
        (
            "hostname: ''",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "hostname: \"${NONE:-}\"",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "container_name: My Shop",
            expect![[r#"
            web: source=. port=80 public
        "#]],
        ),
        (
            "networks: {default: {aliases: ['', 'a b', Shop_1]}}",
            expect![[r#"
            web: source=. port=80 public aliases={"shop_1"}
        "#]],
        ),
        (
            "hostname: shop.example.com",
            expect![[r#"
            web: source=. port=80 public aliases={"shop.example.com"}
        "#]],
        ),
    ] {
        web(line, &expected);
    }
}
