//! Projects whose compose files are several, or lie apart from their sources.

use expect_test::{Expect, expect};

use super::{check, folder};
use dormouse_model::manifest::{Given, ManifestInput};

fn project(files: &[(&str, &str)], given: Given) -> ManifestInput {
    let mut input = folder("shop", &[("requirements.txt", ""), ("api/", ""), ("page/", ""), ("deploy/", "")]);
    for (path, text) in files {
        input.add_file(path, *text);
    }
    input.give(given);
    input
}

fn files(files: &[(&str, &str)], expected: &Expect) {
    check(&project(files, Given::default()), expected);
}

#[test]
fn one_is_laid_over_the_other() {
    files(
        &[
            (
                "docker-compose.yml",
                "services:\n  web:\n    build: ./api\n    command: [old]\n    ports: ['80']\n    environment: {A: a, B: b, C: c}\n    depends_on: [db]\n    mem_limit: 64m\n  db: {build: page, ports: ['90'], profiles: [x]}\n",
            ),
            (
                "docker-compose.override.yml",
                "services:\n  web:\n    build: {context: page}\n    command: new\n    ports: !override ['81']\n    environment: [B=bb, D=d]\n    depends_on: !reset []\n    mem_limit: null\n    env_file: !reset x.env\n  db: {profiles: !reset []}\n",
            ),
        ],
        &expect![[r#"
            project shop
            front web
            db: source=page port=90 public
            web: source=page port=81 public start=["new"] start@docker-compose.override.yml:4 limits=67108864 1000m 512 env={"A": "a", "B": "bb", "C": "c", "D": "d"}
        "#]],
    );
    // Named, only what is named; the first decides what paths are relative to.
    let given = Given { manifests: vec!["a.yml".to_owned(), "deploy/b.yml".to_owned()], ..Given::default() };
    let named = [
        ("a.yml", "services: {web: {build: api, ports: ['80']}}"),
        ("deploy/b.yml", "services: {web: {build: ./page}}"),
        ("compose.yaml", "]["),
        ("compose.override.yaml", "]["),
    ];
    check(
        &project(&named, given),
        &expect![[r#"
            project shop
            front web
            web: source=page port=80 public
        "#]],
    );
    let given = Given { manifests: vec!["none.yml".to_owned()], ..Given::default() };
    check(
        &project(&[], given),
        &expect![[r#"
        there is no file `none.yml`
          hint: check --file
    "#]],
    );
}

#[test]
fn what_is_extended() {
    files(
        &[
            (
                "compose.yaml",
                "services:\n  web:\n    extends: {service: base, file: deploy/common.yaml}\n    ports: ['80']\n    environment: {B: own}\n  worker:\n    extends: web\n    command: python loop.py\n    ports: !reset []\n",
            ),
            (
                "deploy/common.yaml",
                "services:\n  base:\n    extends: {service: bottom}\n    environment: {A: a, B: b}\n  bottom:\n    build: ../api\n    env_file: common.env\n    mem_limit: 64m\n",
            ),
            ("deploy/common.env", "FILE=f\n"),
        ],
        &expect![[r#"
            project shop
            front web
            web: source=api port=80 public limits=67108864 1000m 512 env={"A": "a", "B": "own", "FILE": "f"} without=["../deploy/common.env"]
            worker: source=api port=8000 worker start=["python", "loop.py"] start@compose.yaml:8 limits=67108864 1000m 512 env={"A": "a", "B": "own", "FILE": "f"} without=["../deploy/common.env"]
        "#]],
    );
    for (text, expected) in [
        (
            "services:\n  web:\n    build: .\n    extends: wbe\n",
            expect![[r#"
            compose.yaml:4:14: services.web.extends: there is no service `wbe` in compose.yaml
                |
              4 |     extends: wbe
                |              ^^^
        "#]],
        ),
        (
            "services:\n  web:\n    build: .\n    extends: {service: web}\n",
            expect![[r#"
            compose.yaml:4:14: services.web.extends: `web` extends itself
                |
              4 |     extends: {service: web}
                |              ^^^^^^^^^^^^^^
        "#]],
        ),
        (
            "services:\n  web:\n    build: .\n    extends: {file: no.yaml, service: web}\n",
            expect![[r#"
            compose.yaml:4:21: services.web.extends.file: there is no file `no.yaml`
                |
              4 |     extends: {file: no.yaml, service: web}
                |                     ^^^^^^^
        "#]],
        ),
        (
            "services:\n  web:\n    build: .\n    extends: {file: compose.yaml}\n",
            expect![[r#"
            compose.yaml:4:14: services.web.extends: it names no `service`
                |
              4 |     extends: {file: compose.yaml}
                |              ^^^^^^^^^^^^^^^^^^^^
        "#]],
        ),
    ] {
        files(&[("compose.yaml", text)], &expected);
    }
}

#[test]
fn what_is_included() {
    files(
        &[
            (
                "compose.yaml",
                "include:\n  - deploy/db.yaml\n  - {path: [page/compose.yaml, page/more.yaml], env_file: page/p.env}\nservices:\n  web: {build: ., ports: ['80'], depends_on: [db, page], environment: {X: '${X:-none}'}}\n",
            ),
            ("deploy/db.yaml", "services: {db: {build: ../api, expose: ['${DBPORT}']}}\n"),
            ("deploy/.env", "DBPORT=5432\n"),
            ("page/compose.yaml", "name: other\nservices: {page: {build: ., ports: ['${X}']}}\n"),
            ("page/more.yaml", "services: {page: {environment: {Y: y}}}\n"),
            ("page/p.env", "X=8501\n"),
        ],
        &expect![[r#"
            project shop
            front web
            db: source=api port=5432 tcp
            page: source=page port=8501 public env={"Y": "y"}
            web: source=. port=80 public needs={db, page} env={"X": `${X:-none}`} without=["api", "page"]
        "#]],
    );
    for (text, expected) in [
        (
            "include: [no.yaml]\nservices: {web: {build: .}}\n",
            expect![[r#"
            compose.yaml:1:11: include[0]: there is no file `no.yaml`
                |
              1 | include: [no.yaml]
                |           ^^^^^^^
        "#]],
        ),
        (
            "include: [compose.yaml]\nservices: {web: {build: .}}\n",
            expect![[r#"
            compose.yaml:1:11: include[0]: `compose.yaml` includes itself
                |
              1 | include: [compose.yaml]
                |           ^^^^^^^^^^^^
        "#]],
        ),
        (
            "include: [page/c.yaml]\nservices:\n  web: {build: .}\n",
            expect![[r#"
            compose.yaml:3:3: services.web: page/c.yaml:2 defines it too, and differently
                |
              3 |   web: {build: .}
                |   ^^^
              hint: give one of them another name
        "#]],
        ),
        (
            "include: ['https://a/b.yaml']\nservices: {web: {build: .}}\n",
            expect![[r#"
            compose.yaml:1:11: include[0]: `https://a/b.yaml` is not in this folder, and is not fetched
                |
              1 | include: ['https://a/b.yaml']
                |           ^^^^^^^^^^^^^^^^^^
        "#]],
        ),
    ] {
        files(&[("compose.yaml", text), ("page/c.yaml", "services:\n  web: {build: page}\n")], &expected);
    }
}

#[test]
fn profiles() {
    let text = "services:\n  web: {build: ., ports: ['80'], depends_on: {tests: {condition: service_started, required: false}}}\n  tests: {build: ., command: pytest, profiles: [test]}\n  tools: {build: ., command: x, profiles: [tools, test]}\n  spare: {build: ., command: x, deploy: {replicas: 0}}\n";
    let given = |profiles: &[&str], variable: Option<&str>| Given {
        profiles: profiles.iter().map(|p| (*p).to_owned()).collect(),
        variables: [("COMPOSE_PROFILES".to_owned(), variable.map(str::to_owned))].into(),
        ..Given::default()
    };
    for (profiles, variable, expected) in [
        (
            &[][..],
            None,
            expect![[r#"
                project shop
                front web
                web: source=. port=80 public
            "#]],
        ),
        (
            &["test"],
            None,
            expect![[r#"
                project shop
                front web
                tests: source=. port=8000 worker start=["pytest"] start@compose.yaml:3
                tools: source=. port=8000 worker start=["x"] start@compose.yaml:4
                web: source=. port=80 public needs={tests}
            "#]],
        ),
        (
            &[],
            Some("tools,other"),
            expect![[r#"
                project shop
                front web
                tools: source=. port=8000 worker start=["x"] start@compose.yaml:4
                web: source=. port=80 public
            "#]],
        ),
        (
            &["*"],
            None,
            expect![[r#"
                project shop
                front web
                tests: source=. port=8000 worker start=["pytest"] start@compose.yaml:3
                tools: source=. port=8000 worker start=["x"] start@compose.yaml:4
                web: source=. port=80 public needs={tests}
            "#]],
        ),
    ] {
        check(&project(&[("compose.yaml", text)], given(profiles, variable)), &expected);
    }
    let text = "services:\n  web: {build: ., ports: ['80'], depends_on: [tests]}\n  tests: {build: ., command: pytest, profiles: [test]}\n";
    check(
        &project(&[("compose.yaml", text)], Given::default()),
        &expect![[r#"
        compose.yaml:2:47: services.web.depends_on[0]: `tests` is not started: the profile `test` is not asked for
            |
          2 |   web: {build: ., ports: ['80'], depends_on: [tests]}
            |                                               ^^^^^
          hint: deploy with --profile test, or write `required: false`
    "#]],
    );
}

/// Bug: a file whose services all have a profile was called a folder with nothing to run.
#[test]
fn no_profile_is_asked_for() {
    for (text, expected) in [
        (
            "services:\n  web: {build: ., ports: ['80'], profiles: [dev]}\n  tests: {build: ., command: pytest, profiles: [ci, dev]}\n",
            expect![[r#"
                compose.yaml:2:3: services: no service is started: each has a profile: `web` (dev), `tests` (ci, dev)
                    |
                  2 |   web: {build: ., ports: ['80'], profiles: [dev]}
                    |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                  hint: deploy with --profile dev, or set COMPOSE_PROFILES in an .env beside the file
            "#]],
        ),
        (
            "services:\n  web: {build: ., ports: ['80'], scale: 0}\n",
            expect![[r#"
            compose.yaml:2:3: services: no service is started: `web` is to have no copies
                |
              2 |   web: {build: ., ports: ['80'], scale: 0}
                |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: let it have one
        "#]],
        ),
    ] {
        check(&project(&[("compose.yaml", text)], Given::default()), &expected);
    }
}

/// Of `deploy/docker-compose.yml` the folder above is packed.
#[test]
fn sources_above_the_file() {
    let text = "services:\n  web: {build: .., ports: ['80'], env_file: web.env}\n  api: {build: {context: ../api}, expose: ['90']}\n";
    let mut given = Given { base: "deploy".to_owned(), ..Given::default() };
    given.files.insert("docker-compose.yml".to_owned(), Some(text.to_owned()));
    given.files.insert("web.env".to_owned(), Some("A=b\n".to_owned()));
    check(
        &project(&[], given.clone()),
        &expect![[r#"
            project shop
            front web
            api: source=api port=90 without=["../web.env"]
            web: source=. port=80 public env={"A": "b"} without=["api", "web.env"]
        "#]],
    );
    given.base = String::new();
    check(
        &project(&[], given),
        &expect![[r#"
        docker-compose.yml:2:16: services.web.build.context: the source folder must not lie outside the project's folder
            |
          2 |   web: {build: .., ports: ['80'], env_file: web.env}
            |                ^^
          hint: move this file to a folder above all its sources

        docker-compose.yml:3:26: services.api.build.context: the source folder must not lie outside the project's folder
            |
          3 |   api: {build: {context: ../api}, expose: ['90']}
            |                          ^^^^^^
          hint: move this file to a folder above all its sources
    "#]],
    );
}

/// The name may come from the shell, and what is stored for a project fills in what is no environment.
#[test]
fn the_project_s_name() {
    let text = "name: ${NAME}\nservices: {web: {build: ., ports: ['${P}'], command: 'serve --key ${K}'}}\n";
    let mut given = Given::default();
    given.variables.insert("NAME".to_owned(), Some("Blog_2".to_owned()));
    let mut input = project(&[("compose.yaml", text)], given.clone());
    let mut stored = dormouse_model::Stored::default();
    for (project, name, value) in
        [("blog-2", "P", "8123"), ("blog-2", "K", "s3cret"), ("shop", "P", "8500"), ("shop", "K", "own")]
    {
        stored.insert(project.parse().unwrap(), None, name.to_owned(), value.to_owned());
    }
    input.store(stored);
    check(
        &input,
        &expect![[r#"
            project blog-2
            front web
            web: source=. port=8123 public start=["serve", "--key", "s3cret"] start@compose.yaml:2
            warning: compose.yaml:1: name: `Blog_2` is no name for a host, so the project is called `blog-2`
        "#]],
    );
    // Bug: what was stored for the project that `--project` names was not found.
    check(
        &input.clone().named(Some("shop".to_owned())),
        &expect![[r#"
            project shop
            front web
            web: source=. port=8500 public start=["serve", "--key", "own"] start@compose.yaml:2
        "#]],
    );
    given.variables.insert("COMPOSE_PROJECT_NAME".to_owned(), Some("other".to_owned()));
    check(
        &project(&[("compose.yaml", text)], given),
        &expect![[r#"
            project other
            front web
            web: source=. port=8000 public start=["serve", "--key"] start@compose.yaml:2
            warning: without a value, because nobody gives one: `K` (compose.yaml:2), `P` (compose.yaml:2)
              hint: give it when you deploy (`K=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set other K=-`
        "#]],
    );
}

/// Lines that stand for billions of values, once more.
#[test]
fn a_bomb_of_extensions_is_refused() {
    let many: String = (0..400).map(|i| format!("      A{i}: a\n")).collect();
    let mut text = format!("services:\n  s0:\n    build: .\n    environment:\n{many}");
    for i in 1..500 {
        text += &format!("  s{i}:\n    extends: s{}\n", i - 1);
    }
    let shown = super::shown(&project(&[("compose.yaml", &text)], Given::default()));
    assert!(
        shown.contains("the services hold more than 200000 values"),
        "{}",
        &shown[..300.min(shown.len())]
    );
}
