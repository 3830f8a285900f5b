//! Forms in which compose files write the values of keys.

use expect_test::{Expect, expect};

use super::{check, folder, shown};

/// What a line makes of the service `web`, and what is told.
fn web(line: &str, expected: &Expect) {
    let mut text = format!("services:\n  web:\n    build: .\n    ports: ['80']\n    {line}\n");
    if line.contains("migrate") {
        text += "  migrate: {build: ., command: python migrate.py}\n";
    }
    let files =
        [("compose.yaml", text.as_str()), ("app.py", ""), ("requirements.txt", ""), ("src/app.py", "")];
    let shown = shown(&folder("shop", &files));
    let kept = |l: &&str| !(l.starts_with("project") || l.starts_with("front"));
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
                web: source=. port=80 public without=["no.env"]
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
            web: source=. port=80 public needs={migrate} after={migrate}
        "#]],
        ),
        (
            "depends_on: {migrate: {condition: service_completed_successfully}}",
            expect![[r#"
                migrate: source=. port=8000 job start=["python", "migrate.py"] start@compose.yaml:6 probe=(10s 5s 3600s 3 120s)
                web: source=. port=80 public after={migrate}
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
fn who_waits_for_one_shot_services() {
    let all = "services:
  migrate: {build: ., command: python migrate.py, ports: ['80:80']}
  my_seed:
    {build: ., command: python seed.py, depends_on: {migrate: {condition: service_completed_successfully}}}
  api: {build: ., expose: [80], depends_on: {my_seed: {condition: service_completed_successfully}, migrate: {condition: service_started}}}
  web: {build: ., ports: ['80:80'], depends_on: [api]}
  other: {build: ., command: python other.py}
";
    check(
        &folder("shop", &[("compose.yaml", all), ("requirements.txt", "")]),
        &expect![[r#"
            project shop
            front web
            api: source=. port=80 after={migrate, my-seed}
            migrate: source=. port=8000 job start=["python", "migrate.py"] start@compose.yaml:2 probe=(10s 5s 3600s 3 120s)
            my-seed: source=. port=8000 job start=["python", "seed.py"] start@compose.yaml:4 probe=(10s 5s 3600s 3 120s) after={migrate} aliases={"my_seed"}
            other: source=. port=8000 worker start=["python", "other.py"] start@compose.yaml:7
            web: source=. port=80 public needs={api} after={migrate, my-seed}
            warning: compose.yaml:2: services.migrate.ports: others wait for the end of `migrate`, so nobody is led to its ports
        "#]],
    );
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
