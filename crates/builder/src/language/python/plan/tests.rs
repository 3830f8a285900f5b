use expect_test::expect;

use dormouse_model::ServiceKind;

use super::*;
use crate::language::plan;
use std::any::Any;

/// The interpreter, how things are installed, the command with what it needs, and where each comes from.
pub(super) fn show(listing: &Listing, wishes: &Wishes<'_>) -> String {
    match plan(listing, wishes) {
        Ok(Plan { recipe, start, env, notes, decisions }) => {
            let recipe: &dyn Any = &*recipe;
            let Some(p) = recipe.downcast_ref::<Interpreted>() else { return format!("{recipe:?}\n") };
            let git = if p.git { " git" } else { "" };
            let origins: Vec<_> = decisions
                .iter()
                .map(|d| d.origin.as_ref().map_or("-".to_owned(), ToString::to_string))
                .collect();
            let env: String = env.iter().map(|(k, v)| format!("{k}={v} ")).collect();
            let notes: String = notes.iter().map(|n| format!("    note: {n}\n")).collect();
            format!(
                "{:?} {:?}{git}\n    $ {env}{}\n    by {}\n{notes}",
                p.interpreter,
                p.install,
                shell_words::join(&start),
                origins.join(", ")
            )
        }
        Err(e) => format!("cannot: {}\n    hint: {}\n", e.why, e.hint),
    }
}

pub(super) fn web() -> Wishes<'static> {
    Wishes::nothing()
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
            "Procfile without a colon",
            [("Procfile", "web gunicorn app:app"), ("lib.py", "x = 1"), ("requirements.txt", "gunicorn")].into(),
        ),
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
        (
            "poetry with a lock, no package",
            [
                ("main.py", API),
                ("pyproject.toml", "[tool.poetry]\nname='x'\npackage-mode=false\n[tool.poetry.dependencies]\npython='^3.11'\nfastapi='^0.1'\nuvicorn='*'\n"),
                ("poetry.lock", "[[package]]\nname='fastapi'\nversion='0.115.6'\n[[package]]\nname='uvicorn'\nversion='0.34.0'\n"),
            ]
            .into(),
        ),
        (
            "poetry 2 with a lock that is too old",
            [
                ("main.py", API),
                ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi','uvicorn']\n[tool.poetry]\npackage-mode=false\n"),
                ("poetry.lock", "[[package]]\nname='fastapi'\nversion='0.115.6'\n"),
            ]
            .into(),
        ),
        (
            "a lock beside a requirements.txt",
            [("main.py", API), ("pyproject.toml", "[tool.poetry]\nname='x'\n"), ("poetry.lock", ""), ("Pipfile.lock", "{}"), ("requirements.txt", "fastapi\nuvicorn")].into(),
        ),
        ("from Git", [("main.py", API), ("requirements.txt", "fastapi\nuvicorn\nx @ git+https://example.com/x.git@v1")].into()),
        (
            "from Git, locked",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['uvicorn','x @ git+https://example.com/x.git']"), ("uv.lock", "[[package]]\nname = \"x\"\nsource = { git = \"https://example.com/x.git#abc\" }\n")].into(),
        ),
        ("FastHTML", [("main.py", "from fasthtml.common import *\napp,rt = fast_app()\nserve()"), ("requirements.txt", "python-fasthtml")].into()),
        ("Dash", [("app.py", "from dash import Dash\napp = Dash(__name__)\nserver = app.server\n"), ("requirements.txt", "dash\ngunicorn")].into()),
        ("Dash that runs itself", [("app.py", "import dash\napp = dash.Dash()\nif __name__ == '__main__':\n    app.run(debug=False)\n"), ("requirements.txt", "dash")].into()),
        ("Gradio", [("app.py", "import gradio as gr\ndemo = gr.Interface(fn=f)\ndemo.launch()\n"), ("requirements.txt", "gradio")].into()),
        ("Gradio on FastAPI", [("app.py", "import gradio as gr\nfrom fastapi import FastAPI\napp = FastAPI()\napp = gr.mount_gradio_app(app, demo, '/')\n"), ("requirements.txt", "gradio\nuvicorn")].into()),
        ("Procfile with variables", [("Procfile", "web: X=1 gunicorn app:app"), ("app.py", FLASK), ("requirements.txt", "flask\ngunicorn")].into()),
        ("tools only", [("main.py", API), ("pyproject.toml", "[tool.ruff]\n"), ("requirements.txt", "fastapi\nuvicorn")].into()),
        ("tools and nothing else", [("main.py", API), ("pyproject.toml", "[tool.ruff]\n")].into()),
        ("an empty pyproject", [("main.py", API), ("pyproject.toml", "")].into()),
        ("a misspelt name", [("main.py", API), ("Requirements.txt", "fastapi")].into()),
        ("a misspelt name beside another", [("main.py", API), ("requirements.txt", "fastapi\nuvicorn"), ("procfile", "web: x")].into()),
        ("names that are nearly right", [("main.py", API), ("requirements.txt", "fastapi\nuvicorn"), ("Procfile.txt", ""), ("python-version", "3.12"), ("pyproject.tml", ""), (".docker-ignore", "")].into()),
        ("requirements by nearly their name", [("main.py", API), ("requirments.txt", "fastapi")].into()),
        ("itself, by its requirements", [("app.py", FLASK), ("requirements.txt", "-e ."), ("setup.py", "setup(install_requires=['flask', 'gunicorn'])")].into()),
        ("broken", [("pyproject.toml", "[project]\nname = x\n")].into()),
        (
            "a factory",
            [
                ("wsgi.py", "from pkg import create_app\napp = create_app()\n"),
                ("pkg/__init__.py", "from flask import Flask\ndef create_app():\n    a = Flask(__name__)\n    return a\n"),
                ("requirements.txt", "Flask>=2\ngunicorn"),
            ]
            .into(),
        ),
        (
            "a factory that nobody calls",
            [("pkg/__init__.py", "def create_app(config=None):\n    return Flask('x')\n"), ("requirements.txt", "flask\ngunicorn")].into(),
        ),
        (
            "a factory for uvicorn",
            [("main.py", "def create_app():\n    return FastAPI()\n"), ("requirements.txt", "fastapi\nuvicorn")].into(),
        ),
        (
            "a factory for Waitress",
            [("main.py", "def create_app():\n    return Flask('x')\n"), ("requirements.txt", "flask\nwaitress")].into(),
        ),
        ("Waitress", [("app.py", FLASK), ("requirements.txt", "flask\nwaitress")].into()),
        ("Sanic", [("server.py", "from sanic import Sanic\napp = Sanic('x')\n"), ("requirements.txt", "sanic")].into()),
        ("aiohttp", [("main.py", "from aiohttp import web\napp = web.Application()\nif __name__ == '__main__': web.run_app(app)\n"), ("requirements.txt", "aiohttp")].into()),
        ("aiohttp on PORT", [("main.py", "from aiohttp import web\nweb.run_app(app, port=int(os.environ['PORT']))\n"), ("requirements.txt", "aiohttp")].into()),
        ("Celery alone", [("jobs/tasks.py", "from celery import Celery\napp = Celery('t', broker='redis://x')\n"), ("requirements.txt", "celery")].into()),
        ("requirements for production", [("app.py", FLASK), ("requirements/dev.txt", "x"), ("requirements/prod.txt", "-r base.txt"), ("requirements/base.txt", "flask\ngunicorn")].into()),
        ("requirements to be compiled", [("app.py", FLASK), ("requirements.in", "flask\ngunicorn")].into()),
        ("two requirements on a line", [("app.py", FLASK), ("requirements.txt", "flask >= 2 gunicorn")].into()),
        ("setup.py", [("app.py", FLASK), ("setup.py", "setup(python_requires='>=3.12', install_requires=['flask', 'gunicorn'])")].into()),
        ("setup.cfg", [("shop/__init__.py", FLASK), ("setup.cfg", "[metadata]\nname = shop\n[options]\ninstall_requires =\n  flask\n  gunicorn\n")].into()),
        ("not UTF-8", Listing::from([("main.py", API)]).and("requirements.txt", b"fastapi\n# caf\xe9")),
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
        FastAPI: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        fastapi[standard]: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn api:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, api.py:2
        no server: cannot: `app` in main.py needs a server, and its dependencies name none
            hint: add `uvicorn` to its dependencies
        hypercorn: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ hypercorn main:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, main.py:2
        package: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn app.main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, app/main.py:2
        folder: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT' --app-dir backend
            by -, requirements.txt, backend/main.py:2
        folder imported by name: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn app.main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, app/main.py:3
        src layout: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn shop.server:app --host 0.0.0.0 --port '$PORT' --app-dir src
            by -, requirements.txt, src/shop/server.py:2
        the usual name wins, tests never: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        Streamlit: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ streamlit run ui.py --server.port '$PORT' --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none
            by -, requirements.txt, ui.py
        Streamlit, any name: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ streamlit run zoo.py --server.port '$PORT' --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none
            by -, requirements.txt, zoo.py
        Streamlit, two: cannot: several files may be the Streamlit page: boo.py, zoo.py
            hint: name the right one in dormouse.toml: start = "streamlit run boo.py --server.port $PORT --server.address 0.0.0.0 --server.headless true --browser.gatherUsageStats false --server.fileWatcherType none"
        both: cannot: it holds both `app` in main.py and a Streamlit page, ui.py
            hint: make them two services of dormouse.toml with the same `source`, each with its own `start`, such as `uvicorn main:app --host 0.0.0.0 --port $PORT`
        Flask: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, app.py:2
        Flask, no server: cannot: `app` in app.py needs a server, and its dependencies name none
            hint: add `gunicorn` to its dependencies
        Django: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn site.wsgi:application --bind '0.0.0.0:$PORT'
            by -, requirements.txt, site/wsgi.py
        Procfile: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn m:a --port '$PORT'
            by -, requirements.txt, Procfile:2
        Procfile with a shell: cannot: the `web` line of the Procfile uses `&&`, which needs a shell (line 1)
            hint: write start = ["sh", "-c", "cd x && y"] under [services.web] in dormouse.toml
        Procfile with a variable: cannot: the `web` line of the Procfile uses `$WORKERS`, which needs a shell (line 1)
            hint: write start = ["sh", "-c", "x -w $WORKERS"] under [services.web] in dormouse.toml
        nothing to start: cannot: no FastAPI, Flask, Django or other app, no Streamlit page, no Gradio demo and no Procfile was found
            hint: name the command as `start` in dormouse.toml, for example start = "python main.py"; it has to listen on $PORT
        Procfile without a colon: cannot: no FastAPI, Flask, Django or other app, no Streamlit page and no Gradio demo was found, and Procfile:1 is not read, as it has no colon after a name: `web gunicorn app:app`
            hint: write it as `web: gunicorn app:app`
        lock: Base Locked { files: ["pyproject.toml", "uv.lock"], package: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by pyproject.toml:4, uv.lock, main.py:2
        workspace: Base Locked { files: ["libs/a/pyproject.toml", "pyproject.toml", "uv.lock"], package: true }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, uv.lock, main.py:2
        project: Fetched(">=3.12") Project { files: ["pyproject.toml"], package: false, dynamic: false, groups: [] }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by pyproject.toml:4, pyproject.toml, main.py:2
        package project: Base Project { files: ["pyproject.toml"], package: true, dynamic: false, groups: [] }
            $ uvicorn x:app --host 0.0.0.0 --port '$PORT' --app-dir src
            by -, pyproject.toml, src/x/__init__.py:2
        dynamic: cannot: pyproject.toml leaves its dependencies to a build backend, and names none
            hint: list them under [project] dependencies, or add a [build-system] table
        poetry: Base Written { requirements: ["fastapi>=0.1,<0.2", "uvicorn"], constraints: [], after_source: false, package: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by pyproject.toml:4, pyproject.toml, main.py:2
            note: the project itself is not installed: it is no package that can be
        poetry with a lock, no package: Base Written { requirements: ["fastapi>=0.1,<0.2", "uvicorn"], constraints: ["fastapi==0.115.6", "uvicorn==0.34.0"], after_source: false, package: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by pyproject.toml:5, poetry.lock, main.py:2
            note: the project itself is not installed: it is no package that can be
        poetry 2 with a lock that is too old: cannot: poetry.lock is older than pyproject.toml: `uvicorn` is not in it
            hint: run `poetry lock`, and deploy again
        a lock beside a requirements.txt: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
            note: Pipfile.lock is not used: only uv's and Poetry's locks are read
            note: poetry.lock is not used: something else says what to install
        from Git: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false } git
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        from Git, locked: Base Locked { files: ["pyproject.toml", "uv.lock"], package: false } git
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, uv.lock, main.py:2
        FastHTML: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        Dash: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn app:server --bind '0.0.0.0:$PORT'
            by -, requirements.txt, app.py:3
        Dash that runs itself: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ HOST=0.0.0.0 python app.py
            by -, requirements.txt, app.py:4
        Gradio: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=8000 python app.py
            by -, requirements.txt, app.py:3
        Gradio on FastAPI: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn app:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, app.py:3
        Procfile with variables: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ X=1 gunicorn app:app
            by -, requirements.txt, Procfile:1
        tools only: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        tools and nothing else: cannot: its pyproject.toml says nothing of what the app needs: it has neither a [project] nor a [build-system] table
            hint: list its packages under [project] dependencies, or in a requirements.txt, which may be empty
        an empty pyproject: cannot: its pyproject.toml says nothing of what the app needs: it has neither a [project] nor a [build-system] table
            hint: list its packages under [project] dependencies, or in a requirements.txt, which may be empty
        a misspelt name: cannot: it has no requirements.txt, but there is `Requirements.txt`
            hint: rename it to requirements.txt
        a misspelt name beside another: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
            note: procfile is not read: its name would have to be Procfile
        names that are nearly right: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
            note: pyproject.tml is not read: its name would have to be pyproject.toml
            note: Procfile.txt is not read: its name would have to be Procfile
            note: python-version is not read: its name would have to be .python-version
            note: .docker-ignore is not read: its name would have to be .dockerignore
        requirements by nearly their name: cannot: it has no requirements.txt, but there is `requirments.txt`
            hint: rename it to requirements.txt
        itself, by its requirements: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: true }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, app.py:2
        broken: cannot: pyproject.toml cannot be read: string values must be quoted, expected literal string
            hint: see line 2 of pyproject.toml
        a factory: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn wsgi:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, wsgi.py:2
        a factory that nobody calls: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn 'pkg:create_app()' --bind '0.0.0.0:$PORT'
            by -, requirements.txt, pkg/__init__.py:1
        a factory for uvicorn: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:create_app --host 0.0.0.0 --port '$PORT' --factory
            by -, requirements.txt, main.py:1
        a factory for Waitress: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ waitress-serve --port '$PORT' --call main:create_app
            by -, requirements.txt, main.py:1
        Waitress: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ waitress-serve --port '$PORT' app:app
            by -, requirements.txt, app.py:2
        Sanic: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ sanic server:app '--host=0.0.0.0' '--port=$PORT' --single-process
            by -, requirements.txt, server.py:2
        aiohttp: cannot: main.py:3 serves by itself, and nothing says that it is to be run
            hint: write start = "python main.py" and port = 8080 for the service in dormouse.toml; it has to listen on 0.0.0.0
        aiohttp on PORT: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ python main.py
            by -, requirements.txt, main.py:2
        Celery alone: cannot: it has a Celery app (jobs/tasks.py:2), and nothing that answers requests
            hint: write kind = "worker" and start = "celery -A jobs.tasks worker" for the service in dormouse.toml: it has no port then
        requirements for production: Base Requirements { file: "requirements/prod.txt", files: ["requirements/prod.txt", "requirements/base.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements/prod.txt, app.py:2
            note: requirements/prod.txt is installed from: there is no requirements.txt at the top
        requirements to be compiled: Base Requirements { file: "requirements.in", files: ["requirements.in"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements.in, app.py:2
            note: requirements.in is installed from: there is no requirements.txt at the top
        two requirements on a line: cannot: requirements.txt:1 is no requirement: `flask >= 2 gunicorn`
            hint: name one package a line, such as flask>=2.0
        setup.py: Fetched(">=3.12") Project { files: ["setup.py"], package: true, dynamic: true, groups: [] }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by setup.py:1, setup.py, app.py:2
        setup.cfg: Base Written { requirements: ["flask", "gunicorn"], constraints: [], after_source: false, package: false }
            $ gunicorn shop:app --bind '0.0.0.0:$PORT'
            by -, setup.cfg, shop/__init__.py:2
            note: the project itself is not installed: without a setup.py or a pyproject.toml no installer takes it
        not UTF-8: cannot: requirements.txt cannot be read: line 2 is not text: byte 14 of the file is 0xE9, which is not UTF-8 here
            hint: save it as UTF-8; in Latin-1 this byte is `é`
        Dockerfile: cannot: it has only a Dockerfile, and Dockerfiles are not used (found Dockerfile)
            hint: list Python packages in a requirements.txt, Debian packages as `packages` and the command as `start` in dormouse.toml
        Node: cannot: Node.js projects are not supported yet (found package.json)
            hint: only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far
        a level too high: cannot: its top folder has no requirements.txt or pyproject.toml or setup.py or Cargo.toml, but there is `web/requirements.txt`
            hint: point `source` in dormouse.toml at that folder
        only a file: cannot: it has no requirements.txt and no pyproject.toml and no setup.py and no Cargo.toml
            hint: list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml
        empty: cannot: the source folder is empty
            hint: check that it is the right one, and that no ignore rule leaves out all that is in it
    "#]].assert_eq(&out);
}

#[test]
fn wishes_win() {
    let start = ["python".to_owned(), "main.py".to_owned()];
    let gunicorn = ["gunicorn".to_owned(), "app:app".to_owned()];
    let node = ["nodejs".to_owned()].into();
    let origin = Origin::written("dormouse.toml", 3);
    let told = Wishes { start: Some(&start), start_origin: Some(&origin), ..web() };
    let install = ["pip install -r requirements_app.txt", "pip install gunicorn"]
        .map(|c| shell_words::split(c).unwrap());
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
            "a worker of Celery without a line",
            [("tasks.py", "app = Celery('t')"), ("requirements.txt", "celery")].into(),
            Wishes { kind: ServiceKind::Worker, ..web() },
        ),
        (
            "install that names no server",
            [
                ("app.py", "from flask import Flask\napp = Flask(__name__)\n"),
                ("requirements_app.txt", "flask"),
            ]
            .into(),
            Wishes { install: &install[..1], ..web() },
        ),
        (
            "install that names no server for Django",
            [
                ("manage.py", "DJANGO_SETTINGS_MODULE"),
                ("site/wsgi.py", ""),
                ("requirements_app.txt", "django"),
            ]
            .into(),
            Wishes { install: &install[..1], ..web() },
        ),
        (
            "start that requirements below would install",
            [("backend/requirements.txt", "flask\ngunicorn"), ("backend/app.py", "")].into(),
            Wishes { start: Some(&gunicorn), ..web() },
        ),
        (
            "the same with a compose file",
            [("backend/requirements.txt", "flask\ngunicorn"), ("backend/app.py", "")].into(),
            Wishes { start: Some(&gunicorn), compose: Some("compose.yaml"), ..web() },
        ),
        (
            "aiohttp with a compose file",
            [("main.py", "web.run_app(app)"), ("requirements.txt", "aiohttp")].into(),
            Wishes { compose: Some("compose.yaml"), ..web() },
        ),
        (
            "nothing with a compose file",
            [("lib.py", ""), ("requirements.txt", "httpx")].into(),
            Wishes { compose: Some("compose.yaml"), ..web() },
        ),
        (
            "start beside requirements below",
            [("backend/requirements.txt", "flask\ngunicorn"), ("main.py", "")].into(),
            told,
        ),
        (
            "worker without",
            [("main.py", ""), ("requirements.txt", "celery")].into(),
            Wishes { kind: ServiceKind::Worker, ..web() },
        ),
        (
            "no Python in the base",
            [("main.py", "")].into(),
            Wishes { in_base: &std::collections::BTreeMap::new(), ..told },
        ),
        (
            "a worker's own line",
            [("Procfile", "worker: celery\nbeat: celery beat"), ("requirements.txt", "celery")].into(),
            Wishes { kind: ServiceKind::Worker, service: "beat", ..web() },
        ),
        (
            "requirements",
            [
                ("Procfile", "web: x"),
                ("reqs/web.txt", "-r base.txt"),
                ("reqs/base.txt", "flask"),
                ("requirements.txt", "django"),
            ]
            .into(),
            Wishes { requirements: Some("reqs/web.txt"), ..web() },
        ),
        (
            "requirements that are not there",
            [("main.py", "")].into(),
            Wishes { requirements: Some("reqs.txt"), ..told },
        ),
        (
            "install",
            [("app.py", "from flask import Flask\napp = Flask(__name__)"), ("requirements_app.txt", "flask")]
                .into(),
            Wishes { install: &install, ..web() },
        ),
        (
            "workdir",
            [
                ("api/main.py", "from fastapi import FastAPI\napp = FastAPI()"),
                ("requirements.txt", "fastapi\nuvicorn"),
            ]
            .into(),
            Wishes { workdir: Some("api"), ..web() },
        ),
        (
            "workdir with requirements of its own",
            [
                ("api/main.py", "from fastapi import FastAPI\napp = FastAPI()"),
                ("api/requirements.txt", "fastapi\nuvicorn"),
            ]
            .into(),
            Wishes { workdir: Some("api"), ..web() },
        ),
        (
            "requirements beside a crate",
            [("Cargo.toml", "[package]\nname='x'"), ("py/requirements.txt", "")].into(),
            Wishes { requirements: Some("py/requirements.txt"), ..told },
        ),
    ] {
        out += &format!("{case}: {}", show(&listing, &wishes));
    }
    expect![[r#"
        start: Base Venv
            $ python main.py
            by -, -, dormouse.toml:3
        start over Procfile: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ python main.py
            by -, requirements.txt, dormouse.toml:3
        start with a Dockerfile: Base Venv
            $ python main.py
            by -, -, dormouse.toml:3
        start in Node: cannot: Node.js projects are not supported yet (found package.json)
            hint: only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far
        start in Node with packages: Base Venv
            $ python main.py
            by -, -, dormouse.toml:3
        worker: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ celery
            by -, requirements.txt, Procfile:1
        a worker of Celery without a line: cannot: nothing says how to start this worker
            hint: name the command in dormouse.toml, such as start = "celery -A tasks worker"
        install that names no server: cannot: `app` in app.py needs a server, and what `install` installs is not known
            hint: name the command as `start` in dormouse.toml, such as start = "gunicorn app:app --bind 0.0.0.0:$PORT", if that installs `gunicorn`
        install that names no server for Django: cannot: this Django project needs a server, and what `install` installs is not known
            hint: name the command as `start` in dormouse.toml, such as start = "gunicorn site.wsgi:application --bind 0.0.0.0:$PORT", if that installs `gunicorn`
        start that requirements below would install: cannot: `gunicorn` is not installed: backend/requirements.txt is not read, as it is not at the top of the source folder
            hint: write requirements = "backend/requirements.txt" for the service in dormouse.toml
        the same with a compose file: cannot: `gunicorn` is not installed: backend/requirements.txt is not read, as it is not at the top of the source folder
            hint: build the service from ./backend in compose.yaml, or list its packages in a requirements.txt at the top
        aiohttp with a compose file: cannot: main.py:1 serves by itself, and nothing says that it is to be run
            hint: write command: python main.py and expose: ["8080"] for the service in compose.yaml; it has to listen on 0.0.0.0
        nothing with a compose file: cannot: no FastAPI, Flask, Django or other app, no Streamlit page, no Gradio demo and no Procfile was found
            hint: name the command as `command` in compose.yaml, for example command: python main.py; it has to listen on $PORT
        start beside requirements below: Base Venv
            $ python main.py
            by -, -, dormouse.toml:3
            note: backend/requirements.txt is not read: if the app needs it, write requirements = "backend/requirements.txt" for the service in dormouse.toml
        worker without: cannot: nothing says how to start this worker
            hint: name the command as `start` in dormouse.toml
        no Python in the base: Fetched("3") Venv
            $ python main.py
            by -, -, dormouse.toml:3
        a worker's own line: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ celery beat
            by -, requirements.txt, Procfile:2
        requirements: Base Requirements { file: "reqs/web.txt", files: ["reqs/web.txt", "reqs/base.txt"], after_source: false }
            $ x
            by -, reqs/web.txt, Procfile:1
        requirements that are not there: cannot: there is no reqs.txt in the source folder
            hint: check `requirements` in dormouse.toml: it is relative to the service's source folder
        install: Base Commands([["pip", "install", "-r", "requirements_app.txt"], ["pip", "install", "gunicorn"]])
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, -, app.py:2
        workdir: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, api/main.py:2
        workdir with requirements of its own: Base Requirements { file: "api/requirements.txt", files: ["api/requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, api/requirements.txt, api/main.py:2
        requirements beside a crate: Base Requirements { file: "py/requirements.txt", files: ["py/requirements.txt"], after_source: false }
            $ python main.py
            by -, py/requirements.txt, dormouse.toml:3
    "#]].assert_eq(&out);
}
