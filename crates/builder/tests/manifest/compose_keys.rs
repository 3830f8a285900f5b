//! Keys of compose files: each is known, and what is not honoured is named.

use expect_test::{Expect, expect};

use super::{check, folder, shown};

/// Two services with some lines each.
fn services(web: &str, worker: &str, expected: &Expect) {
    let indent = |text: &str| text.lines().map(|l| format!("    {l}\n")).collect::<String>();
    let text = format!(
        "services:\n  web:\n    build: .\n{}  worker:\n    build: .\n{}",
        indent(web),
        indent(worker)
    );
    check(
        &folder("shop", &[("compose.yaml", &text), ("app.py", "print()"), ("requirements.txt", "")]),
        expected,
    );
}

/// Bug: keys that came later were called unknown, and the file refused.
#[test]
fn those_of_october_2026_are_known() {
    let text = "services:
  web:
    build: {context: ., no_cache_filter: [build]}
    ports: ['80']
    pre_start: [{command: [./migrate]}]
    umask: 0o22
    networks: {n: {use_service_name_alias: false}}
jobs:
  nightly: {image: alpine, triggers: {manual: true}}
";
    check(
        &folder("shop", &[("compose.yaml", text), ("app.py", "print()"), ("requirements.txt", "")]),
        &expect![[r#"
            project shop
            front web
            web: source=. port=80 public
            warning: valid, but not honoured: `pre_start` (compose.yaml:5), `umask` (compose.yaml:6), `use_service_name_alias` (compose.yaml:7), `jobs` (compose.yaml:8)
        "#]],
    );
}

#[test]
fn what_is_not_honoured_is_one_warning() {
    services(
        "ports: ['8000-8002:8000-8002', '53:53/udp', '127.0.0.1:9000:9000']\nvolumes: [./data:/data]\ncap_add: [NET_ADMIN]\nlabels: {a: b}\ndeploy: {replicas: 3}\nx-own: 1",
        "command: python loop.py\nvolumes: [./data:/data]\nrestart: always\nulimits: {nofile: 9}",
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public replicas=3
            worker: source=. port=8000 worker start=["python", "loop.py"] start@compose.yaml:12
            warning: valid, but not honoured: `volumes` (compose.yaml:5 and 1 more), `ports after a service's first` (compose.yaml:4 and 1 more), `ports other than TCP` (compose.yaml:4), `cap_add` (compose.yaml:6), `ulimits` (compose.yaml:15)
              hint: what a service writes is gone when its instance is replaced
        "#]],
    );
}

#[test]
fn numbers_may_be_text() {
    services(
        "ports:\n  - \"${PORT:-8000}:${PORT:-8000}\"\nhealthcheck:\n  test: curl -f localhost:80/x\n  retries: \"5\"\n  interval: 1m30s\n  start_period: 5m\npids_limit: \"100\"\ncpus: '0.5'\nmem_limit: 0\nscale: \"1\"",
        "command: [python, loop.py, 3]\npids_limit: -1",
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public health=/x probe=(90s 5s 300s 5 120s) limits=1073741824 500m 100
            worker: source=. port=8000 worker start=["python", "loop.py", "3"] start@compose.yaml:17
        "#]],
    );
}

#[test]
fn who_listens() {
    let code = [
        ("loop.py", "import time\nwhile True: time.sleep(1)\n"),
        ("api.py", "from flask import Flask\napp = Flask('x')\napp.run(host='0.0.0.0')\n"),
        ("page.py", "import streamlit as st, requests\nrequests.get('http://searcher:9200/q')\n"),
        ("requirements.txt", "flask\n"),
    ];
    for (service, expected) in [
        (
            "{build: ., command: python loop.py}",
            expect![[r#"other: source=. port=8000 worker start=["python", "loop.py"] start@compose.yaml:3"#]],
        ),
        (
            "{build: ., command: python api.py}",
            expect![[r#"other: source=. port=5000 start=["python", "api.py"] start@compose.yaml:3"#]],
        ),
        (
            "{build: ., command: celery -A tasks worker}",
            expect![[
                r#"other: source=. port=8000 worker start=["celery", "-A", "tasks", "worker"] start@compose.yaml:3"#
            ]],
        ),
        (
            "{build: ., command: 'uvicorn a:b --port 9000'}",
            expect![[
                r#"other: source=. port=9000 start=["uvicorn", "a:b", "--port", "9000"] start@compose.yaml:3 health=/"#
            ]],
        ),
        (
            "{build: ., command: python manage.py runserver}",
            expect![[
                r#"other: source=. port=8000 start=["python", "manage.py", "runserver"] start@compose.yaml:3 health=/"#
            ]],
        ),
        (
            "{build: ., command: python loop.py, expose: [7000]}",
            expect![[r#"other: source=. port=7000 start=["python", "loop.py"] start@compose.yaml:3"#]],
        ),
        (
            "{build: ., command: python loop.py, environment: {PORT: 7000}}",
            expect![[r#"other: source=. port=7000 start=["python", "loop.py"] start@compose.yaml:3"#]],
        ),
        (
            "{build: ., command: python loop.py, healthcheck: {test: 'curl localhost:7000/ok'}}",
            expect![[
                r#"other: source=. port=7000 start=["python", "loop.py"] start@compose.yaml:3 health=/ok"#
            ]],
        ),
        ("{build: .}", expect!["other: source=. port=8000"]),
    ] {
        let text = format!("services:\n  web: {{build: ., ports: ['80']}}\n  other: {service}\n");
        let files = [&[("compose.yaml", text.as_str())][..], &code].concat();
        let shown = shown(&folder("shop", &files));
        let other: String = shown.lines().filter(|l| l.starts_with("other")).collect();
        expected.assert_eq(&other);
    }
    // Others say where they call it.
    let text = "services:\n  web: {build: ., ports: ['80'], environment: {Q: 'redis://queue:6400/0'}}\n  queue: {build: ., command: ./run}\n  searcher: {build: ., command: ./run}\n";
    let files = [&[("compose.yaml", text)][..], &code].concat();
    check(
        &folder("shop", &files),
        &expect![[r#"
            project shop
            front web
            queue: source=. port=6400 start=["./run"] start@compose.yaml:3
            searcher: source=. port=9200 start=["./run"] start@compose.yaml:4
            web: source=. port=80 public env={"Q": "redis://queue:6400/0"}
        "#]],
    );
}

#[test]
fn names_as_written() {
    let text = "name: my_Shop\nservices:\n  Web_App:\n    build: .\n    ports: ['80']\n    depends_on: [celery_worker]\n    container_name: shop-web\n    networks: {default: {aliases: [front, Front2]}}\n    links: ['celery_worker:queue']\n  celery_worker: {build: ., command: celery worker, hostname: Celery}\n";
    check(
        &folder("x", &[("compose.yaml", text), ("requirements.txt", "")]),
        &expect![[r#"
            project my-shop
            front web-app
            celery-worker: source=. port=8000 worker start=["celery", "worker"] start@compose.yaml:10 aliases={"celery", "celery_worker", "queue"}
            web-app: source=. port=80 public needs={celery-worker} aliases={"front", "front2", "shop-web", "web_app"}
            warning: compose.yaml:1: name: `my_Shop` is no name for a host, so the project is called `my-shop`
        "#]],
    );
    let text = "services:\n  a_b: {build: .}\n  a-b: {build: .}\n";
    check(
        &folder("x", &[("compose.yaml", text), ("requirements.txt", "")]),
        &expect![[r#"
        compose.yaml:3:3: services.a-b: `a-b` and `a_b` are both called `a-b` here
            |
          3 |   a-b: {build: .}
            |   ^^^
          hint: give one of them another name
    "#]],
    );
}

#[test]
fn mistakes_in_places() {
    for (web, expected) in [
        (
            "healthcheck: {tset: x}",
            expect![[r#"
            compose.yaml:4:19: services.web.healthcheck.tset: unknown key `tset`
                |
              4 |     healthcheck: {tset: x}
                |                   ^^^^
              hint: did you mean `test`?
        "#]],
        ),
        (
            "deploy: {resources: {limits: {memroy: 1g}}}",
            expect![[r#"
            compose.yaml:4:35: services.web.deploy.resources.limits.memroy: unknown key `memroy`
                |
              4 |     deploy: {resources: {limits: {memroy: 1g}}}
                |                                   ^^^^^^
              hint: did you mean `memory`?
        "#]],
        ),
        (
            "build: https://github.com/a/b.git",
            expect![[r#"
            compose.yaml:3:12: services.web.build.context: sources are not fetched from elsewhere
                |
              3 |     build: https://github.com/a/b.git
                |            ^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: clone it, and name the folder
        "#]],
        ),
        (
            "depends_on: [wrker]",
            expect![[r#"
            compose.yaml:4:18: services.web.depends_on[0]: there is no service `wrker`
                |
              4 |     depends_on: [wrker]
                |                  ^^^^^
              hint: did you mean `worker`?
        "#]],
        ),
        (
            "retries: 5",
            expect![[r#"
                compose.yaml:4:5: services.web.retries: unknown key `retries`
                    |
                  4 |     retries: 5
                    |     ^^^^^^^
                  hint: write it under `healthcheck`: healthcheck: {retries: ...}
            "#]],
        ),
    ] {
        let build = if web.starts_with("build") { "" } else { "    build: .\n" };
        let text = format!("services:\n  web:\n{build}    {web}\n  worker: {{build: ., command: x}}\n");
        check(&folder("shop", &[("compose.yaml", &text), ("requirements.txt", "")]), &expected);
    }
}
