use expect_test::expect;

use std::collections::BTreeSet;

use dormouse_model::ServiceKind;

use super::*;
use crate::plan::plan;

fn show(listing: &Listing, wishes: &Wishes<'_>) -> String {
    match plan(listing, wishes) {
        Ok(Plan { recipe: Recipe::Python(p), start, .. }) => {
            format!("{:?} {:?}\n    $ {}\n", p.interpreter, p.install, shell_words::join(&start))
        }
        Ok(Plan { recipe: Recipe::Rust(r), .. }) => format!("{r:?}\n"),
        Err(e) => format!("cannot: {}\n    hint: {}\n", e.why, e.hint),
    }
}

fn web() -> Wishes<'static> {
    static NONE: BTreeSet<String> = BTreeSet::new();
    Wishes {
        kind: ServiceKind::Web,
        start: None,
        package: None,
        packages: &NONE,
        base_python: Some("3.11.2"),
    }
}

#[test]
fn projects() {
    const API: &str = "from fastapi import FastAPI\napp = FastAPI()\n";
    const UI: &str = "import streamlit as st\nst.title('x')\n";
    const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";
    let table: &[(&str, Listing)] = &[
        ("FastAPI", [("main.py", API), ("requirements.txt", "fastapi\nuvicorn[standard]")].into()),
        ("fastapi[standard]", [("api.py", API), ("requirements.txt", "fastapi[standard]")].into()),
        ("no server", [("main.py", API), ("requirements.txt", "fastapi")].into()),
        ("hypercorn", [("main.py", API), ("requirements.txt", "fastapi\nhypercorn")].into()),
        ("package", [("app/__init__.py", ""), ("app/main.py", API), ("requirements.txt", "fastapi\nuvicorn")].into()),
        ("folder", [("backend/main.py", API), ("requirements.txt", "fastapi\nuvicorn")].into()),
        (
            "folder imported by name",
            [("app/main.py", "from app.db import x\nfrom fastapi import FastAPI\napp = FastAPI()"), ("requirements.txt", "fastapi\nuvicorn")].into(),
        ),
        (
            "src layout",
            [("src/shop/__init__.py", ""), ("src/shop/server.py", API), ("requirements.txt", "fastapi\nuvicorn")].into(),
        ),
        (
            "the usual name wins, tests never",
            [("a.py", API), ("main.py", API), ("tests/app.py", API), ("requirements.txt", "fastapi\nuvicorn")].into(),
        ),
        ("Streamlit", [("ui.py", UI), ("pages/two.py", UI), ("requirements.txt", "streamlit")].into()),
        ("Streamlit, any name", [("zoo.py", UI), ("requirements.txt", "streamlit")].into()),
        ("Streamlit, two", [("zoo.py", UI), ("boo.py", UI), ("requirements.txt", "streamlit")].into()),
        ("both", [("main.py", API), ("ui.py", UI), ("requirements.txt", "fastapi\nuvicorn\nstreamlit")].into()),
        ("Flask", [("app.py", FLASK), ("requirements.txt", "flask\ngunicorn")].into()),
        ("Flask, no server", [("app.py", FLASK), ("requirements.txt", "flask")].into()),
        ("Django", [("manage.py", ""), ("site/wsgi.py", ""), ("requirements.txt", "Django\ngunicorn")].into()),
        (
            "Procfile",
            [("Procfile", "release: x\nweb: uvicorn 'm:a' --port ${PORT:-80}"), ("main.py", API), ("requirements.txt", "fastapi")].into(),
        ),
        ("Procfile with a shell", [("Procfile", "web: cd x && y"), ("requirements.txt", "")].into()),
        ("Procfile with a variable", [("Procfile", "web: x -w $WORKERS"), ("requirements.txt", "")].into()),
        ("nothing to start", [("lib.py", "x = 1"), ("requirements.txt", "httpx")].into()),
        (
            "lock",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\nrequires-python='>=3.11'"), ("uv.lock", "[[package]]\nname = \"uvicorn\"\n")].into(),
        ),
        (
            "workspace",
            [
                ("main.py", API),
                ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi','uvicorn']\n"),
                ("libs/a/pyproject.toml", "[project]\nname='a'\n"),
                ("uv.lock", ""),
            ]
            .into(),
        ),
        (
            "project",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi[standard]>0.1']\nrequires-python='>=3.12'")].into(),
        ),
        (
            "package project",
            [("src/x/__init__.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi','uvicorn']\n[build-system]\nrequires=['hatchling']")].into(),
        ),
        (
            "dynamic",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndynamic=['dependencies']\n")].into(),
        ),
        (
            "poetry",
            [("main.py", API), ("pyproject.toml", "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\npython='^3.11'\nfastapi='^0.1'\nuvicorn='*'\n[build-system]\nrequires=['poetry-core']")].into(),
        ),
        ("tools only", [("main.py", API), ("pyproject.toml", "[tool.ruff]\n"), ("requirements.txt", "fastapi\nuvicorn")].into()),
        ("broken", [("pyproject.toml", "[project]\nname = x\n")].into()),
        ("setup.py", [("setup.py", "")].into()),
        ("Dockerfile", [("Dockerfile", "FROM python"), ("main.py", "")].into()),
        ("Node", [("package.json", "{}")].into()),
        ("a level too high", [("web/requirements.txt", "x"), ("README.md", "")].into()),
        ("only a file", [("main.py", "print(1)")].into()),
        ("empty", Listing::default()),
    ];
    let mut out = String::new();
    for (case, listing) in table {
        out += &format!("{case}: {}", show(listing, &web()));
    }
    expect![[r#"
        FastAPI: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        fastapi[standard]: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn api:app --host 0.0.0.0 --port '$PORT'
        no server: cannot: `app` in main.py needs a server, and its dependencies name none
            hint: add `uvicorn` to its dependencies
        hypercorn: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ hypercorn main:app --bind '0.0.0.0:$PORT'
        package: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn app.main:app --host 0.0.0.0 --port '$PORT'
        folder: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT' --app-dir backend
        folder imported by name: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn app.main:app --host 0.0.0.0 --port '$PORT'
        src layout: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn shop.server:app --host 0.0.0.0 --port '$PORT' --app-dir src
        the usual name wins, tests never: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        Streamlit: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ streamlit run ui.py --server.port '$PORT' --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none
        Streamlit, any name: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ streamlit run zoo.py --server.port '$PORT' --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none
        Streamlit, two: cannot: several files may be the Streamlit page: boo.py, zoo.py
            hint: name the right one in dormouse.toml: start = "streamlit run boo.py --server.port $PORT --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none"
        both: cannot: it holds both `app` in main.py and a Streamlit page, ui.py
            hint: make them two services of dormouse.toml with the same `source`, each with its own `start`, such as `uvicorn main:app --host 0.0.0.0 --port $PORT`
        Flask: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
        Flask, no server: cannot: `app` in app.py needs a server, and its dependencies name none
            hint: add `gunicorn` to its dependencies
        Django: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ gunicorn site.wsgi:application --bind '0.0.0.0:$PORT'
        Procfile: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn m:a --port '$PORT'
        Procfile with a shell: cannot: the `web` line of the Procfile uses `&&`, which needs a shell
            hint: commands run without a shell; name `start` in dormouse.toml, or put the steps into a script
        Procfile with a variable: cannot: the `web` line of the Procfile uses `$WORKERS`, which needs a shell
            hint: commands run without a shell; name `start` in dormouse.toml, or put the steps into a script
        nothing to start: cannot: no FastAPI or Flask app, no Streamlit page and no Procfile was found
            hint: name the command as `start` in dormouse.toml, for example start = "python main.py"; it has to listen on $PORT
        lock: Base Locked { files: ["pyproject.toml", "uv.lock"], package: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        workspace: Base Locked { files: ["libs/a/pyproject.toml", "pyproject.toml", "uv.lock"], package: true }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        project: Fetched(">=3.12") Project { files: ["pyproject.toml"], package: false, dynamic: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        package project: Base Project { files: ["pyproject.toml"], package: true, dynamic: false }
            $ uvicorn x:app --host 0.0.0.0 --port '$PORT' --app-dir src
        dynamic: cannot: pyproject.toml leaves its dependencies to a build backend, and names none
            hint: list them under [project] dependencies, or add a [build-system] table
        poetry: Base Project { files: ["pyproject.toml"], package: true, dynamic: true }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        tools only: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
        broken: cannot: pyproject.toml cannot be read: string values must be quoted, expected literal string
            hint: see line 2 of pyproject.toml
        setup.py: cannot: it has a setup.py and no requirements.txt or pyproject.toml (found setup.py)
            hint: move the metadata of setup.py into a pyproject.toml, or add a requirements.txt that holds `.`
        Dockerfile: cannot: it has only a Dockerfile, and Dockerfiles are not used (found Dockerfile)
            hint: list Python packages in a requirements.txt, Debian packages as `packages` and the command as `start` in dormouse.toml
        Node: cannot: Node.js projects are not supported yet (found package.json)
            hint: only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far
        a level too high: cannot: its top folder has no requirements.txt or pyproject.toml or Cargo.toml, but there is `web/requirements.txt`
            hint: point `source` in dormouse.toml at that folder
        only a file: cannot: it has no requirements.txt and no pyproject.toml and no Cargo.toml
            hint: list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml
        empty: cannot: the source folder is empty
            hint: check `source` in dormouse.toml
    "#]].assert_eq(&out);
}

#[test]
fn wishes_win() {
    let start = ["python".to_owned(), "main.py".to_owned()];
    let node = ["nodejs".to_owned()].into();
    let told = Wishes { start: Some(&start), ..web() };
    let mut out = String::new();
    for (case, listing, wishes) in [
        ("start", Listing::from([("main.py", "print(1)")]), told),
        ("start over Procfile", [("Procfile", "web: x"), ("requirements.txt", "")].into(), told),
        ("start with a Dockerfile", [("Dockerfile", "")].into(), told),
        ("start in Node", [("package.json", "{}")].into(), told),
        ("start in Node with packages", [("package.json", "{}")].into(), Wishes { packages: &node, ..told }),
        (
            "worker",
            [("Procfile", "worker: celery"), ("requirements.txt", "celery")].into(),
            Wishes { kind: ServiceKind::Worker, ..web() },
        ),
        (
            "worker without",
            [("main.py", ""), ("requirements.txt", "celery")].into(),
            Wishes { kind: ServiceKind::Worker, ..web() },
        ),
        ("no Python in the base", [("main.py", "")].into(), Wishes { base_python: None, ..told }),
    ] {
        out += &format!("{case}: {}", show(&listing, &wishes));
    }
    expect![[r#"
        start: Base Nothing
            $ python main.py
        start over Procfile: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ python main.py
        start with a Dockerfile: Base Nothing
            $ python main.py
        start in Node: cannot: Node.js projects are not supported yet (found package.json)
            hint: only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far
        start in Node with packages: Base Nothing
            $ python main.py
        worker: Base Requirements { files: ["requirements.txt"], after_source: false }
            $ celery
        worker without: cannot: nothing says how to start this worker
            hint: name the command as `start` in dormouse.toml
        no Python in the base: Fetched("3") Nothing
            $ python main.py
    "#]]
    .assert_eq(&out);
}
