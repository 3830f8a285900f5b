//! `kill -9`, at the worst moment, of everything that can be killed.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use dormouse_e2e::{Server, eventually, workspace};
use nix::sys::signal::{Signal, kill};
use tungstenite::Message;

use crate::toolbox::{deploy, hammer, logged};

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
    let live = server.wait_state("once", "web", "ready");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sandboxes(), before);
    logged(server, "once", &format!("deploy {} is live", live["deployment"].as_str().unwrap()), 1);
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
    logged(server, "patient", "asleep by `dormouse sleep`", 1);
    logged(server, "patient", "woken by a request in ", 1);
    server.ok(&["down", "patient"]);
}

/// Bug: a control that hung was left alone for ever. Sleepers stayed asleep, and deploys waited; and so was an edge.
pub(crate) fn hung(server: &Server) {
    let visitor = deploy(server, "stuck", "");
    let _ = visitor.post("/notes?text=kept").ok();
    server.ok(&["sleep", "stuck"]);
    server.wait_state("stuck", "web", "asleep");
    let pids = || ["control", "edge"].map(|role| server.pid_of(role));
    let before = pids();
    for pid in before {
        kill(pid, Signal::SIGSTOP).unwrap();
    }
    // It waits until both are there again.
    assert_eq!(visitor.fresh().get("/notes").ok().body, "[\"kept\"]");
    let after = pids();
    assert!(before.iter().zip(&after).all(|(old, new)| old != new), "{before:?} {after:?}");
    let told = server.log();
    assert_eq!(told.matches("it gives no sign of life; replacing it").count(), 2, "{told}");
    logged(server, "stuck", "woken by a request in ", 1);
    server.ok(&["down", "stuck"]);
}

pub(crate) fn kill_edge(server: &Server) {
    let visitor = deploy(server, "fronted", "");
    let pid = server.service("fronted", "web")["pid"].clone();
    kill_role(server, "edge");
    let _ = visitor.fresh().get("/health").ok();
    assert_eq!(server.service("fronted", "web")["pid"], pid);
    server.ok(&["down", "fronted"]);
}

/// Bug: until a killed edge was there again, calls between services were refused.
pub(crate) fn calls_over_kills(server: &Server) {
    const KILLS: usize = 8;
    const CALLERS: usize = 4;
    server.ok(&["deploy", "--project", "chaos", &workspace().join("bench/apps/chaos").to_string_lossy()]);
    let visitor = server.visit("chaos.localhost");
    for _ in 0..KILLS {
        kill_role(server, "edge");
        let _ = visitor.fresh().get("/").ok();
        std::thread::sleep(Duration::from_millis(1500));
    }
    let counted = visitor.fresh().get("/counted").ok().json();
    assert!(counted["sent"].as_u64().unwrap() > 500, "the loop hardly ran: {counted}");
    let failed = counted["failed"].as_array().unwrap();
    // What the killed ones carried is lost, and nothing else.
    assert!(failed.iter().all(|f| f[0] == "cut") && failed.len() <= KILLS * CALLERS, "{counted}");
    server.ok(&["down", "chaos"]);
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

pub(crate) fn kill_parent(server: &Server) {
    let visitor = deploy(server, "orphan", "");
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    server.kill_parent();
    assert_eq!(visitor.fresh().get("/whoami").ok().json()["boot"], boot, "nobody serves");
    server.start_again();
    server.wait_state("orphan", "web", "ready");
    let after = visitor.fresh().get("/whoami").ok().json()["boot"].clone();
    assert_eq!(after, boot, "the app was not adopted");
    server.ok(&["down", "orphan"]);
}

/// Bug: SIGTERM stopped every app, so that a restart of Dormouse threw all memory away.
pub(crate) fn restart(server: &Server) {
    let awake = deploy(server, "awake", "");
    let dozing = deploy(server, "dozing", "");
    let _ = dozing.post("/notes?text=kept").ok();
    server.ok(&["sleep", "dozing"]);
    let pids = |server: &Server| {
        let all = server.ps();
        let pid = |project: &str| all.iter().find(|s| s["project"] == project).unwrap()["pid"].clone();
        (pid("awake"), pid("dozing"))
    };
    let before = pids(server);
    server.leave();
    let told = server.log();
    assert!(told.contains("services of") && told.contains("run on without this server"), "{told}");
    server.start_again();
    assert_eq!(pids(server), before, "an app was started again");
    assert_eq!(server.service("dozing", "web")["state"], "asleep");
    assert_eq!(dozing.fresh().get("/notes").ok().body, "[\"kept\"]");
    let _ = awake.fresh().get("/health").ok();

    // Without a server they can be ended too.
    server.leave();
    let pid = before.0.as_u64().unwrap();
    assert!(alive(pid));
    let out = server.ok(&["down", "--all"]);
    assert!(out.contains("awake/web gone") && out.contains("dozing/web gone"), "{out}");
    assert!(!alive(pid), "it still runs");
    assert_eq!(server.ok(&["down", "--all"]), "nothing is deployed\n");
    server.start_again();
}

pub(crate) fn alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
