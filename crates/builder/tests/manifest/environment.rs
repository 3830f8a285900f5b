//! Where the values of a service's environment come from.

use expect_test::{Expect, expect};

use super::{check, folder};
use dormouse_model::{
    Stored,
    manifest::{Given, ManifestInput, inspect},
};

/// A shell that sets `MODE` and nothing else, and a server that stores `S` for everybody and `OWN` for `web`.
fn given(files: &[(&str, &str)], manifest: (&str, &str)) -> ManifestInput {
    let mut input = folder("shop", &[manifest, ("requirements.txt", "")]);
    let mut given = Given::default();
    for (file, text) in files {
        given.files.insert((*file).to_owned(), Some((*text).to_owned()));
    }
    given.variables.insert("MODE".to_owned(), Some("fast".to_owned()));
    input.give(given);
    let mut stored = Stored::default();
    let mut keep = |project: &str, service: Option<&str>, name: &str, value: &str| {
        let service = service.map(|s| s.parse().unwrap());
        stored.insert(project.parse().unwrap(), service, name.to_owned(), value.to_owned());
    };
    keep("shop", None, "S", "stored");
    keep("shop", Some("web"), "OWN", "web's");
    keep("blog", None, "OTHER", "blog's");
    input.store(stored);
    input
}

fn toml(env: &str, files: &[(&str, &str)], expected: &Expect) {
    check(&given(files, ("dormouse.toml", &format!("[services.web]\n{env}\n"))), expected);
}

fn compose(web: &str, files: &[(&str, &str)], expected: &Expect) {
    let text = format!("services:\n  web:\n    build: .\n    ports: ['8000']\n{web}\n");
    check(&given(files, ("compose.yaml", &text)), expected);
}

#[test]
fn a_manifest_s_values() {
    toml(
        "env = { A = '${MODE}', B = '${DB:-pg://${HOST:-h}:80/p}', C = '$$x', D = 'a$2b', E = '${S}', F = '${OWN}' }",
        &[],
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"A": "fast", "B": `${DB:-pg://${HOST:-h}:80/p}`, "C": "$x", "D": "a$2b", "E": `${S}`, "F": `${OWN}`}
        "#]],
    );
    // The shell comes before `.env`, which may itself refer to the shell.
    toml(
        "env = { A = '${MODE}', B = '$B', C = '${C}' }",
        &[(".env", "MODE=slow\nB='two words'\nC=\"$MODE/$B\" # comment\n")],
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"A": "fast", "B": "two words", "C": "fast/two words"}
        "#]],
    );
}

#[test]
fn files_of_variables() {
    let files = [
        ("a.env", "A=a\nB=a\nPORT=9\n"),
        ("conf/b.env", "export B=\"${A:-none} b\"\nTEXT='line 1\nline 2'\n"),
    ];
    toml(
        "env_file = ['a.env', './conf/b.env']\nenv = { A = 'own' }",
        &files,
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"A": "own", "B": "none b", "TEXT": "line 1\nline 2"} without=["a.env", "conf/b.env"]
            warning: dormouse.toml:2: services.web.env_file[0]: PORT of `a.env` is not used: it is always the service's `port`
        "#]],
    );
    toml(
        "env_file = 'a.env'",
        &files,
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"A": "a", "B": "a"} without=["a.env"]
            warning: dormouse.toml:2: services.web.env_file: PORT of `a.env` is not used: it is always the service's `port`
        "#]],
    );
    compose(
        "    env_file:\n      - a.env\n      - path: conf/b.env\n      - {path: none.env, required: false}\n      - {path: raw.env, format: raw}\n    environment: [A=own, MODE, S, GONE]",
        &[files[0], files[1], ("raw.env", "Q='$x'\n")],
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"A": "own", "B": "none b", "MODE": "fast", "Q": "'$x'", "TEXT": "line 1\nline 2"} without=["a.env", "conf/b.env", "none.env", "raw.env"]
            warning: compose.yaml:6: services.web.env_file[0]: PORT is always the service's port; this value is not used
            warning: without a value, because nobody gives one: `GONE` (compose.yaml:10)
              hint: give it when you deploy (`GONE=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set shop GONE=-`
        "#]],
    );
}

#[test]
fn nobody_gives_it() {
    // Once the literal text reached the service.
    toml(
        "env = { A = '${S3}' }",
        &[],
        &expect![[r#"
            dormouse.toml:2:13: services.web.env.A: `S3` has no value
                |
              2 | env = { A = '${S3}' }
                |             ^^^^^^^
              hint: give it when you deploy (`S3=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set shop S3=-`; write $$ for a dollar sign
        "#]],
    );
    toml(
        "env = { A = 'http://${OTHER:?ask the blog}' }",
        &[],
        &expect![[r#"
            dormouse.toml:2:13: services.web.env.A: `OTHER` has no value: ask the blog
                |
              2 | env = { A = 'http://${OTHER:?ask the blog}' }
                |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: give it when you deploy (`OTHER=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set shop OTHER=-`; write $$ for a dollar sign
        "#]],
    );
    compose(
        "    environment:\n      A: ${X:?must be set}\n      B: ${",
        &[],
        &expect![[r#"
            compose.yaml:6:10: services.web.environment.A: `X` has no value: must be set
                |
              6 |       A: ${X:?must be set}
                |          ^^^^^^^^^^^^^^^^^
              hint: give it when you deploy (`X=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set shop X=-`; write $$ for a dollar sign

            compose.yaml:7:10: services.web.environment.B: a `${` is not closed
                |
              7 |       B: ${
                |          ^^
              hint: write $$ for a dollar sign
        "#]],
    );
}

#[test]
fn files_that_are_wrong() {
    toml(
        "env_file = 'none.env'",
        &[],
        &expect![[r#"
            dormouse.toml:2:12: services.web.env_file: there is no file `none.env`
                |
              2 | env_file = 'none.env'
                |            ^^^^^^^^^^
              hint: add it, or write { path = ..., required = false } if the service can do without it
        "#]],
    );
    toml(
        "env_file = 'a.env'",
        &[("a.env", "A=b\nnot a variable\n")],
        &expect![[r#"
            a.env:2:1: expected NAME=value; a value of several lines stands in quotes
        "#]],
    );
    toml(
        "",
        &[(".env", "A='b\n")],
        &expect![[r#"
            .env:1:1: a ' is not closed
        "#]],
    );
}

/// Linux refuses it when the service is started, and then it was the command that was blamed.
#[test]
fn a_variable_that_no_process_can_have() {
    for (bytes, fits) in [(131_069, true), (131_070, false), (200_000, false)] {
        let text = format!("A={}\n", "x".repeat(bytes));
        let shown = super::shown(&given(
            &[("a.env", &text)],
            ("dormouse.toml", "[services.web]\nenv_file = 'a.env'\n"),
        ));
        let refusal = format!("the variable `A` has {} KiB", bytes.div_ceil(1024));
        assert_eq!(!shown.contains(&refusal), fits, "{bytes}");
    }
}

/// Only what the manifest names is asked for, and files that are named by files in their turn.
#[test]
fn what_is_asked_for() {
    let text =
        "name = 'x'\n[services.web]\nenv_file = 'conf/web.env'\nenv = { A = '${TOKEN:-$FALLBACK} $$NOT' }\n";
    let mut given = Given::default();
    let mut rounds = Vec::new();
    loop {
        let mut input = ManifestInput::new("x");
        input.give(given.clone());
        let wanted = inspect(&input);
        if wanted.files.is_empty() && wanted.variables.is_empty() {
            break;
        }
        let list =
            |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        rounds.push(format!("{} | {}", list(&wanted.files), list(&wanted.variables)));
        for file in wanted.files {
            let answer = match file.as_str() {
                "dormouse.toml" => Some(text.to_owned()),
                "conf/web.env" => Some("B=$HOME/x".to_owned()),
                _ => None,
            };
            given.files.insert(file, answer);
        }
        given.variables.extend(wanted.variables.into_iter().map(|name| (name, None)));
    }
    expect![[r#"
        .env compose.yaml compose.yml docker-compose.yaml docker-compose.yml dormouse.toml | COMPOSE_FILE
        conf/web.env | FALLBACK TOKEN
         | HOME"#]]
    .assert_eq(&rounds.join("\n"));
}

/// Bug: an identifier of more digits than a number of the machine holds reached the service with zeros at its end.
#[test]
fn digits_stay_as_they_are_written() {
    compose(
        "    environment: {BIG: 12345678901234567890, SMALL: 0012345678901234567890, HALF: 0.5}",
        &[],
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public env={"BIG": "12345678901234567890", "HALF": "0.5", "SMALL": "0012345678901234567890"}
        "#]],
    );
}

/// Bug: a name that compose takes, and a process can have, was called none.
#[test]
fn a_name_may_have_spaces() {
    compose(
        "    environment: ['SPACE KEY=1']",
        &[],
        &expect![[r#"
        project shop
        front web
        web: source=. port=8000 public env={"SPACE KEY": "1"}
    "#]],
    );
}

/// Bug: what stood for a reference, a password perhaps, was said in errors.
#[test]
fn what_is_filled_in_is_not_said() {
    compose(
        "    mem_limit: ${PW}\n    labels: {a: b}\n    shm_size: ${PW}-x",
        &[(".env", "PW=hunter2\n")],
        &expect![[r#"
            compose.yaml:5:16: services.web.mem_limit: `${PW}` is not a size; write it like `512MiB` or `1GB`
                |
              5 |     mem_limit: ${PW}
                |                ^^^^^
        "#]],
    );
}

/// Bug: a service, its image and its folder were called by a variable that happened to be of the same text.
#[test]
fn what_the_files_say_themselves_is_said() {
    compose(
        "    image: ${IMAGE}\n    mem_limit: web",
        &[(".env", "IMAGE=web\n")],
        &expect![[r#"
            compose.yaml:6:16: services.web.mem_limit: `web` is not a size; write it like `512MiB` or `1GB`
                |
              6 |     mem_limit: web
                |                ^^^
        "#]],
    );
}
