//! Projects as others have them, of which something untrue was said, or which were not found.

use expect_test::{Expect, expect};

use super::{
    Listing,
    tests::{show, web},
};

const API: &str = "from fastapi import FastAPI\napp = FastAPI()\n";
const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";

fn check(table: &[(&str, Listing)], expected: &Expect) {
    let shown: String =
        table.iter().map(|(case, listing)| format!("{case}: {}", show(listing, &web()))).collect();
    expected.assert_eq(&shown);
}

/// Bug: groups that uv installs by default were not installed without a lock; a server that is listed only for
/// development, or in an extra, was said to be nowhere, and with a lock it was taken for installed.
#[test]
fn groups() {
    check(&[
        ("uv's default groups", [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\n[dependency-groups]\ndev=['pytest']\nprod=[{include-group='Server'}]\nserver=['uvicorn']\n[tool.uv]\ndefault-groups=['dev','prod']\n")].into()),
        ("all groups of uv", [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\n[dependency-groups]\ndev=['pytest']\nserver=['uvicorn', {include-group='server'}]\n[tool.uv]\ndefault-groups='all'\n")].into()),
        ("a server only for development", [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\n[dependency-groups]\ndev=['uvicorn']\n")].into()),
        ("a server in an extra", [("app.py", FLASK), ("pyproject.toml", "[project]\nname='x'\ndependencies=['flask']\n[project.optional-dependencies]\nserver=['gunicorn']\n")].into()),
        ("a group that is not there", [("main.py", API), ("pyproject.toml", "[project]\nname='x'\n[tool.uv]\ndefault-groups=['prod']\n")].into()),
        (
            "a lock with a server for development only",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\n[dependency-groups]\ndev=['uvicorn']\n"), ("uv.lock", "[[package]]\nname='x'\nsource={virtual='.'}\ndependencies=[{name='fastapi'}]\n[package.dev-dependencies]\ndev=[{name='uvicorn'}]\n[[package]]\nname='fastapi'\n[[package]]\nname='uvicorn'\n")].into(),
        ),
        (
            "a lock with a server in a default group",
            [("main.py", API), ("pyproject.toml", "[project]\nname='x'\ndependencies=['fastapi']\n[dependency-groups]\nprod=['uvicorn']\n[tool.uv]\ndefault-groups=['prod']\n"), ("uv.lock", "[[package]]\nname='x'\nsource={virtual='.'}\ndependencies=[{name='fastapi'}]\n[package.dev-dependencies]\nprod=[{name='uvicorn'}]\n[[package]]\nname='fastapi'\n[[package]]\nname='uvicorn'\n")].into(),
        ),
    ], &expect![[r#"
        uv's default groups: Base Project { files: ["pyproject.toml"], package: false, dynamic: false, groups: ["prod"] }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, pyproject.toml, main.py:2
        all groups of uv: Base Project { files: ["pyproject.toml"], package: false, dynamic: false, groups: ["server"] }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, pyproject.toml, main.py:2
        a server only for development: cannot: `app` in main.py needs a server, and `uvicorn` is only in the dependency group `dev`, which is not installed
            hint: add `uvicorn` to its dependencies
        a server in an extra: cannot: `app` in app.py needs a server, and `gunicorn` is only in the optional dependencies `server`, which is not installed
            hint: add `gunicorn` to its dependencies
        a group that is not there: cannot: pyproject.toml:4: there is no dependency group `prod`
            hint: default-groups under [tool.uv] names tables of [dependency-groups]
        a lock with a server for development only: cannot: `app` in main.py needs a server, and `uvicorn` is only in the dependency group `dev`, which is not installed
            hint: add `uvicorn` to its dependencies
        a lock with a server in a default group: Base Locked { files: ["pyproject.toml", "uv.lock"], package: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, uv.lock, main.py:2
    "#]]);
}

/// Bug: a project below the top was not found, one without a wsgi.py was said to be none.
#[test]
fn django() {
    check(
        &[
            (
                "Django below",
                [
                    (
                        "backend/manage.py",
                        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.local')",
                    ),
                    ("backend/config/wsgi.py", ""),
                    ("backend/shop/wsgi.py", ""),
                    ("requirements.txt", "Django\ngunicorn"),
                ]
                .into(),
            ),
            (
                "Django in src without a server",
                [("src/manage.py", ""), ("src/shop/wsgi.py", ""), ("requirements.txt", "Django")].into(),
            ),
            (
                "Django twice",
                [
                    ("a/manage.py", ""),
                    ("a/x/wsgi.py", ""),
                    ("b/manage.py", ""),
                    ("b/y/wsgi.py", ""),
                    ("requirements.txt", "django\ngunicorn"),
                ]
                .into(),
            ),
            (
                "Django on ASGI",
                [("src/manage.py", ""), ("src/shop/asgi.py", ""), ("requirements.txt", "Django\nuvicorn")]
                    .into(),
            ),
            ("Django without wsgi.py", [("manage.py", ""), ("requirements.txt", "Django\ngunicorn")].into()),
        ],
        &expect![[r#"
            Django below: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
                $ gunicorn config.wsgi:application --bind '0.0.0.0:$PORT' --chdir backend
                by -, requirements.txt, backend/config/wsgi.py
            Django in src without a server: cannot: the Django project in src needs a server, and its dependencies name none
                hint: add `gunicorn` to its dependencies
            Django twice: cannot: there are several Django projects: a/manage.py, b/manage.py
                hint: point `source` in dormouse.toml at the folder of one of them
            Django on ASGI: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
                $ uvicorn shop.asgi:application --host 0.0.0.0 --port '$PORT' --app-dir src
                by -, requirements.txt, src/shop/asgi.py
            Django without wsgi.py: cannot: manage.py is that of a Django project, and no wsgi.py or asgi.py was found beside it
                hint: name the command as `start` in dormouse.toml
        "#]],
    );
}

/// Bug: they were not found, or given to a server that could not load them, because they served while it did.
#[test]
fn frameworks() {
    check(&[
        ("Bottle", [("app.py", "import bottle\napp = bottle.default_app()\nif __name__ == '__main__':\n    bottle.run(host='localhost')\n"), ("requirements.txt", "bottle\ngunicorn")].into()),
        ("Bottle that runs itself", [("app.py", "from bottle import route, run\nrun(host='localhost', port=8081)\n"), ("requirements.txt", "bottle")].into()),
        ("Flask that serves when imported", [("app.py", "from flask import Flask\napp = Flask(__name__)\napp.run()\n"), ("requirements.txt", "flask\ngunicorn")].into()),
        ("Flask that serves on PORT when imported", [("app.py", "from flask import Flask\napp = Flask(__name__)\napp.run(host='0.0.0.0', port=int(os.environ['PORT']))\n"), ("requirements.txt", "flask")].into()),
        ("Flask that runs itself when it is run", [("app.py", "from flask import Flask\napp = Flask(__name__)\nif __name__ == '__main__':\n    app.run()\n"), ("requirements.txt", "flask\ngunicorn")].into()),
        ("Tornado", [("main.py", "import tornado.web\napp = tornado.web.Application([])\napp.listen(8888)\n"), ("requirements.txt", "tornado")].into()),
        ("Falcon", [("main.py", "import falcon\napp = falcon.App()\n"), ("requirements.txt", "falcon\ngunicorn")].into()),
        ("Falcon on ASGI", [("main.py", "import falcon.asgi\napp = falcon.asgi.App()\n"), ("requirements.txt", "falcon\nuvicorn")].into()),
        ("Quart", [("main.py", "from quart import Quart\napp = Quart(__name__)\napp.run()\n"), ("requirements.txt", "quart\nhypercorn")].into()),
        ("Litestar", [("main.py", "from litestar import Litestar\napp = Litestar([])\n"), ("requirements.txt", "litestar[standard]")].into()),
        ("http.server", [("server.py", "from http.server import *\nclass H(BaseHTTPRequestHandler): pass\nHTTPServer(('localhost', 8001), H).serve_forever()\n"), ("requirements.txt", "")].into()),
        ("NiceGUI", [("main.py", "from nicegui import ui\nui.run()\n"), ("requirements.txt", "nicegui")].into()),
    ], &expect![[r#"
        Bottle: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, app.py:2
        Bottle that runs itself: cannot: app.py:2 serves by itself, and nothing says that it is to be run
            hint: write start = "python app.py" and port = 8081 for the service in dormouse.toml; it has to listen on 0.0.0.0
        Flask that serves when imported: cannot: app.py:3 serves as soon as the file is imported, so that no server can load the app
            hint: put that line under `if __name__ == "__main__":`, or write start = "python app.py" and port = 5000 for the service in dormouse.toml; it has to listen on 0.0.0.0
        Flask that serves on PORT when imported: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ python app.py
            by -, requirements.txt, app.py:3
        Flask that runs itself when it is run: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, app.py:2
        Tornado: cannot: main.py:3 serves by itself, and nothing says that it is to be run
            hint: write start = "python main.py" and port = 8888 for the service in dormouse.toml; it has to listen on 0.0.0.0
        Falcon: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ gunicorn main:app --bind '0.0.0.0:$PORT'
            by -, requirements.txt, main.py:2
        Falcon on ASGI: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        Quart: cannot: main.py:3 serves as soon as the file is imported, so that no server can load the app
            hint: put that line under `if __name__ == "__main__":`, or write start = "python main.py" and the port it listens on as `port` for the service in dormouse.toml; it has to listen on 0.0.0.0
        Litestar: Base Requirements { file: "requirements.txt", files: ["requirements.txt"], after_source: false }
            $ uvicorn main:app --host 0.0.0.0 --port '$PORT'
            by -, requirements.txt, main.py:2
        http.server: cannot: server.py:3 serves by itself, and nothing says that it is to be run
            hint: write start = "python server.py" and port = 8001 for the service in dormouse.toml; it has to listen on 0.0.0.0
        NiceGUI: cannot: main.py:2 serves by itself, and nothing says that it is to be run
            hint: write start = "python main.py" and port = 8080 for the service in dormouse.toml; it has to listen on 0.0.0.0
    "#]]);
}

/// Bug: one alone was given to an installer, which takes none; of what only a build backend knows it was said that it
/// names no server.
#[test]
fn setup_cfg() {
    check(&[
        ("settings of a setup.cfg only", [("main.py", API), ("setup.cfg", "[flake8]\n")].into()),
        ("options of a setup.cfg", [("app.py", FLASK), ("setup.cfg", "[options]\ninstall_requires =\n    flask>=2  # web\n    gunicorn\n")].into()),
        ("a build backend that alone knows", [("app.py", FLASK), ("pyproject.toml", "[project]\nname='x'\ndynamic=['dependencies']\n[build-system]\nrequires=['hatchling']\n")].into()),
        ("a file of a setup.cfg", [("app.py", FLASK), ("setup.cfg", "[options]\ninstall_requires = file: reqs.txt\n"), ("reqs.txt", "flask\ngunicorn")].into()),
    ], &expect![[r#"
        settings of a setup.cfg only: cannot: it has no requirements.txt and no pyproject.toml and no setup.py and no Cargo.toml, and its setup.cfg lists no packages
            hint: list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml
        options of a setup.cfg: Base Written { requirements: ["flask>=2", "gunicorn"], constraints: [], after_source: false, package: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, setup.cfg, app.py:2
            note: the project itself is not installed: without a setup.py or a pyproject.toml no installer takes it
        a build backend that alone knows: cannot: `app` in app.py needs a server, and what its build backend installs is not known
            hint: name the command as `start` in dormouse.toml, such as start = "gunicorn app:app --bind 0.0.0.0:$PORT", if that installs `gunicorn`
        a file of a setup.cfg: Base Requirements { file: "reqs.txt", files: ["reqs.txt"], after_source: false }
            $ gunicorn app:app --bind '0.0.0.0:$PORT'
            by -, reqs.txt, app.py:2
            note: the project itself is not installed: without a setup.py or a pyproject.toml no installer takes it
    "#]]);
}
