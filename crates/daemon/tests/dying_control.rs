//! What `serve` says of a control that dies before it can say anything.
#![allow(missing_docs, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

/// Bug: it was started again for ever, and nobody was told anything.
#[test]
fn a_control_that_dies_at_its_start_is_told_of() {
    let state = tempfile::tempdir().unwrap();
    // It waits here until it is killed.
    mkfifo(&state.path().join("dormouse.db"), Mode::S_IRWXU).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(state.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let killed = kill_children(&mut server);
    let mut said = String::new();
    server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!server.wait().unwrap().success());
    for part in ["the control process ended before it served, 5 times in a row: SIGABRT", "hint: "] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(killed, 5, "{said}");
}

/// Kill each child of a server, until that has ended; how many.
fn kill_children(server: &mut Child) -> usize {
    let children = format!("/proc/{0}/task/{0}/children", server.id());
    let (mut killed, start) = (BTreeSet::new(), Instant::now());
    while server.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(120) {
            server.kill().unwrap();
            panic!("it goes on for ever; killed so far: {}", killed.len());
        }
        for pid in fs::read_to_string(&children).unwrap_or_default().split_whitespace() {
            let name = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if name.contains("control") && killed.insert(pid.to_owned()) {
                kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGABRT).unwrap();
            }
        }
        sleep(Duration::from_millis(10));
    }
    killed.len()
}
