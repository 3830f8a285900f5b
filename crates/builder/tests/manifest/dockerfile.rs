//! Dockerfiles of compose services: what they tell.

use expect_test::{Expect, expect};

use super::{folder, shown};

const WEB: &str = "services:\n  api:\n    build: .\n    ports: ['80:8000']\n";

/// A compose file, a Dockerfile, and files beside them.
fn check(compose: &str, dockerfile: &str, files: &[(&str, &str)], expected: &Expect) {
    let mut all = vec![("compose.yaml", compose), ("Dockerfile", dockerfile), ("requirements.txt", "")];
    all.extend(files);
    let text = shown(&folder("x", &all));
    let lines = text.lines().filter(|l| !l.starts_with("project") && !l.starts_with("front"));
    expected.assert_eq(&lines.map(|l| format!("{l}\n")).collect::<String>());
}

#[test]
fn the_example_of_the_row() {
    check(
        "services:\n  api:\n    build: {context: ., dockerfile: docker/api.Dockerfile}\n    ports: ['8000:8000']\n",
        "",
        &[
            (
                "docker/api.Dockerfile",
                "FROM python:3.11-slim\nWORKDIR /app/serving\nCOPY requirements_app.txt .\nRUN pip install --no-cache-dir -r requirements_app.txt\nCOPY serving/ /app/serving\nCMD [\"uvicorn\", \"a.b:app\"]\n",
            ),
            ("requirements_app.txt", "fastapi\nuvicorn\n"),
            ("serving/a/b.py", "from fastapi import FastAPI\napp = FastAPI()\n"),
        ],
        &expect![[r#"
            api: source=. port=8000 public start=["uvicorn", "a.b:app", "--host", "0.0.0.0", "--port", "$PORT"] requirements=requirements_app.txt workdir=serving start@docker/api.Dockerfile:6 health=/docs
            warning: `api` is built without docker/api.Dockerfile; taken: workdir `serving` (WORKDIR, line 2), requirements `requirements_app.txt` (RUN, line 4), start (CMD, line 6)
        "#]],
    );
}

#[test]
fn commands() {
    for (lines, files, expected) in [
        (
            "CMD uvicorn a:app --host 0.0.0.0 --port ${PORT:-80}",
            &[][..],
            expect![[r#"
            api: source=. port=8000 public start=["uvicorn", "a:app", "--host", "0.0.0.0", "--port", "$PORT"] start@Dockerfile:4 health=/
            warning: `api` is built without Dockerfile; taken: start (CMD, line 4)
        "#]],
        ),
        (
            "ENTRYPOINT [\"python\"]\nCMD [\"-m\", \"a\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public start=["python", "-m", "a"] start@Dockerfile:4
            warning: `api` is built without Dockerfile; taken: start (ENTRYPOINT, line 4)
        "#]],
        ),
        (
            "CMD [\"sh\", \"-c\", \"exec gunicorn a:app --bind :$PORT\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public start=["gunicorn", "a:app", "--bind", ":$PORT"] start@Dockerfile:4 health=/
            warning: `api` is built without Dockerfile; taken: start (CMD, line 4)
        "#]],
        ),
        (
            "ENTRYPOINT [\"/usr/bin/tini\", \"--\"]\nCMD [\"python\", \"/app/a.py\"]",
            &[("a.py", "")],
            expect![[r#"
                api: source=. port=8000 public start=["python", "/app/a.py"] start@Dockerfile:5
                warning: `api` is built without Dockerfile; taken: start (CMD, line 5)
            "#]],
        ),
        (
            "CMD poetry run flask run -p 80",
            &[],
            expect![[r#"
            api: source=. port=8000 public start=["flask", "run", "-p", "80"] start@Dockerfile:4 health=/
            warning: `api` is built without Dockerfile; taken: start (CMD, line 4)
        "#]],
        ),
        // What cannot be there, or needs a shell, is named.
        (
            "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `CMD nginx -g daemon off;` (line 4)
        "#]],
        ),
        (
            "CMD [\"bash\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `CMD bash` (line 4)
        "#]],
        ),
        (
            "CMD python migrate.py && uvicorn a:app",
            &[],
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `CMD python migrate.py && uvicorn a:app` (line 4)
        "#]],
        ),
        (
            "CMD uvicorn a:app --workers $WORKERS",
            &[],
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `CMD uvicorn a:app --workers $WORKERS` (line 4)
        "#]],
        ),
        // A script runs when it is there.
        (
            "CMD [\"./run.sh\"]",
            &[("run.sh", "#!/usr/bin/env bash\nexec uvicorn a:app")],
            expect![[r#"
            api: source=. port=8000 public start=["bash", "/app/run.sh"] start@Dockerfile:4
            warning: `api` is built without Dockerfile; taken: start (CMD, line 4)
        "#]],
        ),
        (
            "CMD [\"./run.sh\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `CMD ./run.sh` (line 4)
        "#]],
        ),
        (
            "ENTRYPOINT [\"/wait.sh\"]\nCMD [\"uvicorn\", \"a:app\", \"--port=80\"]",
            &[],
            expect![[r#"
            api: source=. port=8000 public start=["uvicorn", "a:app", "--port=80", "--host", "0.0.0.0"] start@Dockerfile:5 health=/
            warning: `api` is built without Dockerfile; taken: start (CMD, line 5); not honoured: `ENTRYPOINT /wait.sh` (line 4)
        "#]],
        ),
        // Its own files come first.
        (
            "CMD [\"uvicorn\", \"a:app\"]",
            &[("Procfile", "web: uvicorn b:app")],
            expect![[r#"
            api: source=. port=8000 public
        "#]],
        ),
    ] {
        check(WEB, &format!("FROM python\nWORKDIR /app\nCOPY . .\n{lines}\n"), files, &expected);
    }
}

#[test]
fn what_compose_says_comes_first() {
    let dockerfile = "FROM python\nWORKDIR /app\nCOPY . .\nENV A=1 B=2\nEXPOSE 9000\nENTRYPOINT [\"python\"]\nCMD [\"a.py\"]\nHEALTHCHECK CMD curl -f http://localhost:9000/ok\n";
    for (service, expected) in [
        (
            "",
            expect![[r#"
            api: source=. port=9000 public start=["python", "a.py"] start@Dockerfile:6 health=/ok env={"A": "1", "B": "2"}
            warning: `api` is built without Dockerfile; taken: `A` (ENV, line 4), `B` (ENV, line 4), port 9000 (EXPOSE, line 5), start (ENTRYPOINT, line 6), health path `/ok` (HEALTHCHECK, line 8)
        "#]],
        ),
        (
            "    command: b.py\n    environment: {B: x}\n",
            expect![[r#"
            api: source=. port=8000 worker start=["python", "b.py"] start@compose.yaml:4 env={"A": "1", "B": "x"}
            warning: `api` is built without Dockerfile; taken: `A` (ENV, line 4), what stands before its command (ENTRYPOINT, line 6)
        "#]],
        ),
        (
            "    entrypoint: uvicorn a:app\n    working_dir: /app\n",
            expect![[r#"
            api: source=. port=8000 public start=["uvicorn", "a:app"] start@compose.yaml:4 health=/ env={"A": "1", "B": "2"}
            warning: `api` is built without Dockerfile; taken: `A` (ENV, line 4), `B` (ENV, line 4)
        "#]],
        ),
        (
            "    ports: ['80:7000']\n    healthcheck: {test: curl localhost:7000/own}\n",
            expect![[r#"
            api: source=. port=7000 public start=["python", "a.py"] start@Dockerfile:6 health=/own env={"A": "1", "B": "2"}
            warning: `api` is built without Dockerfile; taken: `A` (ENV, line 4), `B` (ENV, line 4), start (ENTRYPOINT, line 6)
        "#]],
        ),
    ] {
        check(&format!("services:\n  api:\n    build: .\n{service}"), dockerfile, &[("a.py", "")], &expected);
    }
}

/// Bug: a script that Compose runs before a service's command was left out without a word.
#[test]
fn an_entrypoint_before_a_command_of_compose_s_is_named() {
    let dockerfile =
        "FROM python\nWORKDIR /app\nCOPY . .\nENTRYPOINT [\"./entry.sh\"]\nCMD [\"uvicorn\", \"a:app\"]\n";
    for files in [&[][..], &[("entry.sh", "")]] {
        check(
            "services:\n  api:\n    build: .\n    ports: ['8000']\n    command: uvicorn b:app\n",
            dockerfile,
            files,
            &expect![[r#"
                api: source=. port=8000 public start=["uvicorn", "b:app"] start@compose.yaml:5 health=/
                warning: `api` is built without Dockerfile; not honoured: `ENTRYPOINT ./entry.sh` (line 4)
            "#]],
        );
    }
}

#[test]
fn folders_and_stages() {
    for (dockerfile, expected) in [
        (
            "FROM python\nWORKDIR /srv\nCOPY serving .\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
            api: source=. port=8000 public start=["python", "a.py"] workdir=serving start@Dockerfile:4
            warning: `api` is built without Dockerfile; taken: workdir `serving` (WORKDIR, line 2), start (CMD, line 4)
        "#]],
        ),
        (
            "FROM python\nCOPY serving /srv/serving\nWORKDIR /srv\nCMD [\"python\", \"-m\", \"serving.a\"]",
            expect![[r#"
                api: source=. port=8000 public start=["python", "-m", "serving.a"] start@Dockerfile:4
                warning: `api` is built without Dockerfile; taken: start (CMD, line 4)
            "#]],
        ),
        (
            "FROM python\nCOPY . /srv\nWORKDIR /srv\nWORKDIR serving\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
                api: source=. port=8000 public start=["python", "a.py"] workdir=serving start@Dockerfile:5
                warning: `api` is built without Dockerfile; taken: workdir `serving` (WORKDIR, line 4), start (CMD, line 5)
            "#]],
        ),
        (
            "FROM python\nCOPY serving other /srv/\nWORKDIR /srv\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `WORKDIR, which is no folder of the source` (line 3), `CMD python a.py` (line 4)
        "#]],
        ),
        (
            "FROM python\nCOPY serving /srv/\nCOPY other /srv/\nWORKDIR /srv\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
                api: source=. port=8000 public
                warning: `api` is built without Dockerfile; not honoured: `WORKDIR, which is no folder of the source` (line 4), `CMD python a.py` (line 5)
            "#]],
        ),
        (
            "FROM python\nWORKDIR /elsewhere\nCOPY . /srv\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `WORKDIR, which is no folder of the source` (line 2), `CMD python a.py` (line 4)
        "#]],
        ),
        (
            "ARG BASE=base\nFROM python AS base\nWORKDIR /srv\nENV MODE=fast\nFROM node AS page\nCMD [\"node\"]\nFROM base AS deps\nCOPY conf/all.txt need.txt\nRUN pip install -r need.txt\nFROM ${BASE}\nCOPY --from=deps /usr /usr\nCOPY . .\nARG LEVEL=low\nENV LEVEL=$LEVEL\nUSER app\nRUN apt-get update && apt-get install -y libpq-dev\nCMD [\"python\", \"a.py\"]",
            expect![[r#"
                api: source=. port=8000 public start=["python", "a.py"] requirements=conf/all.txt start@Dockerfile:17 env={"LEVEL": "low", "MODE": "fast"}
                warning: `api` is built without Dockerfile; taken: `MODE` (ENV, line 4), requirements `conf/all.txt` (RUN, line 9), `LEVEL` (ENV, line 14), start (CMD, line 17); not honoured: `USER app` (line 15), `RUN apt-get update && apt-get install -y libpq-dev` (line 16)
                  hint: Debian packages are named in a dormouse.toml: packages = ["libpq-dev"]
            "#]],
        ),
        (
            "FROM python\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt && pip install gunicorn\n",
            expect![[r#"
                api: source=. port=8000 public install=[["pip", "install", "-r", "requirements.txt"], ["pip", "install", "gunicorn"]] install@Dockerfile:4
                warning: `api` is built without Dockerfile; taken: what is installed (RUN, line 4)
            "#]],
        ),
        (
            "FROM python\nRUN pip install poetry && poetry install\n",
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `RUN pip install poetry` (line 2)
        "#]],
        ),
        (
            "FROM python\nRUN pip install -r nowhere.txt\n",
            expect![[r#"
            api: source=. port=8000 public
            warning: `api` is built without Dockerfile; not honoured: `RUN pip install -r nowhere.txt` (line 2)
        "#]],
        ),
        (
            "FROM python\nCMD [\"a\" \"b\n\nNOPE x",
            expect![[r#"
                api: source=. port=8000 public
                warning: Dockerfile: not understood, and passed over: line 4 (unknown instruction 'NOPE')
                warning: `api` is built without Dockerfile; not honoured: `CMD ["a" "b` (line 2)
            "#]],
        ),
        (
            "FROM python\nCOPY --from=0 a b\nFROM 0\nCOPY --from=x / /\n",
            expect![[r#"
            api: source=. port=8000 public
        "#]],
        ),
    ] {
        let files = [("serving/a.py", ""), ("other/b.py", ""), ("conf/all.txt", ""), ("a.py", "")];
        check(WEB, dockerfile, &files, &expected);
    }
}

#[test]
fn builds_say_more() {
    let stages = "FROM python AS one\nCMD [\"python\", \"1.py\"]\nFROM python AS two\nARG N=2\nENV N=$N\nCMD [\"python\", \"2.py\"]\n";
    for (build, expected) in [
        (
            "{context: ., target: one}",
            expect![[r#"
            api: source=. port=8000 public start=["python", "1.py"] start@Dockerfile:2
            warning: `api` is built without Dockerfile; taken: start (CMD, line 2)
        "#]],
        ),
        (
            "{context: ., args: {N: 5}}",
            expect![[r#"
            api: source=. port=8000 public start=["python", "2.py"] start@Dockerfile:6 env={"N": "5"}
            warning: `api` is built without Dockerfile; taken: `N` (ENV, line 5), start (CMD, line 6)
        "#]],
        ),
        (
            "{context: ., target: three}",
            expect![[r#"
            api: source=. port=8000 public
            warning: compose.yaml:3: services.api.build.target: its Dockerfile has no stage `three`, so it tells nothing
        "#]],
        ),
        (
            "{context: ., dockerfile: none}",
            expect![[r#"
            api: source=. port=8000 public
            warning: compose.yaml:3: services.api.build.dockerfile: there is no file `none`, so nothing is known of how it starts
        "#]],
        ),
        (
            "{context: ., dockerfile_inline: \"FROM python\\nCMD python 3.py\"}",
            expect![[r#"
            api: source=. port=8000 public start=["python", "3.py"] start@dockerfile_inline of compose.yaml:2
            warning: `api` is built without dockerfile_inline of compose.yaml; taken: start (CMD, line 2)
        "#]],
        ),
    ] {
        let compose = format!("services:\n  api:\n    build: {build}\n    ports: ['80:8000']\n");
        check(&compose, stages, &[], &expected);
    }
}

/// Bug: `/start` was said not to be honoured, or was to be run although no image has it, while it lies in the source.
#[test]
fn scripts_that_lie_elsewhere_in_the_container() {
    let dockerfile = "FROM python:3.12\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n\
        COPY --chmod=755 ./compose/entrypoint /entrypoint\nCOPY ./compose/django/start /start\nRUN chmod +x /start\n\
        COPY ./compose/django/worker /worker\nCOPY . /app\nENTRYPOINT [\"/entrypoint\"]\n";
    let start = "#!/bin/bash\nset -o errexit\n\npython /app/manage.py collectstatic --noinput\n\
        exec /usr/local/bin/gunicorn config.wsgi --bind 0.0.0.0:5000 --chdir=/app\n";
    let worker = "#!/bin/bash\n\nexec celery -A config.celery_app worker \\\n  -l INFO\n";
    for (cmd, web, expected) in [
        (
            "CMD [\"/start\"]\n",
            "{build: {context: ., dockerfile: compose/Dockerfile}}",
            expect![[r#"
            project shop
            front web
            web: source=. port=5000 public start=["gunicorn", "config.wsgi", "--bind", "0.0.0.0:5000", "--chdir=/app"] start@compose/Dockerfile:11 health=/
            warning: `web` is built without compose/Dockerfile; taken: start (CMD, line 11); not honoured: `python /app/manage.py collectstatic --noinput in compose/django/start` (line 4), `RUN chmod +x /start` (line 7), `ENTRYPOINT /entrypoint` (line 10)
        "#]],
        ),
        (
            "",
            "{build: {context: ., dockerfile: compose/Dockerfile}, command: /start}",
            expect![[r#"
                project shop
                front web
                web: source=. port=5000 public start=["gunicorn", "config.wsgi", "--bind", "0.0.0.0:5000", "--chdir=/app"] start@compose.yaml:2 health=/
                warning: `web` is built without compose/Dockerfile; taken: what `/start` starts (COPY, line 6); not honoured: `python /app/manage.py collectstatic --noinput in compose/django/start` (line 4), `RUN chmod +x /start` (line 7), `ENTRYPOINT bash /app/compose/entrypoint` (line 10)
            "#]],
        ),
        (
            "",
            "{build: {context: ., dockerfile: compose/Dockerfile}, command: /worker}",
            expect![[r#"
                project shop
                web: source=. port=8000 worker start=["celery", "-A", "config.celery_app", "worker", "-l", "INFO"] start@compose.yaml:2
                warning: `web` is built without compose/Dockerfile; taken: what `/worker` starts (COPY, line 8); not honoured: `RUN chmod +x /start` (line 7), `ENTRYPOINT bash /app/compose/entrypoint` (line 10)
            "#]],
        ),
        (
            "",
            "{build: {context: ., dockerfile: compose/Dockerfile}, command: /gone}",
            expect![[r#"
            project shop
            web: source=. port=8000 worker start=["/gone"] start@compose.yaml:2
            warning: `web` is built without compose/Dockerfile; not honoured: `RUN chmod +x /start` (line 7), `ENTRYPOINT bash /app/compose/entrypoint` (line 10)
        "#]],
        ),
    ] {
        let compose = format!("services:\n  web: {web}\n");
        let dockerfile = format!("{dockerfile}{cmd}");
        let files = [
            ("compose.yaml", compose.as_str()),
            ("compose/Dockerfile", dockerfile.as_str()),
            ("compose/entrypoint", "#!/bin/bash\nexec \"$@\"\n"),
            ("compose/django/start", start),
            ("compose/django/worker", worker),
            ("requirements.txt", "django\ngunicorn\ncelery"),
            ("manage.py", ""),
        ];
        expected.assert_eq(&shown(&folder("shop", &files)));
    }
}

/// Bug: `ENTRYPOINT []`, which takes the image's own away, made the whole file unreadable; uv's example has it.
#[test]
fn what_is_emptied_is_taken_away() {
    for (lines, expected) in [
        (
            "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim\nWORKDIR /app\nCOPY . /app\n\n# Reset the entrypoint\n\
             ENTRYPOINT []\n\nCMD [\"uv\", \"run\", \"fastapi\", \"dev\", \"--host\", \"0.0.0.0\", \"a.py\"]\n",
            expect![[r#"
                api: source=. port=8000 public start=["fastapi", "dev", "--host", "0.0.0.0", "a.py"] start@Dockerfile:8 health=/
                warning: `api` is built without Dockerfile; taken: start (CMD, line 8)
            "#]],
        ),
        (
            "FROM python AS base\nENTRYPOINT [\"python\"]\nCMD [\"b.py\"]\nFROM base\nentrypoint [ ]\nCMD python a.py\n",
            expect![[r#"
                api: source=. port=8000 public start=["python", "a.py"] start@Dockerfile:6
                warning: `api` is built without Dockerfile; taken: start (CMD, line 6)
            "#]],
        ),
        (
            "FROM python\nENTRYPOINT [\"python\", \"a.py\"]\nCMD []",
            expect![[r#"
            api: source=. port=8000 public start=["python", "a.py"] start@Dockerfile:2
            warning: `api` is built without Dockerfile; taken: start (ENTRYPOINT, line 2)
        "#]],
        ),
        (
            "FROM python\nCMD [\"python\", \"a.py\"]\nCMD []\nENTRYPOINT [\\\n  ]\nEXPOSE 9000\n",
            expect![[r#"
                api: source=. port=8000 public
            "#]],
        ),
    ] {
        check(WEB, lines, &[("a.py", ""), ("b.py", "")], &expected);
    }
}

/// Bug: one instruction that is not understood voided all others, and every service of the file said so.
#[test]
fn what_is_not_understood_is_passed_over_alone() {
    let nonsense: String = (1..12).map(|n| format!("NOPE{n} x \\\n  y\n")).collect();
    for (compose, dockerfile, expected) in [
        (
            WEB,
            "FROM python\nWORKDIR /app\nNOPE a \\\n  # why\n  b\nEXPOSE\nCOPY . .\nRUN <<END\npip install x\nEND\nVOLUME []\nCMD [\"python\", \"a.py\"]\n",
            expect![[r#"
                api: source=. port=8000 public start=["python", "a.py"] start@Dockerfile:12
                warning: Dockerfile: not understood, and passed over: line 3 (unknown instruction 'NOPE'), line 6 (EXPOSE instruction requires at least one argument)
                warning: `api` is built without Dockerfile; taken: start (CMD, line 12); not honoured: `RUN ` (line 8), `VOLUME` (line 11)
            "#]],
        ),
        (
            "services:\n  a:\n    build: .\n    command: python a.py\n  b:\n    build: .\n    command: python b.py\n",
            "FROM python\nNOPE\nENV A=1\n",
            expect![[r#"
                a: source=. port=8000 worker start=["python", "a.py"] start@compose.yaml:4 env={"A": "1"}
                b: source=. port=8000 worker start=["python", "b.py"] start@compose.yaml:7 env={"A": "1"}
                warning: Dockerfile: not understood, and passed over: line 2 (unknown instruction 'NOPE')
                warning: `a` is built without Dockerfile; taken: `A` (ENV, line 3)
                warning: `b` is built without Dockerfile; taken: `A` (ENV, line 3)
            "#]],
        ),
        (
            WEB,
            &format!("FROM python\n{nonsense}CMD python a.py\n"),
            expect![[r#"
            api: source=. port=8000 public start=["python", "a.py"] start@Dockerfile:24
            warning: Dockerfile: not understood, and passed over: line 2 (unknown instruction 'NOPE1'), line 4 (unknown instruction 'NOPE2'), line 6 (unknown instruction 'NOPE3'), line 8 (unknown instruction 'NOPE4'), line 10 (unknown instruction 'NOPE5'), line 12 (unknown instruction 'NOPE6'), line 14 (unknown instruction 'NOPE7'), line 16 (unknown instruction 'NOPE8') and 3 more
            warning: `api` is built without Dockerfile; taken: start (CMD, line 24)
        "#]],
        ),
        (
            WEB,
            "# escape=`\nFROM python\nNOPE a `\n b\nCMD python a.py\n",
            expect![[r#"
            api: source=. port=8000 public start=["python", "a.py"] start@Dockerfile:5
            warning: Dockerfile: not understood, and passed over: line 3 (unknown instruction 'NOPE')
            warning: `api` is built without Dockerfile; taken: start (CMD, line 5)
        "#]],
        ),
        // Without a stage there is nothing.
        (
            WEB,
            "FROM\nCMD python a.py\n",
            expect![[r#"
            api: source=. port=8000 public
            warning: Dockerfile:1: this Dockerfile cannot be read, so it tells nothing: FROM instruction requires at least one argument
        "#]],
        ),
        (
            WEB,
            "FROM python\nFROM node AS\nCMD python a.py\n",
            expect![[r#"
            api: source=. port=8000 public
            warning: Dockerfile:2: this Dockerfile cannot be read, so it tells nothing: expected AS
        "#]],
        ),
        (
            WEB,
            "NOPE\n",
            expect![[r#"
            api: source=. port=8000 public
            warning: Dockerfile:1: this Dockerfile cannot be read, so it tells nothing: expected at least one FROM instruction
        "#]],
        ),
        (
            WEB,
            &format!("FROM python\n{}CMD python a.py\n", "NOPE\n".repeat(500)),
            expect![[r#"
            api: source=. port=8000 public
            warning: Dockerfile:66: this Dockerfile cannot be read, so it tells nothing: unknown instruction 'NOPE'
        "#]],
        ),
    ] {
        check(compose, dockerfile, &[("a.py", ""), ("b.py", "")], &expected);
    }
}
