//! The app that misbehaves on request, under any project name, and what a deploy owes its users.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use dormouse_e2e::{Server, Visitor, binary, eventually, workspace};
use tempfile::TempDir;

/// The toolbox in a folder of its own, with this manifest beside it.
pub(crate) fn folder(manifest: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&workspace().join("e2e/apps/toolbox"), folder.path());
    if !manifest.is_empty() {
        fs::write(folder.path().join("dormouse.toml"), manifest).expect("a manifest");
    }
    folder
}

/// The manifest of the toolbox as `project/web`, with these further keys.
fn manifest(project: &str, keys: &str) -> String {
    format!("name = \"{project}\"\n[services.web]\nsource = \".\"\nhealth = \"/health\"\n{keys}")
}

/// The toolbox as `project/web`, changed: its health says so.
fn second_version(project: &str) -> TempDir {
    let folder = folder(&manifest(project, ""));
    let main = folder.path().join("main.py");
    let text = fs::read_to_string(&main).unwrap();
    let changed = text.replace("\"ok\": True", "\"ok\": True, \"version\": 2");
    assert_ne!(text, changed);
    fs::write(&main, changed).unwrap();
    folder
}

/// Deploy the toolbox as `project/web` with these further keys, and wait for its first answer.
pub(crate) fn deploy(server: &Server, project: &str, keys: &str) -> Visitor {
    let folder = folder(&manifest(project, keys));
    server.ok(&["deploy", "--project", project, &folder.path().to_string_lossy()]);
    let visitor = server.visit(&format!("{project}.localhost"));
    let _ = visitor.get("/health").ok();
    visitor
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the app's folder") {
        let entry = entry.expect("a file");
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

pub(crate) fn no_manifest_needed(server: &Server) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("plain-app");
    fs::create_dir(&folder).unwrap();
    copy(&workspace().join("e2e/apps/toolbox"), &folder);
    let out = server.ok(&["deploy", &folder.to_string_lossy()]);
    assert!(out.contains(&format!("http://plain-app.localhost:{}", server.port)), "no URL in:\n{out}");
    let reply = server.visit("plain-app.localhost").get("/health").ok();
    assert_eq!(reply.json()["ok"], true);
    server.ok(&["down", "plain-app"]);
    assert!(server.ps().iter().all(|s| s["project"] != "plain-app"), "still in ps after down");
}

pub(crate) fn second_deploy_is_cached(server: &Server) {
    deploy(server, "cached", "");
    let folder = second_version("cached");
    let cached = cached_phases(server, "cached", &folder);
    assert_eq!((cached("base"), cached("dependencies"), cached("source")), (true, true, false));
    eventually("the new version answers", Duration::from_secs(30), || {
        let reply = server.visit("cached.localhost").get("/health").ok();
        if reply.json()["version"] == 2 { Ok(()) } else { Err(reply.body) }
    });
    server.ok(&["down", "cached"]);
}

/// Deploy a folder, and tell of each phase whether its layer was there.
fn cached_phases(server: &Server, project: &str, folder: &TempDir) -> impl Fn(&str) -> bool + use<> {
    let out = server.ok(&["deploy", "--project", project, &folder.path().to_string_lossy(), "--json"]);
    move |name| {
        let lines = out.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let phase = lines.into_iter().find(|e| e["event"] == "phase" && e["name"] == name);
        phase.unwrap_or_else(|| panic!("no phase {name} in:\n{out}"))["cached"] == true
    }
}

/// Bug: every project installed and kept for itself what others had. Who goes takes from nobody what they share.
pub(crate) fn equal_dependencies_are_shared(server: &Server) {
    deploy(server, "shares", "");
    let folder = folder(&manifest("shares-too", ""));
    let cached = cached_phases(server, "shares-too", &folder);
    assert_eq!((cached("dependencies"), cached("source")), (true, true));
    server.ok(&["down", "shares", "--purge"]);
    let visitor = server.visit("shares-too.localhost");
    let boot = || visitor.get("/whoami").ok().json()["boot"].clone();
    let before = boot();
    server.ok(&["restart", "shares-too"]);
    eventually("the new instance answers", Duration::from_secs(60), || {
        let now = boot();
        if now == before { Err(format!("still {now}")) } else { Ok(()) }
    });
    server.ok(&["down", "shares-too"]);
}

/// Requests in a loop until told to stop; how many were answered well, and the first that was not.
pub(crate) fn hammer(visitor: &Visitor, path: &str, stop: &AtomicBool, done: &AtomicU32) -> Option<String> {
    while !stop.load(Ordering::Relaxed) {
        match visitor.try_get(path) {
            Ok(reply) if reply.status == 200 => {
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) => return Some(format!("{reply:?}")),
            Err(error) => return Some(error.to_string()),
        }
    }
    None
}

pub(crate) fn deploy_drops_no_request(server: &Server) {
    let visitor = deploy(server, "rolling", "");
    let boot = || visitor.get("/whoami").ok().json()["boot"].clone();
    under_load(&visitor, "/slow?seconds=0.05", || {
        let before = boot();
        server.ok(&["restart", "rolling/web"]);
        eventually("the new instance answers", Duration::from_secs(60), || {
            let now = boot();
            if now == before { Err(format!("still {now}")) } else { Ok(()) }
        });
    });
    let version = || visitor.get("/health").ok().json()["version"].clone();
    let changed = second_version("rolling");
    under_load(&visitor, "/slow?seconds=0.05", || {
        assert!(version().is_null(), "the new version before its time");
        server.ok(&["deploy", "--project", "rolling", &changed.path().to_string_lossy()]);
        eventually("the new version answers", Duration::from_secs(60), || {
            let now = version();
            if now == 2 { Ok(()) } else { Err(format!("still {now}")) }
        });
    });
    assert_eq!(version(), 2);
    server.ok(&["down", "rolling"]);
}

/// Change something while visitors ask without pause, and leave none of them unanswered.
pub(crate) fn under_load(visitor: &Visitor, path: &str, change: impl FnOnce()) {
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = std::thread::scope(|s| {
        let loops: Vec<_> = (0..3)
            .map(|_| {
                let visitor = visitor.fresh();
                let (stop, done) = (&stop, &done);
                s.spawn(move || hammer(&visitor, path, stop, done))
            })
            .collect();
        // Loops that went on for ever would hide why the change failed.
        let stopper = Stop(&stop);
        change();
        std::thread::sleep(Duration::from_secs(1));
        drop(stopper);
        loops.into_iter().filter_map(|l| l.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "after {} good answers: {failed:?}", done.load(Ordering::Relaxed));
    assert!(done.load(Ordering::Relaxed) > 20, "the loop hardly ran");
}

pub(crate) fn trust(server: &Server) {
    let found = deploy(server, "trusting", "").get("/trust").ok().json();
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        assert!(found[name].as_u64() > Some(0), "{name} leads to no certificate: {found}");
    }
    server.ok(&["down", "trusting"]);
}

/// What the platform did is in the log, so many times.
#[track_caller]
pub(crate) fn logged(server: &Server, target: &str, event: &str, times: usize) {
    eventually(&format!("{event:?} is in the log {times} times"), Duration::from_secs(10), || {
        let log = server.ok(&["logs", target]);
        if log.matches(&format!(" * {event}")).count() == times { Ok(()) } else { Err(log) }
    });
}

pub(crate) fn logs(server: &Server) {
    let visitor = deploy(server, "chatty", "");
    let _ = visitor.get("/health?mark=first").ok();
    eventually("the line is in the log", Duration::from_secs(10), || {
        let out = server.ok(&["logs", "chatty/web"]);
        if out.contains("mark=first") { Ok(()) } else { Err(out) }
    });
    let out = server.ok(&["logs", "chatty/web", "--json", "--since", "10m"]);
    let line: serde_json::Value =
        serde_json::from_str(out.lines().next().expect("a line")).expect("JSON lines");
    assert!(line["text"].is_string() && line["at"].is_u64(), "{line}");
    let live =
        format!("deploy {} is live\"}}", server.service("chatty", "web")["deployment"].as_str().unwrap());
    assert_eq!(out.lines().filter(|l| l.contains("\"platform\"") && l.ends_with(&live)).count(), 1, "{out}");
    let follow = Command::new(binary())
        .args(["logs", "chatty", "-f", "--state"])
        .arg(&server.state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut follow = Killed(follow);
    let (tx, rx) = std::sync::mpsc::channel();
    let out = follow.0.stdout.take().unwrap();
    std::thread::spawn(move || {
        use std::io::BufRead;
        for line in std::io::BufReader::new(out).lines().map_while(Result::ok) {
            if tx.send(line).is_err() {
                break;
            }
        }
    });
    eventually("the follower sees a new line", Duration::from_secs(20), || {
        let _ = visitor.get("/health?mark=second").ok();
        match rx.recv_timeout(Duration::from_millis(500)) {
            Ok(line) if line.contains("mark=second") => Ok(()),
            Ok(line) => Err(line),
            Err(e) => Err(e.to_string()),
        }
    });
    drop(follow);
    server.ok(&["down", "chatty"]);
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
