//! `kill -9`, at the worst moment, of everything that can be killed.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use dormouse_e2e::{Server, eventually};
use nix::sys::signal::{Signal, kill};
use tungstenite::Message;

use crate::toolbox::{deploy, hammer};

/// Kill one of the two children and wait until another runs.
pub(crate) fn kill_role(server: &Server, role: &str) {
    let old = server.pid_of(role);
    kill(old, Signal::SIGKILL).unwrap();
    eventually(&format!("a new {role}"), Duration::from_secs(30), || {
        let new = server.pid_of(role);
        if new == old { Err(format!("still {old}")) } else { Ok(()) }
    });
}

pub(crate) fn kill_control(server: &Server) {
    let visitor = deploy(server, "steady", "");
    let mut ws = visitor.websocket("/ws");
    let pid = server.service("steady", "web")["pid"].clone();
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = std::thread::scope(|s| {
        let loops: Vec<_> = (0..2)
            .map(|_| {
                let visitor = visitor.fresh();
                let (stop, done) = (&stop, &done);
                s.spawn(move || hammer(&visitor, "/health", stop, done))
            })
            .collect();
        for _ in 0..3 {
            kill_role(server, "control");
            std::thread::sleep(Duration::from_millis(700));
        }
        server.wait_state("steady", "web", "ready");
        stop.store(true, Ordering::Relaxed);
        loops.into_iter().filter_map(|l| l.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "after {} good answers: {failed:?}", done.load(Ordering::Relaxed));
    assert!(done.load(Ordering::Relaxed) > 100, "the loop hardly ran");
    assert_eq!(server.service("steady", "web")["pid"], pid, "the app was started again");
    assert_eq!(visitor.get("/whoami").ok().json()["boot"], boot);
    ws.send(Message::text("still here")).unwrap();
    assert_eq!(ws.read().unwrap().to_text().unwrap(), "1:still here", "an open connection was cut");
    server.ok(&["down", "steady"]);
}

pub(crate) fn nothing_twice(server: &Server) {
    deploy(server, "once", "");
    let sandboxes = || std::fs::read_dir(server.state.join("run")).unwrap().count();
    let before = sandboxes();
    kill_role(server, "control");
    server.wait_state("once", "web", "ready");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sandboxes(), before);
    server.ok(&["down", "once"]);
}

pub(crate) fn wake_after_kill(server: &Server) {
    let visitor = deploy(server, "patient", "");
    let _ = visitor.post("/notes?text=kept").ok();
    server.ok(&["sleep", "patient"]);
    server.wait_state("patient", "web", "asleep");
    kill(server.pid_of("control"), Signal::SIGKILL).unwrap();
    // Control is away at this moment: the request waits for it, and is not refused.
    assert_eq!(visitor.fresh().get("/notes").ok().body, "[\"kept\"]");
    server.ok(&["down", "patient"]);
}

pub(crate) fn kill_edge(server: &Server) {
    let visitor = deploy(server, "fronted", "");
    let pid = server.service("fronted", "web")["pid"].clone();
    kill_role(server, "edge");
    let _ = visitor.fresh().get("/health").ok();
    assert_eq!(server.service("fronted", "web")["pid"], pid);
    server.ok(&["down", "fronted"]);
}

pub(crate) fn two_servers() {
    let (a, b) = (Server::start(), Server::start());
    assert_ne!(a.port, b.port);
    let out = Server::run(&a, &["serve", "--listen", "127.0.0.1:0"]);
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(error.contains("hint:"), "a second server on the same folder must say what to do:\n{error}");
    let one = deploy(&a, "same", "");
    let two = deploy(&b, "same", "");
    let (x, y) = (one.get("/whoami").ok().json(), two.get("/whoami").ok().json());
    assert_ne!(x["boot"], y["boot"]);
    drop(a);
    let _ = two.fresh().get("/health").ok();
}

pub(crate) fn kill_parent() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Server::start_in(folder.path());
    let visitor = deploy(&first, "orphan", "");
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    first.kill_parent();
    assert_eq!(visitor.fresh().get("/whoami").ok().json()["boot"], boot, "nobody serves");
    let second = Server::start_in(folder.path());
    second.wait_state("orphan", "web", "ready");
    let after = second.visit("orphan.localhost").get("/whoami").ok().json()["boot"].clone();
    assert_eq!(after, boot, "the app was not adopted");
}
