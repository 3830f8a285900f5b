//! Bad input: a clear error, and a system that still works.

use std::fs;

use dormouse_e2e::Server;

use crate::toolbox::{deploy, folder, logged};

pub(crate) fn manifest(server: &Server) {
    let folder = folder("name = \"typo\"\n[services.web]\nsource = \".\"\nmemroy = \"1GiB\"\n");
    let error = server.fails(&["deploy", &folder.path().to_string_lossy()]);
    for part in ["dormouse.toml", "4", "memroy", "memory"] {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
    assert!(server.ps().iter().all(|s| s["project"] != "typo"));
}

pub(crate) fn build(server: &Server) {
    let visitor = deploy(server, "careful", "");
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    let live = server.service("careful", "web")["deployment"].as_str().unwrap().to_owned();
    let folder = folder("name = \"careful\"\n[services.web]\nsource = \".\"\nhealth = \"/health\"\n");
    let requirements = folder.path().join("requirements.txt");
    let good = fs::read_to_string(&requirements).unwrap();
    fs::write(&requirements, good + "no-such-package-anywhere==9.9.9\n").unwrap();
    let error = server.fails(&["deploy", "--project", "careful", &folder.path().to_string_lossy()]);
    assert!(error.contains("no-such-package-anywhere"), "{error}");
    assert_eq!(visitor.get("/whoami").ok().json()["boot"], boot, "the old version no longer serves");
    logged(server, "careful", "deploy d", 2);
    let log = server.ok(&["logs", "careful"]);
    let failed = log.lines().find(|l| l.contains(" failed: ")).unwrap_or_default();
    assert!(failed.ends_with(&format!("; {live} serves on")), "{log}");
    server.ok(&["down", "careful"]);
}

pub(crate) fn port(server: &Server) {
    let folder = folder(
        "name = \"deaf\"\n[services.web]\nsource = \".\"\nstart = [\"sleep\", \"1000\"]\n[services.web.health]\nstart_timeout = \"5s\"\n",
    );
    let error = server.fails(&["deploy", &folder.path().to_string_lossy()]);
    assert!(error.contains("8000"), "the port nobody listens on is not in:\n{error}");
    server.ok(&["down", "deaf"]);
}

pub(crate) fn unknown_host(server: &Server) {
    let page = server.visit("nowhere.localhost").get("/");
    assert_eq!(page.status, 404, "{page:?}");
    assert!(page.body.contains("nowhere.localhost"), "{page:?}");
}
