//! Deploys during which control is killed: they go on, and whoever asked for one is told how it ended.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use dormouse_e2e::{Server, binary};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tempfile::TempDir;

use crate::survival::kill_role;

/// Answers with the text beside it.
const APP: &str = "\
import http.server, os
http.server.HTTPServer(('', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()
";

/// The last phase of the build takes a while, and says when it begins.
const SLOW: &str = "import time\nprint('at work', flush=True)\ntime.sleep(2)\n";

fn folder(project: &str, install: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "name = \"{project}\"\n[services.web]\nsource = \".\"\nstart = \"python main.py\"\n{install}"
    );
    for (file, text) in
        [("dormouse.toml", manifest.as_str()), ("main.py", APP), ("slow.py", SLOW), ("requirements.txt", "")]
    {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// `deploy --json`, under way.
fn deploying(server: &Server, folder: &TempDir) -> Child {
    Command::new(binary())
        .args(["deploy", "--json", "--state"])
        .arg(&server.state)
        .arg(folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Bug: a client was told to start a server, or that it had been away, and a build began from nothing.
pub(crate) fn goes_on(server: &Server) {
    let folder = folder("cut", "install = [\"python slow.py\"]\n");
    let mut deploy = deploying(server, &folder);
    let mut lines = BufReader::new(deploy.stdout.take().unwrap()).lines().map(Result::unwrap);
    let before: Vec<_> = lines.by_ref().take_while(|line| !line.contains("at work")).collect();
    kill_role(server, "control");
    let after: Vec<Value> = lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
    let ended = deploy.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{error}\n{before:?}\n{after:?}");
    assert_eq!(after.last().unwrap()["event"], "done", "{after:?}");
    // What was done before is not done again.
    let phases = after.iter().filter(|e| e["event"] == "phase");
    let phases: Vec<_> = phases.map(|e| (e["name"].as_str().unwrap(), e["cached"] == true)).collect();
    let (last, done) = phases.split_last().unwrap();
    assert_eq!(*last, ("install", false));
    assert!(done.len() >= 3 && done.iter().all(|(_, cached)| *cached), "{phases:?}");
    let _ = server.visit("cut.localhost").get("/slow.py").ok();
    server.ok(&["down", "cut"]);
}

/// Wherever in a deploy, the upload included, a kill falls: the client ends with the deploy that serves, and says so.
pub(crate) fn twenty_four_kills() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start_in(state.path());
    let folder = folder("cut", "");
    // Sending it takes a part of the time.
    fs::write(folder.path().join("ballast"), vec![7; 64 << 20]).unwrap();
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    let visitor = server.visit("cut.localhost");
    let mut wrong = Vec::new();
    let version = |n: u32| {
        fs::write(folder.path().join("version.txt"), n.to_string()).unwrap();
        let began = Instant::now();
        (deploying(&server, &folder), began)
    };
    let (whole, began) = version(0);
    assert!(whole.wait_with_output().unwrap().status.success());
    let takes = began.elapsed();
    for n in 1..=24 {
        let (deploy, _) = version(n);
        std::thread::sleep(takes * n / 25);
        kill(server.pid_of("control"), Signal::SIGKILL).unwrap();
        let ended = deploy.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let is_done = said.lines().last().is_some_and(|line| line.contains("\"event\":\"done\""));
        let serves = visitor.fresh().get("/version.txt").body;
        if !ended.status.success() || !is_done || serves != n.to_string() {
            let error = String::from_utf8_lossy(&ended.stderr).into_owned();
            wrong.push(format!("{n}: {}, version {serves} serves: {error}\n{said}", ended.status));
        }
        // One that is killed in its first second is started again only after a pause.
        std::thread::sleep(Duration::from_millis(1200));
    }
    assert!(wrong.is_empty(), "{} of 24: {}", wrong.len(), wrong.join("\n"));
    server.stop();
}
