//! A broken deploy never replaces a working one, and says what is wrong.

use std::{fs, path::Path, thread::sleep, time::Duration};

use dormouse_e2e::Server;
use tempfile::TempDir;

use crate::toolbox::{self, under_load};

/// What every app here is installed from, so that they share one layer.
const REQUIREMENTS: &str = "flask==3.1.0\ngunicorn==23.0.0\ndjango==5.1.4\n";

const FLASK: &str = "from flask import Flask\n\napp = Flask(__name__)\n";
const GOOD: &str = "\n\n@app.get(\"/\")\ndef index():\n    return \"good\"\n";
const ERROR: &str = "\n\n@app.get(\"/\")\ndef index():\n    return \"the database is away\", 500\n";

/// A folder with these files beside the requirements.
fn app(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("requirements.txt"), REQUIREMENTS).expect("a file");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn deploy(server: &Server, folder: &Path) {
    server.ok(&["deploy", &folder.to_string_lossy()]);
}

/// Deploy what must not go live while visitors ask `path` without pause; what the deploy says.
#[track_caller]
fn refused(server: &Server, project: &str, path: &str, folder: &Path, said: &[&str]) {
    let visitor = server.visit(&format!("{project}.localhost"));
    let mut error = String::new();
    under_load(&visitor, path, || {
        error = server.fails(&["deploy", "--project", project, &folder.to_string_lossy()])
    });
    for part in said.iter().chain(&["the version before goes on serving"]) {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
}

pub(crate) fn flask(server: &Server) {
    let manifest = "name = \"honest\"\n[services.web]\nsource = \".\"\n\
        start = \"gunicorn app:app --bind 0.0.0.0:$PORT --access-logfile -\"\n\
        health = { start_timeout = \"4s\", interval = \"1s\" }\n";
    let version = |code: &str| app(&[("app.py", code), ("dormouse.toml", manifest)]);
    let good = format!("{FLASK}{GOOD}");
    deploy(server, version(&good).path());
    // A page is no health route: its log is not filled with our questions.
    sleep(Duration::from_secs(3));
    let log = server.ok(&["logs", "honest/web"]);
    assert_eq!(log.matches("dormouse-probe").count(), 1, "{log}");

    // Bug: gunicorn's master listens before its workers import the app, and that was taken for ready.
    let broken = format!("import nope\n{good}");
    refused(server, "honest", "/", version(&broken).path(), &["No module named 'nope'"]);
    let error = format!("{FLASK}{ERROR}");
    refused(
        server,
        "honest",
        "/",
        version(&error).path(),
        &["it answers 500 to GET / on port 8000", "`health`"],
    );
    server.ok(&["down", "honest"]);
}

/// The same where nothing but the requirements, or a Procfile, says that it is gunicorn.
pub(crate) fn found(server: &Server) {
    let procfile = ("Procfile", "web: gunicorn app:app\n");
    for (name, files) in [("by-requirements", &[][..]), ("by-procfile", &[procfile][..])] {
        let manifest = format!("name = \"{name}\"\n[services.web]\nsource = \".\"\n");
        let version = |code: &str| {
            let mut files = files.to_vec();
            files.extend([("app.py", code), ("dormouse.toml", manifest.as_str())]);
            app(&files)
        };
        let good = format!("{FLASK}{GOOD}");
        deploy(server, version(&good).path());
        let broken = format!("import nope\n{good}");
        refused(server, name, "/", version(&broken).path(), &["No module named 'nope'"]);
        server.ok(&["down", name]);
    }
}

pub(crate) fn django(server: &Server) {
    let settings = "SECRET_KEY = \"x\"\nROOT_URLCONF = \"site1.urls\"\nALLOWED_HOSTS = [\".localhost\"]\n";
    let urls = "from django.http import HttpResponse\nfrom django.urls import path\n\n\
        urlpatterns = [path(\"\", lambda request: HttpResponse(\"good\"))]\n";
    let wsgi = "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n\
        os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"site1.settings\")\napplication = get_wsgi_application()\n";
    let version = |apps: &str| {
        app(&[
            ("manage.py", ""),
            ("site1/__init__.py", ""),
            ("site1/settings.py", &format!("{settings}INSTALLED_APPS = [{apps}]\n")),
            ("site1/urls.py", urls),
            ("site1/wsgi.py", wsgi),
            ("dormouse.toml", "name = \"boot\"\n[services.web]\nsource = \".\"\n"),
        ])
    };
    deploy(server, version("").path());
    refused(server, "boot", "/", version("\"nope\"").path(), &["No module named 'nope'"]);
    server.ok(&["down", "boot"]);
}

/// The parent of uvicorn's workers starts them again for ever, and holds the port open all the while.
pub(crate) fn workers(server: &Server) {
    let manifest = "name = \"looping\"\n[services.web]\nsource = \".\"\n\
        start = \"uvicorn main:app --workers 2 --host 0.0.0.0 --port $PORT\"\n";
    let folder = toolbox::folder(manifest);
    deploy(server, folder.path());
    let main = folder.path().join("main.py");
    let good = fs::read_to_string(&main).expect("the app");
    fs::write(&main, format!("import nope\n{good}")).expect("a change");
    let said = ["its worker processes keep ending before they answer", "No module named 'nope'"];
    refused(server, "looping", "/health", folder.path(), &said);
    server.ok(&["down", "looping"]);
}

/// Where it listens is told, with what to do about it, before the whole start timeout has passed.
pub(crate) fn elsewhere(server: &Server) {
    let manifest = "name = \"astray\"\n\
        [services.inward]\nsource = \".\"\nstart = \"flask run --port $PORT\"\n\
        [services.other]\nsource = \".\"\nstart = \"flask run --host 0.0.0.0\"\n\
        [services.own]\nsource = \".\"\nstart = \"python3 app.py\"\n";
    let runs = "\n\nif __name__ == \"__main__\":\n    app.run()\n";
    let folder = app(&[("app.py", &format!("{FLASK}{GOOD}{runs}")), ("dormouse.toml", manifest)]);
    let error = server.fails(&["deploy", &folder.path().to_string_lossy()]);
    for part in [
        "it listens on 127.0.0.1:8000, not on 0.0.0.0:8000 (PORT)",
        "add `--host 0.0.0.0 --port $PORT` to its start command\n",
        "it listens on 0.0.0.0:5000, not on 0.0.0.0:8000 (PORT)",
        "write port = 5000 for other in the manifest",
        "it listens on 127.0.0.1:5000, not on 0.0.0.0:8000 (PORT)",
        "write `app.run(host=\"0.0.0.0\", port=int(os.environ[\"PORT\"]))`",
        "not ready yet: it listens on",
    ] {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
    server.ok(&["down", "astray"]);
}
