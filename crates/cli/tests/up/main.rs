//! `up` with a server of its own. This program plays both: started with arguments it is `dormouse`, whose `serve` is a
//! server that keeps to a script.
#![allow(missing_docs, reason = "a test")]

mod player;

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

fn main() -> ExitCode {
    if std::env::var_os(player::PART).is_some() {
        return player::dormouse();
    }
    let tests: &[(&str, fn())] = &[
        ("the_url_then_the_log_then_a_clean_stop", url_log_stop),
        ("a_server_that_cannot_start_says_why", cannot_start),
        ("a_server_that_dies_is_not_waited_for", dies),
        ("a_failed_deploy_ends_the_server", failed_deploy),
        ("a_second_interrupt_kills", stubborn),
        ("an_interrupted_deploy_goes_on_and_says_so", deploy_goes_on),
        ("an_interrupted_deploy_is_left_running", deploy_left),
        ("an_interrupted_deploy_is_cancelled", deploy_cancelled),
    ];
    dormouse_trials::run(None, tests)
}

struct Up {
    child: Child,
    out: BufReader<ChildStdout>,
    state: TempDir,
    _project: TempDir,
}

impl Up {
    fn start(part: &str) -> Self {
        let (state, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(project.path().join("requirements.txt"), "fastapi\n").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("up")
            .arg(project.path())
            .arg("--state")
            .arg(state.path().join("new"))
            .args(["--listen", "127.0.0.1:9999"])
            .env(player::PART, part)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, state, _project: project }
    }

    fn state(&self) -> std::path::PathBuf {
        self.state.path().join("new")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
    }

    /// Exit code and what is left on standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, err.replace(&self.state().display().to_string(), "STATE"))
    }

    /// Read standard error up to a line that holds this.
    fn read_to(&mut self, what: &str) {
        read_to(self.child.stderr.as_mut().unwrap(), what);
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended_cleanly(state: &Path) -> bool {
    state.join(player::CLEAN).exists()
}

fn url_log_stop() {
    let mut up = Up::start("good");
    assert_eq!(up.line(), "http://shop.localhost:9999");
    assert!(up.line().ends_with("web | listening"));
    assert!(!ended_cleanly(&up.state()));
    up.interrupt();
    let (code, err) = up.end();
    expect_test::expect![[r#"
        starting a server on 127.0.0.1:9999, with its state in STATE
        deploying shop as d7 (web)
        web  ready
        Ctrl-C stops it
        stopping the server; Ctrl-C now kills it
    "#]]
    .assert_eq(&err);
    assert_eq!(code, Some(0));
    assert!(ended_cleanly(&up.state()));
}

fn cannot_start() {
    let (code, err) = Up::start("broken").end();
    expect_test::expect![[r#"
        starting a server on 127.0.0.1:9999, with its state in STATE
        error: there is no room for a bridge
          hint: make some
    "#]]
    .assert_eq(&err);
    assert_eq!(code, Some(1));
}

fn dies() {
    let mut up = Up::start("dies");
    assert_eq!(up.line(), "http://shop.localhost:9999");
    let (code, err) = up.end();
    expect_test::expect![[r#"
        starting a server on 127.0.0.1:9999, with its state in STATE
        deploying shop as d7 (web)
        web  ready
        Ctrl-C stops it
        error: the server ended (signal: 9 (SIGKILL)); the last it said:
          | about to die
          hint: `dormouse doctor` tells what this machine lacks; the whole log is STATE/server.log
    "#]]
    .assert_eq(&err);
    assert_eq!(code, Some(1));
}

fn failed_deploy() {
    let mut up = Up::start("failing");
    let (code, err) = up.end();
    expect_test::expect![[r#"
        starting a server on 127.0.0.1:9999, with its state in STATE
        deploying shop as d7 (web)
        error: its build failed
        stopping the server; Ctrl-C now kills it
    "#]]
    .assert_eq(&err);
    assert_eq!(code, Some(1));
    assert!(ended_cleanly(&up.state()));
}

fn stubborn() {
    let mut up = Up::start("stubborn");
    assert_eq!(up.line(), "http://shop.localhost:9999");
    up.interrupt();
    up.read_to("stopping the server");
    up.interrupt();
    let (code, err) = up.end();
    assert!(err.contains("warning: killed"), "{err}");
    assert_eq!(code, Some(0));
    assert!(!ended_cleanly(&up.state()));
}

/// A server in which a build is under way, and a `deploy` that watches it.
struct Watching {
    server: Child,
    deploy: Child,
    state: TempDir,
    _project: TempDir,
}

impl Watching {
    /// `terminal` is what it has for standard input and error.
    fn start(terminal: Option<OwnedFd>) -> Self {
        let (state, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(project.path().join("requirements.txt"), "fastapi\n").unwrap();
        let dormouse = |args: &[&OsStr]| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(args).arg("--state").arg(state.path()).env(player::PART, "building");
            command
        };
        let server = dormouse(&["serve".as_ref()]).spawn().unwrap();
        while std::os::unix::net::UnixStream::connect(state.path().join("api.sock")).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mut deploy = dormouse(&["deploy".as_ref(), project.path().as_ref()]);
        match terminal {
            Some(fd) => deploy.stdin(fd.try_clone().unwrap()).stderr(fd),
            None => deploy.stdin(Stdio::null()).stderr(Stdio::piped()),
        };
        let deploy = deploy.stdout(Stdio::piped()).spawn().unwrap();
        Self { server, deploy, state, _project: project }
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(i32::try_from(self.deploy.id()).unwrap()), Signal::SIGINT).unwrap();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.deploy] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Read up to something; all that was read.
fn read_to(from: &mut impl Read, what: &str) -> String {
    let (mut seen, mut byte) = (String::new(), [0]);
    while !seen.contains(what) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "no {what:?} in {seen:?}");
        seen.push(char::from(byte[0]));
    }
    seen
}

const GOES_ON: &str = "d7 of shop goes on";

/// Bug: Ctrl-C ended the showing without a word, and the deploy went live.
fn deploy_goes_on() {
    let mut watching = Watching::start(None);
    let mut err = watching.deploy.stderr.take().unwrap();
    read_to(&mut err, "building\n");
    watching.interrupt();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    expect_test::expect![[r#"
        d7 of shop goes on
          hint: `dormouse logs --build d7` shows it, `dormouse cancel d7` ends it
    "#]]
    .assert_eq(&rest);
    assert_eq!(watching.deploy.wait().unwrap().code(), Some(130));
}

/// At a terminal, up to the question.
fn asked() -> (Watching, std::fs::File) {
    let pty = nix::pty::openpty(None, None).unwrap();
    let watching = Watching::start(Some(pty.slave));
    let mut keys = std::fs::File::from(pty.master);
    read_to(&mut keys, "building");
    watching.interrupt();
    read_to(&mut keys, "d7 goes on by itself: Ctrl-C again cancels it, Enter leaves it running");
    (watching, keys)
}

fn deploy_left() {
    let (mut watching, mut keys) = asked();
    keys.write_all(b"\n").unwrap();
    read_to(&mut keys, GOES_ON);
    assert_eq!(watching.deploy.wait().unwrap().code(), Some(130));
}

fn deploy_cancelled() {
    let (mut watching, mut keys) = asked();
    watching.interrupt();
    read_to(&mut keys, "cancelling d7");
    read_to(&mut keys, "cancelled");
    assert_eq!(watching.deploy.wait().unwrap().code(), Some(1));
    assert!(watching.state.path().exists());
}
