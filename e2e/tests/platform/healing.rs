//! Apps that end, that keep ending, and that only seem dead.

use std::time::Duration;

use dormouse_e2e::{Server, eventually};

use crate::toolbox::{deploy, folder, logged};

pub(crate) fn crash(server: &Server) {
    let visitor = deploy(server, "fragile", "");
    let before = visitor.get("/whoami").ok().json()["boot"].clone();
    let reply = visitor.post("/exit?code=3");
    assert!(reply.status >= 500, "{reply:?}");
    let after = eventually("a new instance answers", Duration::from_secs(60), || {
        let reply = visitor.fresh().get("/whoami");
        if reply.status == 200 { Ok(reply.json()["boot"].clone()) } else { Err(format!("{reply:?}")) }
    });
    assert_ne!(before, after);
    logged(server, "fragile/web", "exited with code 3; started again in 0.5 s", 1);
    server.ok(&["down", "fragile"]);
}

pub(crate) fn crash_loop(server: &Server) {
    let folder = folder(
        "name = \"doomed\"\n[services.web]\nsource = \".\"\nstart = [\"python3\", \"-c\", \"raise SystemExit('the moon is missing')\"]\n",
    );
    let error = server.fails(&["deploy", &folder.path().to_string_lossy()]);
    assert!(error.contains("the moon is missing"), "the last words are not in:\n{error}");
    let s = server.wait_state("doomed", "web", "crashed");
    assert!(s["reason"].as_str().unwrap_or_default().contains("exited with code 1"), "{s}");
    let page = server.visit("doomed.localhost").get("/");
    assert!(page.status == 503 && page.body.contains("dormouse logs doomed/web"), "{page:?}");
    // Bug: every visitor was shown the last lines, whatever they held.
    assert!(!page.body.contains("the moon is missing"), "{page:?}");
    let log = server.ok(&["logs", "doomed"]);
    assert!(log.contains("* exited with code 1; started again in 2 s"), "{log}");
    assert!(log.contains(" failed: exited with code 1"), "{log}");
    server.ok(&["down", "doomed"]);
}

pub(crate) fn busy(server: &Server) {
    let health = "[services.web.health]\npath = \"/health\"\ninterval = \"1s\"\ntimeout = \"1s\"\nfailures = 2\nhang_timeout = \"12s\"\n";
    let manifest = format!("name = \"busy\"\n[services.web]\nsource = \".\"\n{health}");
    let folder = folder(&manifest);
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    let visitor = server.visit("busy.localhost");
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    // It answers no probe while it is at it, and must live to answer.
    let reply = visitor.get("/hang?seconds=7").ok();
    assert_eq!(reply.json()["hung"], 7.0);
    assert_eq!(visitor.get("/whoami").ok().json()["boot"], boot, "a busy app was killed");
    // One that never comes back is found all the same.
    let hung = visitor.fresh();
    std::thread::spawn(move || drop(hung.try_get("/hang")));
    eventually("the hung app is replaced", Duration::from_secs(60), || {
        match visitor.fresh().try_get("/whoami") {
            Ok(r) if r.status == 200 && r.json()["boot"] != boot => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let log = server.ok(&["logs", "busy/web"]);
    let stopped = log.lines().find(|l| l.contains("* stopped: ")).unwrap_or_default();
    assert!(stopped.contains(" gives no answer to GET /health within 1 s; started again in 0.5 s"), "{log}");
    server.ok(&["down", "busy"]);
}
