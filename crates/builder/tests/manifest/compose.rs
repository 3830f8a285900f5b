//! Compose files.

use expect_test::expect;

use super::{check, folder};

fn compose(text: &str, expected: &expect_test::Expect) {
    let input = folder("shop", &[("docker-compose.yml", text), ("backend/", ""), ("frontend/", "")]);
    check(&input, expected);
}

#[test]
fn a_whole_file() {
    compose(
        r#"
version: "3.8"
x-common: &common
  restart: always
  mem_limit: 256m
services:
  backend:
    <<: *common
    build: ./backend
    command: uvicorn main:app --host 0.0.0.0 --port 8000
    environment:
      - MODE=fast
      - LEVEL=${LEVEL:-info}
      - KEY=${API_KEY}
    expose: ["8000"]
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/health?x=1"]
      interval: 10s
      retries: 4
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 512M}
  frontend:
    build:
      context: frontend
      dockerfile: Dockerfile
    ports:
      - "8501:8501"
    environment:
      BACKEND_URL: http://backend:8000
      PORT: 8501
    depends_on:
      backend:
        condition: service_healthy
    volumes: ["./data:/data"]
  adminer:
    image: adminer
"#,
        &expect![[r#"
            project shop
            front frontend
            backend: source=backend port=8000 start=["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"] start@docker-compose.yml:10 health=/health?x=1 probe=(10s 5s 120s 4 120s) limits=536870912 500m 512 env={"KEY": `${API_KEY}`, "LEVEL": `${LEVEL:-info}`, "MODE": "fast"}
            frontend: source=frontend port=8501 public needs={backend} after={backend} env={"BACKEND_URL": "http://backend:8000"}
            warning: docker-compose.yml:26: services.frontend.build.dockerfile: there is no file `frontend/Dockerfile`, so nothing is known of how it starts
            warning: left out, because images cannot be run yet: `adminer` (docker-compose.yml:37: `adminer`)
            warning: valid, but not honoured: `volumes` (docker-compose.yml:35)
              hint: what a service writes is gone when its instance is replaced
            warning: without a value, because nobody gives one: `API_KEY` (docker-compose.yml:14)
              hint: give it when you deploy (`API_KEY=... dormouse deploy`), in a .env beside the file, or for good with `dormouse env set shop API_KEY=-`
        "#]],
    );
}

#[test]
fn mistakes() {
    for (text, expected) in [
        (
            "services:\n  web:\n    biuld: .\n",
            expect![[r#"
                docker-compose.yml:3:5: services.web.biuld: unknown key `biuld`
                    |
                  3 |     biuld: .
                    |     ^^^^^
                  hint: did you mean `build`?
            "#]],
        ),
        (
            "services:\n  web:\n    build: .\n    depends_on: [db]\n  db:\n    image: postgres\n",
            expect![[r#"
                project shop
                front web
                web: source=. port=8000 public
                warning: left out, because images cannot be run yet: `db` (docker-compose.yml:6: `postgres`, which `web` depends on)
                  hint: let `db` run elsewhere, and give `web` its address in `environment` or with `dormouse env set`
            "#]],
        ),
        (
            "services:\n  db:\n    image: postgres\n",
            expect![[r#"
                docker-compose.yml:3:5: services.db: `db` has an image (`postgres`) and no `build`, and images cannot be run yet
                    |
                  3 |     image: postgres
                    |     ^^^^^
                  hint: give it a `build` with the folder of its source
            "#]],
        ),
        (
            "services:\n  web:\n    build: .\n    ports: ['53/udp']\n",
            expect![[r#"
                project shop
                front web
                web: source=. port=8000 public
                warning: valid, but not honoured: `ports other than TCP` (docker-compose.yml:4)
            "#]],
        ),
        (
            "services:\n  web: [\n",
            expect![[r#"
                docker-compose.yml:3:1: not valid YAML: while parsing a node, did not find expected node content
                    |
                  3 |
                    | ^
            "#]],
        ),
        (
            "services:\n  web: {build: .}\n  web: {build: .}\n",
            expect![[r#"
            docker-compose.yml:3:3: not valid YAML: `web` is there twice
                |
              3 |   web: {build: .}
                |   ^^^
        "#]],
        ),
        (
            "a: &a [x, x]\nb: *c\n",
            expect![[r#"
            docker-compose.yml:2:4: not valid YAML: while parsing node, found unknown anchor
                |
              2 | b: *c
                |    ^
        "#]],
        ),
        (
            "- 1\n",
            expect![[r#"
                docker-compose.yml:1:1: expected a table, found a list
                    |
                  1 | - 1
                    | ^^^
            "#]],
        ),
        (
            "",
            expect![[r#"
                docker-compose.yml:1:1: there are no `services` in this file
                    |
                  1 |
                    | ^
            "#]],
        ),
    ] {
        compose(text, &expected);
    }
}

#[test]
fn the_manifest_wins() {
    let input = folder(
        "shop",
        &[("docker-compose.yml", "]["), ("dormouse.toml", "[services.web]\n"), ("requirements.txt", "")],
    );
    check(
        &input,
        &expect![[r#"
        project shop
        front web
        web: source=. port=8000 public
        warning: docker-compose.yml is not read, because there is a dormouse.toml
    "#]],
    );
}

/// A few lines of aliases that stand for billions of values.
#[test]
fn a_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let alias = format!("*a{}, ", i - 1);
        text += &format!("a{i}: &a{i} [{}]\n", alias.repeat(10).trim_end_matches(", "));
    }
    compose(
        &text,
        &expect![[r#"
        docker-compose.yml:5:25: not valid YAML: more than 50000 values
            |
          5 | a4: &a4 [*a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3]
            |                         ^^^
    "#]],
    );
}
