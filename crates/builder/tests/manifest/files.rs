//! The files themselves: their encodings, links, and names that are nearly right.

use expect_test::expect;

use super::{ManifestInput, check, folder, shown};
use dormouse_model::manifest::Unread;

const MANIFEST: &str = "name = 'größe'\n[services.web]\n";

fn utf16(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// A folder with code and one more file.
fn with(name: &str, bytes: &[u8]) -> ManifestInput {
    let mut input = folder("shop", &[("requirements.txt", "")]);
    input.add_bytes(name, bytes);
    input
}

#[test]
fn a_manifest_is_text_by_its_mark() {
    for (name, text) in [
        ("dormouse.toml", "name = 'x'\n[services.api]\nenv = { A = 'größe' }\n"),
        (
            "docker-compose.yml",
            "name: x\nservices:\n  api:\n    build: .\n    environment: { A: größe }\n    ports: ['8000']\n",
        ),
    ] {
        let plain = shown(&with(name, text.as_bytes()));
        assert!(plain.contains("größe"), "{plain}");
        assert_eq!(shown(&with(name, &utf16(text))), plain);
        assert_eq!(shown(&with(name, &[&b"\xEF\xBB\xBF"[..], text.as_bytes()].concat())), plain);
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_never_ignored() {
    let unread = |name: &str, why| {
        let mut input = folder("shop", &[("requirements.txt", "")]);
        input.add_unread(name, why);
        input
    };
    let tables = [
        (
            with("dormouse.toml", b"# ok\n# caf\xe9\n[services.web]\n"),
            expect![[r#"
            dormouse.toml cannot be read: line 2 is not text: byte 11 of the file is 0xE9, which is not UTF-8 here
              hint: save it as UTF-8; in Latin-1 this byte is `é`
        "#]],
        ),
        (
            with("compose.yaml", b"services:\n  caf\xe9:\n    build: .\n"),
            expect![[r#"
            compose.yaml cannot be read: line 2 is not text: byte 16 of the file is 0xE9, which is not UTF-8 here
              hint: save it as UTF-8; in Latin-1 this byte is `é`
        "#]],
        ),
        (
            with("dormouse.toml", &utf16(MANIFEST)[2..]),
            expect![[r#"
            dormouse.toml cannot be read: line 1 is not text: byte 2 of the file is NUL
              hint: save it as UTF-8; it looks like UTF-16 without a byte order mark
        "#]],
        ),
        (
            unread("dormouse.toml", Unread::Link),
            expect![[r#"
            dormouse.toml cannot be read: it is a link that leads nowhere, in a circle or out of the project's folder
              hint: put the file itself there
        "#]],
        ),
        (
            unread("docker-compose.yml", Unread::Special),
            expect![[r#"
            docker-compose.yml cannot be read: it is a socket, a pipe or a device
              hint: make it a file
        "#]],
        ),
        (
            with("dormouse.toml", &vec![b'#'; 2 << 20]),
            expect![[r#"
            dormouse.toml cannot be read: it has 2097152 bytes, and more than 1048576 are not read
              hint: check that it is the right file
        "#]],
        ),
        (
            folder("shop", &[("requirements.txt", ""), ("dormouse.toml/", "")]),
            expect![[r#"
            dormouse.toml is a folder
              hint: it has to be a file
        "#]],
        ),
        (
            with("Dormouse.toml", b""),
            expect![[r#"
            Dormouse.toml is not read
              hint: rename it to dormouse.toml
        "#]],
        ),
        (
            with("DOCKER-COMPOSE.YML", b""),
            expect![[r#"
            DOCKER-COMPOSE.YML is not read
              hint: rename it to docker-compose.yml
        "#]],
        ),
    ];
    for (input, expected) in tables {
        check(&input, &expected);
    }
}

#[test]
fn links_are_followed() {
    let mut input = folder("shop", &[("config/dormouse.toml", "[services.api]\nsource = 'code'\n")]);
    input.add_file("src/api/requirements.txt", "fastapi");
    input.add_file("src/api/main.py", "import fastapi\n@app.get('/health')");
    input.add_link("dormouse.toml", "config/dormouse.toml");
    input.add_link("code", "src/api");
    check(
        &input,
        &expect![[r#"
            project shop
            front api
            api: source=code port=8000 public health?=/health
        "#]],
    );
}

#[test]
fn of_two_manifests_the_other_is_named() {
    let compose = "services: { web: { build: ., ports: ['8000'] } }";
    let input = folder(
        "shop",
        &[("requirements.txt", ""), ("compose.yaml", compose), ("docker-compose.yml", compose)],
    );
    check(
        &input,
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
            warning: docker-compose.yml is not read, because there is a compose.yaml
        "#]],
    );
}

#[test]
fn what_is_not_in_the_images_is_said() {
    let mut input = folder(
        "shop",
        &[
            (
                "dormouse.toml",
                "[services.web]\nsource = 'web'\n[services.beat]\nsource = 'web'\nkind = 'worker'",
            ),
            ("web/requirements.txt", ""),
        ],
    );
    for n in 0..25 {
        input.add_secret(&format!("web/{n:02}.env"));
    }
    input.add_secret("other/.env");
    input.add_file("web/Procfile", "web: gunicorn app:app\nrelease: python migrate.py\nworker: celery -A x worker\nbeat: celery beat\nclock: python clock.py\n");
    check(
        &input,
        &expect![[r#"
            project shop
            front web
            beat: source=web port=8000 worker
            web: source=web port=8000 public
            warning: not in the images, as they hold secrets: `web/00.env`, `web/01.env`, `web/02.env`, `web/03.env`, `web/04.env`, `web/05.env`, `web/06.env`, `web/07.env`, `web/08.env`, `web/09.env`, `web/10.env`, `web/11.env`, `web/12.env`, `web/13.env`, `web/14.env`, `web/15.env`, `web/16.env`, `web/17.env`, `web/18.env`, `web/19.env` and 5 more
              hint: settings belong into a service's `env`; a file that the app reads itself comes along with include = ["00.env"] under the service in dormouse.toml
            warning: web/Procfile:2: `release` is not run
              hint: make it a job in dormouse.toml, beside the others: [services.release] with kind = "job", source = "web" and start = "python migrate.py"; what is to wait for it says after = ["release"]
            warning: web/Procfile:5: `clock` is not started
              hint: make it a service of its own in dormouse.toml, beside the others: [services.clock] with kind = "worker", source = "web" and start = "python clock.py"
        "#]],
    );
    let mut input = folder("shop", &[("requirements.txt", ""), ("Procfile", "web: x\nrelease: y")]);
    input.add_secret(".env");
    check(
        &input,
        &expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
            warning: not in the images, as they hold secrets: `.env`
              hint: settings belong into a service's `env`; a file that the app reads itself comes along with include = [".env"] under the service in dormouse.toml
            warning: Procfile:2: `release` is not run
              hint: make it a job in a dormouse.toml, which names all services, beside [services.web] with source = ".": [services.release] with kind = "job", source = "." and start = "y"; what is to wait for it says after = ["release"]
        "#]],
    );
}

#[test]
fn a_process_whose_name_is_nearly_web_may_be_it() {
    let app = ("requirements.txt", "");
    for (text, expected) in [
        (
            "wbe: gunicorn app:app",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
            warning: Procfile:1: `wbe` is not started
              hint: if it is what serves, write it as `web: gunicorn app:app`
        "#]],
        ),
        (
            "wbe: gunicorn app:app\nweb: x",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
            warning: Procfile:1: `wbe` is not started
              hint: make it a service of its own in a dormouse.toml, which names all services, beside [services.web] with source = ".": [services.wbe] with kind = "worker", source = "." and start = "gunicorn app:app"
        "#]],
        ),
    ] {
        check(&folder("shop", &[app, ("Procfile", text)]), &expected);
    }
}

/// Bug: files whose names were nearly right were passed over in silence, also where nothing else said what to run.
#[test]
fn names_that_are_nearly_right() {
    const COMPOSE: &str = "services: {web: {build: ., ports: ['80']}}";
    for (files, expected) in [
        (
            &[("dormouse.yaml", "name: x"), ("requirements.txt", "")][..],
            expect![[r#"
            dormouse.yaml is not read: the manifest is called dormouse.toml
              hint: write it as TOML, in a file called dormouse.toml
        "#]],
        ),
        (
            &[("dormouse.tml", ""), ("compose.yaml", COMPOSE), ("requirements.txt", "")],
            expect![[r#"
            dormouse.tml is not read: the manifest is called dormouse.toml
              hint: rename it to dormouse.toml
        "#]],
        ),
        (
            &[("domouse.json", ""), ("requirements.txt", "")],
            expect![[r#"
            domouse.json is not read: the manifest is called dormouse.toml
              hint: write it as TOML, in a file called dormouse.toml
        "#]],
        ),
        (
            &[("dormouse.toml", "[services.web]"), ("dormouse.yml", ""), ("requirements.txt", "")],
            expect![[r#"
                project shop
                front web
                web: source=. port=8000 public
                warning: dormouse.yml is not read, because there is a dormouse.toml
            "#]],
        ),
        (
            &[("dormouse.py", ""), ("dormouse.prod.toml", ""), ("requirements.txt", "")],
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
        "#]],
        ),
        (
            &[("docker_compose.yml", COMPOSE), ("requirements.txt", "")],
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public
            warning: docker_compose.yml is not read: its name would have to be docker-compose.yml
        "#]],
        ),
        (
            &[("docker_compose.yml", COMPOSE), ("main.py", "")],
            expect![[r#"
            there is nothing to run in this folder: docker_compose.yml is not read
              hint: rename it to docker-compose.yml
        "#]],
        ),
        (
            &[("compose.yaml", COMPOSE), ("compose-overide.yaml", COMPOSE), ("requirements.txt", "")],
            expect![[r#"
                project shop
                front web
                web: source=. port=80 public
                warning: compose-overide.yaml is not read: its name would have to be compose.override.yaml
            "#]],
        ),
        (
            &[("docker-compose.prod.yml", COMPOSE), ("compose.dev.yaml", COMPOSE), ("requirements.txt", "")],
            expect![[r#"
                project shop
                front web
                web: source=. port=8000 public
                warning: compose.dev.yaml, docker-compose.prod.yml are read only when they are named
                  hint: `dormouse deploy -f compose.dev.yaml`
            "#]],
        ),
        (
            &[("docker-compose.prod.yml", COMPOSE), ("main.py", "")],
            expect![[r#"
            there is nothing to run in this folder: docker-compose.prod.yml is read only when it is named
              hint: `dormouse deploy -f docker-compose.prod.yml`
        "#]],
        ),
        (
            &[("compose.yaml", COMPOSE), ("docker-compose.prod.yml", COMPOSE), ("requirements.txt", "")],
            expect![[r#"
                project shop
                front web
                web: source=. port=80 public
            "#]],
        ),
        (
            &[("requirement.txt", ""), ("main.py", "")],
            expect![[r#"
            there is nothing to run in this folder: requirement.txt is not read
              hint: rename it to requirements.txt
        "#]],
        ),
    ] {
        check(&folder("shop", files), &expected);
    }
    for name in ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"] {
        assert!(shown(&folder("shop", &[(name, COMPOSE)])).contains("port=80"), "{name}");
    }
}
