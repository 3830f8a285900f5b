//! What people with a compose file are told: of that file, in its own words.

use expect_test::{Expect, expect};

use super::{folder, shown};

fn check(compose: &str, more: &[(&str, &str)], expected: &Expect) {
    let files = [&[("compose.yaml", compose), ("requirements.txt", ""), ("main.py", "")][..], more].concat();
    expected.assert_eq(&shown(&folder("shop", &files)));
}

/// Bug: hints spoke of a dormouse.toml, and writing one would have left the compose file unread.
#[test]
fn hints_name_the_file_that_is_read() {
    check(
        "services: {w: {build: ., env_file: none.env}}",
        &[],
        &expect![[r#"
        compose.yaml:1:36: services.w.env_file: there is no file `none.env`
            |
          1 | services: {w: {build: ., env_file: none.env}}
            |                                    ^^^^^^^^
          hint: add it, or write {path: ..., required: false} if the service can do without it
    "#]],
    );
    check(
        "services: {a: {build: ., expose: [1]}, b: {build: ., expose: [2]}}",
        &[],
        &expect![[r#"
        project shop
        a: source=. port=1
        b: source=. port=2
        warning: no service is public, so nothing can be opened from outside
          hint: give one of them `ports` in compose.yaml
    "#]],
    );
    check(
        "services: {w: {build: ., ports: ['80']}}",
        &[("Procfile", "web: x\nclock: y\nrelease: z\nworker y")],
        &expect![[r#"
            project shop
            front w
            w: source=. port=80 public
            warning: Procfile:4 is not read: `worker y`
              hint: a line is a name, a colon and a command, such as `web: gunicorn app:app`
            warning: Procfile:2: `clock` is not started
              hint: make it a service of its own in compose.yaml, with its command as `command`
            warning: Procfile:3: `release` is not started
              hint: make it a service of its own in compose.yaml, with its command as `command`
        "#]],
    );
    let mut input = folder(
        "shop",
        &[
            (
                "compose.yaml",
                "services: {w: {build: ., ports: ['80'], env_file: w.env, environment: {A: '${B}'}}}\nsecrets: {s: {file: ./conf/db_password}, t: {environment: T}}",
            ),
            ("requirements.txt", ""),
            ("w.env", "C=1"),
            (".env", "B=2"),
        ],
    );
    // Those of which the services have something are as they are meant.
    for secret in ["w.env", ".env", "key.pem"] {
        input.add_secret(secret);
    }
    expect![[r#"
        project shop
        front w
        w: source=. port=80 public env={"A": "2", "C": "1"} without=["conf/db_password", "w.env"]
        warning: valid, but not honoured: `secrets` (compose.yaml:2)
        warning: not in the images, as they hold secrets: `key.pem`
          hint: settings belong into a service's `environment` or `env_file` in compose.yaml, or into `dormouse env set`
    "#]].assert_eq(&shown(&input));
}

/// Bug: each of these was told of with something else that followed from it, or not at all.
#[test]
fn what_is_wrong_is_named() {
    check(
        "services: {w: {build: ., cpus: abc}}",
        &[],
        &expect![[r#"
        compose.yaml:1:32: services.w.cpus: expected a number of cores such as 0.5, found text
            |
          1 | services: {w: {build: ., cpus: abc}}
            |                                ^^^
    "#]],
    );
    check(
        "name: 日本\nservices: {w: {build: .}}",
        &[],
        &expect![[r#"
        project app-cf2abf
        w: source=. port=8000 worker
        warning: compose.yaml:1: name: `日本` is no name for a host, so the project is called `app-cf2abf`
    "#]],
    );
    check(
        "name: my_shop\nservices: {w: {build: .}}",
        &[],
        &expect![[r#"
        project my-shop
        w: source=. port=8000 worker
        warning: compose.yaml:1: name: `my_shop` is no name for a host, so the project is called `my-shop`
    "#]],
    );
    check(
        "services:\n  w:\n    extends: {file: nofile.yml, service: x}",
        &[],
        &expect![[r#"
        compose.yaml:3:21: services.w.extends.file: there is no file `nofile.yml`
            |
          3 |     extends: {file: nofile.yml, service: x}
            |                     ^^^^^^^^^^
    "#]],
    );
}

/// Bug: compose refuses a circle, and here everybody waited for everybody.
#[test]
fn circles() {
    check(
        "services: {web: {build: ., depends_on: [a]}, a: {build: ., depends_on: [web]}}",
        &[],
        &expect![[r#"
            compose.yaml:1:41: services.web.depends_on[0]: the services wait for each other in a circle: web → a → web
                |
              1 | services: {web: {build: ., depends_on: [a]}, a: {build: ., depends_on: [web]}}
                |                                         ^
              hint: let one of them begin
        "#]],
    );
    check(
        "services: {w: {build: ., depends_on: [a]}, a: {build: ., depends_on: [b]}, b: {build: ., depends_on: [c]}, c: {build: ., depends_on: [a]}}",
        &[],
        &expect![[r#"
            compose.yaml:1:71: services.a.depends_on[0]: the services wait for each other in a circle: a → b → c → a
                |
              1 | services: {w: {build: ., depends_on: [a]}, a: {build: ., depends_on: [b]}, b: {build: ., depends_on: [c]}, c: {build: .,
                |                                                                       ^
              hint: let one of them begin
        "#]],
    );
    check(
        "services: {w: {build: ., ports: ['80'], depends_on: [a, b]}, a: {build: ., depends_on: [b]}, b: {build: .}}",
        &[],
        &expect![[r#"
            project shop
            front w
            a: source=. port=8000 worker needs={b}
            b: source=. port=8000 worker
            w: source=. port=80 public needs={a, b}
        "#]],
    );
}

/// Bug: the port in a script for a shell was not seen, and another was waited for until the deploy failed.
#[test]
fn ports_in_scripts() {
    check(
        "services:\n  web: {build: ., ports: ['8000:8000'], command: gunicorn -b 0.0.0.0:8000 a:b}\n  api:\n    build: .\n    environment: [SERVER_PORT=3100]\n    command: sh -c 'gunicorn -b 0.0.0.0:$${SERVER_PORT} a:b'\n  files:\n    build: .\n    command: >\n      bash -c \"sleep 1 &&\n      exec python -m http.server 9000\"\n",
        &[],
        &expect![[r#"
            project shop
            front web
            api: source=. port=3100 start=["sh", "-c", "gunicorn -b 0.0.0.0:${SERVER_PORT} a:b"] start@compose.yaml:6 health=/ env={"SERVER_PORT": "3100"}
            files: source=. port=9000 start=["bash", "-c", "sleep 1 && exec python -m http.server 9000"] start@compose.yaml:10 health=/
            web: source=. port=8000 public start=["gunicorn", "-b", "0.0.0.0:8000", "a:b"] start@compose.yaml:2 health=/
        "#]],
    );
}

#[test]
fn numbers_are_read_as_compose_reads_them() {
    check(
        "services: {web: {build: ., environment: {A: 0755, B: 0x1F, C: 0o17, D: -012, E: 0899, F: 0, G: 12:30, H: 1e3}}}",
        &[],
        &expect![[r#"
            project shop
            web: source=. port=8000 worker env={"A": "493", "B": "31", "C": "15", "D": "-10", "E": "899", "F": "0", "G": "12:30", "H": "1000"}
        "#]],
    );
}

/// Bug: an empty entrypoint left the Dockerfile's, which then stood before the command.
#[test]
fn an_empty_entrypoint_takes_the_image_s_away() {
    let dockerfile = "FROM python:3.12\nENTRYPOINT [\"python\"]\nCMD [\"app.py\"]\n";
    check(
        "services: {web: {build: ., entrypoint: [], command: python app.py}}",
        &[("Dockerfile", dockerfile)],
        &expect![[r#"
            project shop
            web: source=. port=8000 worker start=["python", "app.py"] start@compose.yaml:1
        "#]],
    );
}

/// Bug: of more than twelve keys the rest was only counted.
#[test]
fn every_key_that_is_not_honoured_is_named() {
    let keys = "cap_add: [] devices: [] dns: [] dns_opt: [] dns_search: [] extra_hosts: [] group_add: [] privileged: true \
                read_only: true ipc: host pid: host security_opt: [] userns_mode: host shm_size: 64m";
    let (words, mut lines) = (keys.split_whitespace().collect::<Vec<_>>(), String::new());
    for pair in words.chunks(2) {
        lines += &format!("    {}\n", pair.join(" "));
    }
    check(
        &format!("services:\n  web:\n    build: .\n{lines}"),
        &[],
        &expect![[r#"
        project shop
        web: source=. port=8000 worker
        warning: valid, but not honoured: `cap_add` (compose.yaml:4), `devices` (compose.yaml:5), `dns` (compose.yaml:6), `dns_opt` (compose.yaml:7), `dns_search` (compose.yaml:8), `extra_hosts` (compose.yaml:9), `group_add` (compose.yaml:10), `privileged` (compose.yaml:11), `read_only` (compose.yaml:12), `ipc` (compose.yaml:13), `pid` (compose.yaml:14), `security_opt` (compose.yaml:15), `userns_mode` (compose.yaml:16), `shm_size` (compose.yaml:17)
    "#]],
    );
}
