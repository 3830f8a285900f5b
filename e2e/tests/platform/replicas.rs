//! Several instances of one service.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use dormouse_e2e::{Server, eventually};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    survival::kill_role,
    toolbox::{folder, under_load},
};

/// Those of `web` that are ready, as numbers and process ids; none as long as there are more or fewer than that.
fn ready(server: &Server, wanted: usize) -> Result<BTreeSet<(String, i64)>, String> {
    let web = server.service("crowd", "web");
    let all = web["instances"].as_array().cloned().unwrap_or_default();
    let is_ready = |i: &&Value| i["state"] == "ready";
    let one = |i: &Value| (i["instance"].as_str().unwrap().to_owned(), i["pid"].as_i64().unwrap());
    let ready: BTreeSet<_> = all.iter().filter(is_ready).map(one).collect();
    let good = ready.len() == wanted && all.len() == wanted && web["ready"] == wanted;
    if good { Ok(ready) } else { Err(web.to_string()) }
}

pub(crate) fn replicas(server: &Server) {
    let manifest = |n| format!("name = \"crowd\"\n[services.web]\nsource = \".\"\nreplicas = {n}\n");
    let folder = folder(&manifest(3));
    let path = folder.path().to_string_lossy().into_owned();
    let within = Duration::from_secs(60);
    server.ok(&["deploy", &path]);
    let three = eventually("three are ready", within, || ready(server, 3));
    let visitor = server.visit("crowd.localhost");
    let boots = || {
        let asked = (0..30).map(|_| visitor.fresh().get("/whoami").ok().json()["boot"].to_string());
        asked.collect::<BTreeSet<_>>()
    };
    assert_eq!(boots().len(), 3, "each has its turn");

    // Whoever takes over finds all of them.
    under_load(&visitor, "/health", || {
        kill_role(server, "control");
        server.wait_state("crowd", "web", "ready");
    });
    assert_eq!(ready(server, 3), Ok(three.clone()));

    // One ends, and the others serve.
    let (gone, pid) = three.first().unwrap();
    kill(Pid::from_raw(i32::try_from(*pid).unwrap()), Signal::SIGKILL).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(visitor.fresh().get("/whoami").status, 200);
    }
    let healed = eventually("it is replaced", within, || ready(server, 3));
    assert!(healed.iter().all(|(id, _)| id != gone), "{healed:?}");
    assert_eq!(healed.intersection(&three).count(), 2, "{healed:?}");

    // They sleep and wake together.
    server.ok(&["sleep", "crowd"]);
    let web = server.service("crowd", "web");
    assert!(web["instances"].as_array().unwrap().iter().all(|i| i["state"] == "asleep"), "{web}");
    assert_eq!(visitor.fresh().get("/whoami").status, 200);
    let awake = eventually("all are awake", within, || ready(server, 3));
    assert_eq!(awake, healed);

    // One by one, with no request lost.
    let main = folder.path().join("main.py");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text + "\n# another version\n").unwrap();
    under_load(&visitor, "/slow?seconds=0.05", || {
        server.ok(&["deploy", &path]);
    });
    let newer = eventually("three of the new version", within, || ready(server, 3));
    assert!(newer.is_disjoint(&healed), "{newer:?}");

    // Fewer: the oldest stays, and those that go finish what they have.
    fs::write(folder.path().join("dormouse.toml"), manifest(1)).unwrap();
    under_load(&visitor, "/slow?seconds=0.05", || {
        server.ok(&["deploy", &path]);
        eventually("one is left", within, || ready(server, 1));
    });
    assert!(ready(server, 1).unwrap().is_subset(&newer));
    server.ok(&["down", "crowd"]);
}
