//! `dormouse.toml` that is right.

use expect_test::expect;

use super::{check, folder};

const APP: [(&str, &str); 4] = [
    ("backend/requirements.txt", "fastapi\n"),
    ("backend/main.py", "from fastapi import FastAPI\n@app.get(\"/health\")\n"),
    ("frontend/requirements.txt", "streamlit\n"),
    ("frontend/app.py", "import streamlit as st\n"),
];

#[test]
fn every_key() {
    let text = r#"
name = "shop"
[services.frontend]
start = "streamlit run app.py --server.port $PORT"
port = 8501
needs = ["backend"]
public = true
sleep = "10m"
[services.backend]
source = "./backend/"
kind = "web"
start = ["uvicorn", "main:app", "--title", "a b"]
memory = "512MiB"
cpu = 0.5
pids = 64
disk = "3GiB"
stop_grace = "5s"
packages = ["libpq5", "ffmpeg"]
env = { MODE = "fast", WORKERS = 2, DEBUG = false }
[services.backend.health]
path = "/ready"
interval = "5s"
timeout = 2
start_timeout = "1m30s"
hang_timeout = "500ms"
failures = 5
[services.backend.sleep]
after = "1h"
depth = "frozen"
streams = "ignore"
patience = "30m"
[services.mailer]
source = "backend"
kind = "worker"
sleep = "never"
[services.search]
package = "shop-search"
include = ["./frontend/static/", "dormouse.toml"]
"#;
    let mut files = vec![("dormouse.toml", text)];
    files.extend(APP);
    check(
        &folder("x", &files),
        &expect![[r#"
            project shop
            front frontend
            backend: source=backend port=8000 start=["uvicorn", "main:app", "--title", "a b"] start@dormouse.toml:12 health=/ready probe=(5s 2s 90s 5 500ms) limits=536870912 500m 64 disk=3221225472 env={"DEBUG": "false", "MODE": "fast", "WORKERS": "2"} sleep=Some(3600s) frozen streams=Ignore patience=1800s grace=5s packages={"ffmpeg", "libpq5"}
            frontend: source=frontend port=8501 public start=["streamlit", "run", "app.py", "--server.port", "$PORT"] start@dormouse.toml:4 health=/_stcore/health needs={backend} sleep=Some(600s) paged
            mailer: source=backend port=8000 worker sleep=None paged
            search: source=. port=8080 package=shop-search without=["backend", "frontend"] include={"dormouse.toml", "frontend/static"}
        "#]],
    );
}

#[test]
fn jobs() {
    let text = "[services.migrate]\nkind = 'job'\nstart = 'python migrate.py'\n[services.seed]\nkind = 'job'\nafter = ['migrate']\nhealth = { start_timeout = '5m' }\n[services.web]\nafter = ['migrate', 'seed']\n";
    check(
        &folder("shop", &[("dormouse.toml", text), ("requirements.txt", "fastapi")]),
        &expect![[r#"
        project shop
        front web
        migrate: source=. port=8000 job start=["python", "migrate.py"] start@dormouse.toml:3 probe=(10s 5s 3600s 3 120s)
        seed: source=. port=8000 job probe=(10s 5s 300s 3 120s) after={migrate}
        web: source=. port=8000 public health?=/docs after={migrate, seed}
    "#]],
    );
}

#[test]
fn how_it_is_installed_and_where_it_is_started() {
    for (keys, expected) in [
        (
            "requirements = './reqs/../reqs_app.txt'\nworkdir = '/app/serving'\nstart = 'python x.py'",
            expect![[r#"
                project shop
                front web
                web: source=. port=8000 public start=["python", "x.py"] requirements=reqs_app.txt workdir=serving start@dormouse.toml:4
            "#]],
        ),
        (
            "install = 'pip install -r a.txt'\nworkdir = '.'",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public install=[["pip", "install", "-r", "a.txt"]] install@dormouse.toml:2
        "#]],
        ),
        (
            "install = ['pip install -r a.txt', ['pip', 'install', 'b c']]",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public install=[["pip", "install", "-r", "a.txt"], ["pip", "install", "b c"]] install@dormouse.toml:2
        "#]],
        ),
        (
            "install = ['pip', 'install', '-r', 'a.txt']",
            expect![[r#"
            dormouse.toml:2:30: services.web.install[2]: `-r` is no command
                |
              2 | install = ['pip', 'install', '-r', 'a.txt']
                |                              ^^^^
              hint: each item is a command of its own: install = ["pip install -r a.txt", "pip install b"]
        "#]],
        ),
        (
            "install = 'pip install a && pip install b'",
            expect![[r#"
            dormouse.toml:2:11: services.web.install: `&&` needs a shell, and the command is run without one
                |
              2 | install = 'pip install a && pip install b'
                |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: put the line into a script, or write ["sh", "-c", "..."]
        "#]],
        ),
        (
            "start = 'X=1 gunicorn app:app'",
            expect![[r#"
            dormouse.toml:2:9: services.web.start: `X=1` sets a variable, which a shell would do
                |
              2 | start = 'X=1 gunicorn app:app'
                |         ^^^^^^^^^^^^^^^^^^^^^^
              hint: write it under the service's `env`
        "#]],
        ),
        (
            "requirements = '../a.txt'",
            expect![[r#"
            dormouse.toml:2:16: services.web.requirements: the requirements file must lie in the service's source folder
                |
              2 | requirements = '../a.txt'
                |                ^^^^^^^^^^
              hint: write it relative to the service's `source`
        "#]],
        ),
        (
            "workdir = 'servign'",
            expect![[r#"
            dormouse.toml:2:11: services.web.workdir: there is no folder `servign`
                |
              2 | workdir = 'servign'
                |           ^^^^^^^^^
              hint: did you mean `serving`?
        "#]],
        ),
        (
            "workdir = '/srv'",
            expect![[r#"
            dormouse.toml:2:11: services.web.workdir: the working directory must lie in the service's source folder
                |
              2 | workdir = '/srv'
                |           ^^^^^^
              hint: write it relative to the service's `source`
        "#]],
        ),
    ] {
        let text = format!("[services.web]\n{keys}\n");
        let input = folder("shop", &[("dormouse.toml", &text), ("serving/", ""), ("requirements.txt", "")]);
        check(&input, &expected);
    }
}

#[test]
fn defaults_fill_the_rest() {
    for (text, expected) in [
        (
            "",
            expect![[r#"
                project my-shop
                front frontend
                backend: source=backend port=8000 health?=/health
                frontend: source=frontend port=8000 public needs={backend}
            "#]],
        ),
        (
            "name = \"a\"\n[services.backend]\n[services.frontend]\n",
            expect![[r#"
                project a
                front frontend
                backend: source=backend port=8000 health?=/health
                frontend: source=frontend port=8000 public
            "#]],
        ),
        (
            "[services.api]\nsource = 'backend'\nhealth = 'tcp'\nstart = 'uvicorn main:app --port=9000'\n",
            expect![[r#"
                project my-shop
                front api
                api: source=backend port=9000 public start=["uvicorn", "main:app", "--port=9000"] start@dormouse.toml:4 tcp
            "#]],
        ),
        (
            // A start command of one's own speaks HTTP if it names a server that does; a worker is not asked.
            "[services.a]\nsource = '.'\nstart = './serve'\n[services.b]\nsource = '.'\nstart = 'python -m gunicorn x:y'\n[services.c]\nsource = '.'\npublic = true\n[services.d]\nsource = '.'\nkind = 'worker'\n[services.e]\nsource = '.'\nstart = 'streamlit run frontend/app.py'\n[services.f]\nsource = '.'\nstart = ['sh', '-c', 'exec uvicorn main:app']\n",
            expect![[r#"
                project my-shop
                front c
                a: source=. port=8000 start=["./serve"] start@dormouse.toml:3 health?=/health
                b: source=. port=8000 start=["python", "-m", "gunicorn", "x:y"] start@dormouse.toml:6 health=/health
                c: source=. port=8000 public health?=/health
                d: source=. port=8000 worker
                e: source=. port=8000 start=["streamlit", "run", "frontend/app.py"] start@dormouse.toml:15 health=/_stcore/health
                f: source=. port=8000 start=["sh", "-c", "exec uvicorn main:app"] start@dormouse.toml:18 health=/health
            "#]],
        ),
        (
            "[services.one]\nsource = 'backend'\n[services.two]\nsource = 'frontend'\n",
            expect![[r#"
                project my-shop
                front two
                one: source=backend port=8000 health?=/health
                two: source=frontend port=8000 public
            "#]],
        ),
        (
            "[services.one]\nsource = 'backend'\n[services.two]\nsource = 'backend'\n",
            expect![[r#"
                project my-shop
                one: source=backend port=8000 health?=/health
                two: source=backend port=8000 health?=/health
                warning: no service is public, so nothing can be opened from outside
                  hint: write `public = true` under one of them in dormouse.toml
            "#]],
        ),
        (
            "[services.web]\nsource = 'backend'\npublic = false\n",
            expect![[r#"
                project my-shop
                web: source=backend port=8000 health?=/health
            "#]],
        ),
        (
            // Each needs the other: they wake together.
            "[services.backend]\nneeds = ['frontend']\npublic = true\n[services.frontend]\nneeds = ['backend']\nsleep = false\n",
            expect![[r#"
                project my-shop
                front backend
                backend: source=backend port=8000 public health?=/health needs={frontend}
                frontend: source=frontend port=8000 needs={backend} sleep=None paged
            "#]],
        ),
    ] {
        let mut files = vec![("dormouse.toml", text)];
        files.extend(APP);
        check(&folder("My Shop", &files), &expected);
    }
}
