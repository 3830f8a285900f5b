//! A new server takes over from the one that runs, and nobody notices.

use std::{
    fs,
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use dormouse_e2e::{Server, Visitor, binary, eventually};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tungstenite::{Message, WebSocket};

use crate::{
    survival::alive,
    toolbox::{deploy, folder, hammer, under_load},
};

/// What visitors ask without pause.
const SLOW: &str = "/slow?seconds=0.05";

/// The same program elsewhere, as after an upgrade.
fn another_build() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dormouse");
    fs::copy(binary(), &path).unwrap();
    (folder, path)
}

fn echo(socket: &mut WebSocket<TcpStream>, text: &str) -> String {
    socket.send(Message::text(text)).unwrap();
    socket.read().unwrap().to_text().unwrap().to_owned()
}

/// The process of each service.
fn pids(server: &Server) -> Vec<(Value, Value)> {
    server.ps().into_iter().map(|s| (s["project"].clone(), s["pid"].clone())).collect()
}

/// Processes of this role: the one that serves, and any beside it.
fn all(server: &Server, role: &str) -> Vec<u64> {
    let records = fs::read_dir(&server.state).unwrap().map(|entry| entry.unwrap());
    let pid = |record: fs::DirEntry| {
        let name = record.file_name();
        let apart = name.to_str()?.strip_prefix(role)?.strip_suffix(".pid")?;
        if !apart.is_empty() && !apart.starts_with('-') {
            return None;
        }
        let record: Value = serde_json::from_slice(&fs::read(record.path()).ok()?).ok()?;
        record["pid"].as_u64().filter(|pid| alive(*pid))
    };
    records.filter_map(pid).collect()
}

/// Hand over from a server to this build, with everything under way that can be.
pub(crate) fn to(server: &Server, next: &Path) {
    let busy = deploy(server, "busy", "");
    let dozing = deploy(server, "dozing", "");
    let _ = dozing.post("/notes?text=kept").ok();
    let pair = folder(
        "name = \"pair\"\n[services.front]\nsource = \".\"\npublic = true\nport = 8000\n[services.back]\nsource = \".\"\nport = 8000\n",
    );
    server.ok(&["deploy", &pair.path().to_string_lossy()]);
    let pair = server.visit("pair.localhost");
    server.ok(&["sleep", "dozing"]);
    let mut ws = busy.websocket("/ws");
    assert_eq!(echo(&mut ws, "before"), "1:before");
    // Over a connection between two services that is kept.
    assert_eq!(pair.get("/ask?host=back&port=8000").ok().json()["host"], "back");
    let before = pids(server);

    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|s| {
        let between = s.spawn(|| hammer(&pair.fresh(), "/ask?host=back&port=8000", &stop, &done));
        let fresh = s.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // A new connection each time, between services too.
                if let Err(error) = pair.fresh().try_get("/fetch?url=http://back:8000/whoami") {
                    return Some(error.to_string());
                }
            }
            None
        });
        under_load(&busy, SLOW, || server.take_over(next));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(between.join().expect("no panic"), None, "after {} calls", done.load(Ordering::Relaxed));
        assert_eq!(fresh.join().expect("no panic"), None);
    });
    assert!(done.load(Ordering::Relaxed) > 20, "the calls hardly ran");

    assert_eq!(pids(server), before, "an app was started again");
    assert_eq!(echo(&mut ws, "after"), "2:after", "an open WebSocket was cut");
    assert_eq!(dozing.fresh().get("/notes").ok().body, "[\"kept\"]");

    // Two edges live: what sleeps under the old one wakes with its next byte.
    assert_eq!(all(server, "edge").len(), 2);
    for i in 0..3 {
        server.ok(&["sleep", "busy"]);
        server.wait_state("busy", "web", "asleep");
        assert_eq!(echo(&mut ws, "awake"), format!("{}:awake", 3 + i));
    }
    assert_eq!(pids(server), before);
    // The old edge ends with the last it carries.
    drop(ws);
    server.ok(&["down", "pair"]);
    eventually("the old edge ends", Duration::from_secs(30), || match all(server, "edge") {
        left if left.len() == 1 => Ok(()),
        left => Err(format!("{left:?}")),
    });
    server.ok(&["down", "busy"]);
    server.ok(&["down", "dozing"]);
}

pub(crate) fn under_way(server: &Server) {
    let (_kept, next) = another_build();
    to(server, &next);
}

/// What has to hold while and after a hand-over comes to nothing: not a request is lost, and no app.
struct Undisturbed<'a> {
    server: &'a Server,
    visitor: Visitor,
    pid: Value,
}

impl<'a> Undisturbed<'a> {
    fn new(server: &'a Server) -> Self {
        let visitor = deploy(server, "calm", "");
        Self { server, visitor, pid: server.service("calm", "web")["pid"].clone() }
    }

    fn during(&self, what: impl FnOnce()) {
        under_load(&self.visitor, SLOW, || {
            what();
            // Control is there too.
            eventually("control answers", Duration::from_secs(20), || {
                let out = self.server.run(&["ps"]);
                if out.status.success() { Ok(()) } else { Err(format!("{out:?}")) }
            });
        });
        assert_eq!(self.server.service("calm", "web")["pid"], self.pid, "the app was started again");
    }
}

impl Drop for Undisturbed<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.server.ok(&["down", "calm"]);
        }
    }
}

/// Start a successor, do something to it, and return what it said when it gave up; `None` when it took over.
fn attempt(server: &Server, meanwhile: impl FnOnce()) -> Option<String> {
    let from = server.log().len();
    let mut successor = server.successor(&binary());
    meanwhile();
    eventually("either goes", Duration::from_secs(60), || {
        if let Ok(Some(status)) = successor.try_wait() {
            assert!(!status.success());
            return Ok(true);
        }
        let ended = server.child(|predecessor| matches!(predecessor.try_wait(), Ok(Some(_))));
        if ended { Ok(false) } else { Err("both run".to_owned()) }
    })
    .then(|| server.log().split_off(from))
    .or_else(|| {
        server.child(|predecessor| *predecessor = successor);
        None
    })
}

pub(crate) fn broken_successor(server: &Server) {
    let undisturbed = Undisturbed::new(server);
    // A careless second one.
    undisturbed.during(|| {
        let said = server.fails(&["serve"]);
        assert!(said.contains("--take-over") && said.contains("dormouse deploy"), "{said}");
    });
    // One that does not understand its settings.
    let settings = server.state.join("server.toml");
    let before = fs::read(&settings).ok();
    undisturbed.during(|| {
        fs::write(&settings, "[swap]\nzrm = \"off\"\n").unwrap();
        let said = attempt(server, || {}).expect("refused");
        assert!(said.contains("zrm"), "{said}");
    });
    match before {
        Some(text) => fs::write(&settings, text).unwrap(),
        None => fs::remove_file(&settings).unwrap(),
    }
    // One whose control crashes.
    undisturbed.during(|| {
        let before = all(server, "control");
        let said = attempt(server, || kill_new(server, "control", &before)).expect("refused");
        assert!(said.contains("the control process ended before it served"), "{said}");
    });
    // One whose edge does. It is there so soon that it may be killed too late; and what it has in hand goes with it, so that
    // no load is on.
    let said = (0..10).find_map(|_| {
        let before = all(server, "edge");
        attempt(server, || kill_new(server, "edge", &before))
    });
    let said = said.expect("killed in time once");
    assert!(said.contains("the edge process ended before it served"), "{said}");
    undisturbed.during(|| {});
}

/// Kill the child of this role that a successor starts.
fn kill_new(server: &Server, role: &str, before: &[u64]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(pid) = all(server, role).into_iter().find(|pid| !before.contains(pid)) {
            kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
            return;
        }
    }
    panic!("no successor starts a {role}");
}

/// The successor dies at any moment, the predecessor at any moment, and two come at once.
pub(crate) fn deaths(server: &Server) {
    let undisturbed = Undisturbed::new(server);
    for after in [10, 40, 80, 120, 200, 300] {
        undisturbed.during(|| {
            let mut successor = server.successor(&binary());
            std::thread::sleep(Duration::from_millis(after));
            successor.kill().unwrap();
            successor.wait().unwrap();
            // Should the other have been told that a successor serves, it is about to end.
            std::thread::sleep(Duration::from_millis(300));
            server.child(|predecessor| {
                if matches!(predecessor.try_wait(), Ok(Some(_))) {
                    // Children of the dead one go on, and the next one takes over from them.
                    *predecessor = server.successor(&binary());
                }
            });
        });
    }
    for after in [10, 40, 80, 120, 200, 300] {
        undisturbed.during(|| {
            let successor = server.successor(&binary());
            std::thread::sleep(Duration::from_millis(after));
            server.kill_parent();
            server.child(|predecessor| *predecessor = successor);
        });
    }
    undisturbed.during(|| {
        let mut both = [server.successor(&binary()), server.successor(&binary())];
        // The second is turned away, or takes over from the first.
        let ended = eventually("one is left", Duration::from_secs(60), || {
            let gone = both.iter_mut().position(|child| matches!(child.try_wait(), Ok(Some(_))));
            gone.ok_or_else(|| "both run".to_owned())
        });
        let [first, second] = both;
        server.child(|predecessor| {
            predecessor.wait().unwrap();
            *predecessor = if ended == 0 { second } else { first };
        });
    });
}

/// Bug: the next server waited half a minute for an edge with an open WebSocket, and nobody was served.
pub(crate) fn orphaned_websocket(server: &Server) {
    let visitor = deploy(server, "orphan", "");
    let boot = visitor.get("/whoami").ok().json()["boot"].clone();
    let mut ws = visitor.websocket("/ws");
    assert_eq!(echo(&mut ws, "before"), "1:before");
    under_load(&visitor, SLOW, || {
        server.kill_parent();
        assert_eq!(echo(&mut ws, "orphaned"), "2:orphaned");
        let begun = Instant::now();
        server.start_again();
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    });
    assert_eq!(visitor.fresh().get("/whoami").ok().json()["boot"], boot, "the app was not adopted");
    assert_eq!(echo(&mut ws, "after"), "3:after", "an open WebSocket was cut");
    server.ok(&["sleep", "orphan"]);
    assert_eq!(echo(&mut ws, "awake"), "4:awake");
    drop(ws);
    server.ok(&["down", "orphan"]);
}

/// `systemctl reload`: the service manager learns who is the main process now.
pub(crate) fn service_manager(server: &Server) {
    let visitor = deploy(server, "managed", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut text = [0; 200];
        let n = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..n]).into_owned()
    };
    let mut second = 0;
    under_load(&visitor, SLOW, || {
        server.is_now(server.managed_successor(&binary(), Some(&path)));
        assert_eq!(told(), "READY=1");
        let first = server.pid();
        kill(first, Signal::SIGUSR2).unwrap();
        let main = told();
        second = main.strip_prefix("MAINPID=").expect(&main).parse().unwrap();
        assert_ne!(second, first.as_raw());
        assert_eq!(told(), "READY=1");
        assert!(alive(u64::from(i32::cast_unsigned(second))));
    });
    // That one is no child of ours; the next is.
    let third = server.successor(&binary());
    eventually("the second has handed over", Duration::from_secs(60), || {
        if alive(u64::from(i32::cast_unsigned(second))) { Err("it is there".to_owned()) } else { Ok(()) }
    });
    server.is_now(third);
    server.ok(&["down", "managed"]);
}
