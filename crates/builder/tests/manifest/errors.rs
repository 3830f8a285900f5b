//! `dormouse.toml` that is wrong: what people are told.

use expect_test::expect;

use super::{check, folder};
use dormouse_builder::LANGUAGES;
use dormouse_model::{
    Limits,
    manifest::{ManifestInput, resolve},
};

fn wrong(text: &str, expected: &expect_test::Expect) {
    let input = folder("shop", &[("dormouse.toml", text), ("backend/", ""), ("frontend/", "")]);
    check(&input, expected);
}

#[test]
fn several_are_told_together() {
    wrong(
        "nam = 'x'\n\n[services.backend]\nprot = 8000\nkind = 'wbe'\nmemory = 'lots'\n\n[services.frontend]\nneeds = ['bakend', 'frontend']\nsource = 'fronted'\n",
        &expect![[r#"
            dormouse.toml:1:1: nam: unknown key `nam`
                |
              1 | nam = 'x'
                | ^^^
              hint: did you mean `name`?

            dormouse.toml:4:1: services.backend.prot: unknown key `prot`
                |
              4 | prot = 8000
                | ^^^^
              hint: did you mean `port`?

            dormouse.toml:5:8: services.backend.kind: unknown kind `wbe`
                |
              5 | kind = 'wbe'
                |        ^^^^^
              hint: did you mean `web`?

            dormouse.toml:6:10: services.backend.memory: `lots` is not a size; write it like `512MiB` or `1GB`
                |
              6 | memory = 'lots'
                |          ^^^^^^

            dormouse.toml:9:10: services.frontend.needs[0]: there is no service `bakend`
                |
              9 | needs = ['bakend', 'frontend']
                |          ^^^^^^^^
              hint: did you mean `backend`?

            dormouse.toml:9:20: services.frontend.needs[1]: a service cannot need itself
                |
              9 | needs = ['bakend', 'frontend']
                |                    ^^^^^^^^^^

            dormouse.toml:10:10: services.frontend.source: there is no folder `fronted`
                 |
              10 | source = 'fronted'
                 |          ^^^^^^^^^
              hint: did you mean `frontend`?
        "#]],
    );
}

#[test]
fn jobs() {
    for (text, expected) in [
        (
            "[services.migrate]\nkind = 'job'\npublic = true\n[services.web]\nneeds = ['migrate']\nafter = ['worker', 'web']\n[services.worker]\nkind = 'worker'\n",
            expect![[r#"
                dormouse.toml:3:10: services.migrate.public: a job has no port, so it cannot be public
                    |
                  3 | public = true
                    |          ^^^^
                  hint: leave `public` out, or make it kind = "web"

                dormouse.toml:5:10: services.web.needs[0]: `migrate` is a job, and nobody can call it
                    |
                  5 | needs = ['migrate']
                    |          ^^^^^^^^^
                  hint: write after = ["migrate"]

                dormouse.toml:6:20: services.web.after[1]: a service cannot wait for itself
                    |
                  6 | after = ['worker', 'web']
                    |                    ^^^^^
            "#]],
        ),
        (
            "[services.a]\nkind = 'job'\nafter = ['b']\n[services.b]\nkind = 'job'\nafter = ['c']\n[services.c]\nkind = 'job'\nafter = ['a']\n",
            expect![[r#"
                dormouse.toml:3:10: services.a.after[0]: `a` waits for itself, through others
                    |
                  3 | after = ['b']
                    |          ^^^
                  hint: let one of them begin

                dormouse.toml:6:10: services.b.after[0]: `b` waits for itself, through others
                    |
                  6 | after = ['c']
                    |          ^^^
                  hint: let one of them begin

                dormouse.toml:9:10: services.c.after[0]: `c` waits for itself, through others
                    |
                  9 | after = ['a']
                    |          ^^^
                  hint: let one of them begin
            "#]],
        ),
    ] {
        wrong(text, &expected);
    }
}

#[test]
fn each_kind_of_mistake() {
    for (text, expected) in [
        (
            "[services.web\n",
            expect![[r#"
            dormouse.toml:1:14: not valid TOML: unclosed table, expected `]`
                |
              1 | [services.web
                |              ^
        "#]],
        ),
        (
            "name = \"Größe\"\n",
            expect![[r#"
                dormouse.toml:1:8: name: `Größe` is not a valid project name: only a-z, 0-9 and - are allowed
                    |
                  1 | name = "Größe"
                    |        ^^^^^^^
                  hint: `gr-e-aedc3f` would do
            "#]],
        ),
        (
            "port = 80\n",
            expect![[r#"
                dormouse.toml:1:1: port: this key belongs to a service
                    |
                  1 | port = 80
                    | ^^^^
                  hint: put it under its service: [services.web]
            "#]],
        ),
        (
            "services = 3\n",
            expect![[r#"
                dormouse.toml:1:12: services: expected a table, found a whole number
                    |
                  1 | services = 3
                    |            ^
            "#]],
        ),
        (
            "[services.web]\nport = 70000\n",
            expect![[r#"
            dormouse.toml:2:8: services.web.port: expected a whole number from 1 to 65535, found 70000
                |
              2 | port = 70000
                |        ^^^^^
        "#]],
        ),
        (
            "[services.web]\nport = '80'\n",
            expect![[r#"
                dormouse.toml:2:8: services.web.port: expected a whole number from 1 to 65535, found text
                    |
                  2 | port = '80'
                    |        ^^^^
                  hint: write 80 without quotes
            "#]],
        ),
        (
            "[services.web]\nsource = '../up'\n",
            expect![[r#"
            dormouse.toml:2:10: services.web.source: the source folder must not lie outside the project's folder
                |
              2 | source = '../up'
                |          ^^^^^^^
              hint: move this file to a folder above all its sources
        "#]],
        ),
        (
            "[services.web]\nsource = '/etc'\n",
            expect![[r#"
            dormouse.toml:2:10: services.web.source: the source folder must not be absolute
                |
              2 | source = '/etc'
                |          ^^^^^^
              hint: write it relative to this file
        "#]],
        ),
        (
            "[services.web]\nstart = 'a && b'\n",
            expect![[r#"
            dormouse.toml:2:9: services.web.start: `&&` needs a shell, and the command is run without one
                |
              2 | start = 'a && b'
                |         ^^^^^^^^
              hint: put the line into a script, or write ["sh", "-c", "..."]
        "#]],
        ),
        (
            "[services.web]\nstart = \"a 'b\"\n",
            expect![[r#"
            dormouse.toml:2:9: services.web.start: a quote is not closed
                |
              2 | start = "a 'b"
                |         ^^^^^^
        "#]],
        ),
        (
            "[services.web]\nstart = []\n",
            expect![[r#"
            dormouse.toml:2:9: services.web.start: the command is empty
                |
              2 | start = []
                |         ^^
        "#]],
        ),
        (
            "[services.web]\nhealth = 'health'\n",
            expect![[r#"
            dormouse.toml:2:10: services.web.health: not a path
                |
              2 | health = 'health'
                |          ^^^^^^^^
              hint: write a path such as "/health", or "tcp" when a connection is enough
        "#]],
        ),
        (
            "[services.web]\nhealth = { paht = '/' }\n",
            expect![[r#"
            dormouse.toml:2:12: services.web.health.paht: unknown key `paht`
                |
              2 | health = { paht = '/' }
                |            ^^^^
              hint: did you mean `path`?
        "#]],
        ),
        (
            "[services.web]\nsleep = '5 parsecs'\n",
            expect![[r#"
            dormouse.toml:2:9: services.web.sleep: `5 parsecs` is not a time; write it like `30s`, `5m` or `1h30m`
                |
              2 | sleep = '5 parsecs'
                |         ^^^^^^^^^^^
        "#]],
        ),
        (
            "[services.web]\nsleep.streams = 'ignored'\n",
            expect![[r#"
                dormouse.toml:2:17: services.web.sleep.streams: unknown word for streams `ignored`
                    |
                  2 | sleep.streams = 'ignored'
                    |                 ^^^^^^^^^
                  hint: did you mean `ignore`?
            "#]],
        ),
        (
            "[services.web]\nsleep = { depth = 'deep' }\n",
            expect![[r#"
            dormouse.toml:2:19: services.web.sleep.depth: unknown depth `deep`
                |
              2 | sleep = { depth = 'deep' }
                |                   ^^^^^^
              hint: known here: `frozen`, `paged`, `stopped`
        "#]],
        ),
        (
            "[services.web]\ncpu = -1\n",
            expect![[r#"
            dormouse.toml:2:7: services.web.cpu: -1 is not a number of cores; write it like 0.5 or 2
                |
              2 | cpu = -1
                |       ^^
        "#]],
        ),
        (
            "[services.web]\nenv = { PORT = 1 }\n",
            expect![[r#"
            dormouse.toml:2:9: services.web.env.PORT: PORT is always the port the service is expected to listen on
                |
              2 | env = { PORT = 1 }
                |         ^^^^
              hint: set the service's `port` instead
        "#]],
        ),
        (
            "[services.web]\nenv = { A = [1] }\n",
            expect![[r#"
            dormouse.toml:2:13: services.web.env.A: expected text, found a list
                |
              2 | env = { A = [1] }
                |             ^^^
        "#]],
        ),
        (
            "[services.web]\npackages = ['-y']\n",
            expect![[r#"
            dormouse.toml:2:13: services.web.packages[0]: `-y` is not the name of a Debian package
                |
              2 | packages = ['-y']
                |             ^^^^
        "#]],
        ),
        (
            "[services.job]\nkind = 'worker'\npublic = true\n",
            expect![[r#"
            dormouse.toml:3:10: services.job.public: a worker has no port, so it cannot be public
                |
              3 | public = true
                |          ^^^^
              hint: leave `public` out, or make it kind = "web"
        "#]],
        ),
        (
            "[services.Web_1]\n",
            expect![[r#"
            dormouse.toml:1:11: services.Web_1: `Web_1` is not a valid service name: only a-z, 0-9 and - are allowed
                |
              1 | [services.Web_1]
                |           ^^^^^
              hint: `web-1` would do
        "#]],
        ),
        (
            "[services.web]\nneeds = ['x']\n\t[services.db]\n\tprot = '\u{1F42D}'\n",
            expect![[r#"
            dormouse.toml:2:10: services.web.needs[0]: there is no service `x`
                |
              2 | needs = ['x']
                |          ^^^
              hint: the other services are: `db`

            dormouse.toml:4:2: services.db.prot: unknown key `prot`
                |
              4 | 	prot = '🐭'
                | 	^^^^
              hint: did you mean `port`?
        "#]],
        ),
    ] {
        wrong(text, &expected);
    }
}

/// Bug: `99TiB` came back as 101376 GiB, without file and line.
#[test]
fn what_the_server_does_not_give() {
    let most = Limits { memory: 8 << 30, cpu_milli: 4000, pids: 9000, disk: 20 << 30 };
    for (file, text, expected) in [
        (
            "dormouse.toml",
            "[services.web]\nsource = 'backend'\nmemory = '1TiB'\ncpu = 4.5\npids = 4000000\ndisk = \"99TiB\"",
            expect![[r#"
                dormouse.toml:3:10: services.web.memory: `1TiB` is more than this server gives a service: 8 GiB at most
                    |
                  3 | memory = '1TiB'
                    |          ^^^^^^
                  hint: ask for less, or raise `memory` under [limits] in its server.toml

                dormouse.toml:4:7: services.web.cpu: `4.5` is more than this server gives a service: 4 at most
                    |
                  4 | cpu = 4.5
                    |       ^^^
                  hint: ask for less, or raise `cpu` under [limits] in its server.toml

                dormouse.toml:5:8: services.web.pids: `4000000` is more than this server gives a service: 9000 at most
                    |
                  5 | pids = 4000000
                    |        ^^^^^^^
                  hint: ask for less, or raise `pids` under [limits] in its server.toml

                dormouse.toml:6:8: services.web.disk: `99TiB` is more than this server gives a service: 20 GiB at most
                    |
                  6 | disk = "99TiB"
                    |        ^^^^^^^
                  hint: ask for less, or raise `disk` under [limits] in its server.toml
            "#]],
        ),
        (
            "compose.yaml",
            "services:\n  web:\n    build: backend\n    mem_limit: 9g\n    deploy: {resources: {limits: {cpus: '5', memory: 10G}}}",
            expect![[r#"
                compose.yaml:5:41: services.web.deploy.resources.limits.cpus: `5` is more than this server gives a service: 4 at most
                    |
                  5 |     deploy: {resources: {limits: {cpus: '5', memory: 10G}}}
                    |                                         ^^^
                  hint: ask for less, or raise `cpu` under [limits] in its server.toml

                compose.yaml:5:54: services.web.deploy.resources.limits.memory: `10G` is more than this server gives a service: 8 GiB at most
                    |
                  5 |     deploy: {resources: {limits: {cpus: '5', memory: 10G}}}
                    |                                                      ^^^
                  hint: ask for less, or raise `memory` under [limits] in its server.toml
            "#]],
        ),
        (
            "dormouse.toml",
            "[services.web]\nsource = 'backend'\nmemory = '8GiB'\ncpu = 4",
            expect![[r#"
            project shop
            front web
            web: source=backend port=8000 public limits=8589934592 4000m 512
        "#]],
        ),
    ] {
        let mut input = folder("shop", &[(file, text), ("backend/", "")]);
        input.bound(most);
        check(&input, &expected);
    }
}

#[test]
fn how_many_instances() {
    let said = |keys: &str| {
        let mut input = ManifestInput::new("shop");
        input.add_file("dormouse.toml", format!("[services.web]\nstart = 'x'\n{keys}"));
        match resolve(&input, LANGUAGES) {
            Ok((spec, _)) => spec.services.values().map(|s| s.replicas.to_string()).collect(),
            Err(e) => e.to_string(),
        }
    };
    expect!["1"].assert_eq(&said(""));
    expect!["100"].assert_eq(&said("replicas = 100"));
    expect!["3"].assert_eq(&said("kind = 'worker'\nreplicas = 3"));
    expect![[r#"
        dormouse.toml:3:12: services.web.replicas: expected a whole number from 1 to 100, found 101
            |
          3 | replicas = 101
            |            ^^^"#]]
    .assert_eq(&said("replicas = 101"));
    expect![[r#"
        dormouse.toml:3:12: services.web.replicas: expected a whole number from 1 to 100, found 0
            |
          3 | replicas = 0
            |            ^"#]]
    .assert_eq(&said("replicas = 0"));
    expect![[r#"
        dormouse.toml:3:12: services.web.replicas: expected a whole number from 1 to 100, found text
            |
          3 | replicas = '3'
            |            ^^^
          hint: write 3 without quotes"#]]
    .assert_eq(&said("replicas = '3'"));
    expect![[r#"
        dormouse.toml:4:12: services.web.replicas: a job runs once, and has one instance
            |
          4 | replicas = 3
            |            ^
          hint: leave it out; several jobs may run side by side under names of their own"#]]
    .assert_eq(&said("kind = 'job'\nreplicas = 3"));
    expect!["1"].assert_eq(&said("kind = 'job'\nreplicas = 1"));
}
