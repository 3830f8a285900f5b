//! A real server, in a folder of its own.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Visitor, eventually};

/// The repository's root.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace").to_owned()
}

/// Where cargo builds.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The release binary, which people run: `DORMOUSE_BIN`, or the one in the target folder, built when it is missing.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("DORMOUSE_BIN") {
        return path.into();
    }
    let path = target().join("release/dormouse");
    if !path.exists() {
        let built = Command::new("cargo")
            .args(["build", "--release", "--package", "dormouse-daemon"])
            .current_dir(workspace())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "cannot build the release binary");
    }
    path
}

/// `dormouse serve`, until dropped.
pub struct Server {
    /// Its state folder.
    pub state: PathBuf,
    /// The port its edge listens on.
    pub port: u16,
    child: Mutex<Child>,
    /// Whether nothing of it is left to end.
    ended: AtomicBool,
    _folder: Option<TempDir>,
}

impl Server {
    /// Start one in a new folder.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("dormouse-").tempdir().expect("a temporary folder");
        let mut server = Self::start_in(folder.path());
        server._folder = Some(folder);
        server
    }

    /// Start one in this folder, which may hold an earlier one's state.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_in(state: &Path) -> Self {
        Self::start_of(&binary(), state)
    }

    /// Start one of this binary, which may be another release's. Commands come from the release that is tested, as they do
    /// from whoever has installed it and not started it yet.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_of(binary: &Path, state: &Path) -> Self {
        let port = free_port();
        let child = serve(binary, state, port, &[], None);
        let server = Self {
            state: state.to_owned(),
            port,
            child: Mutex::new(child),
            ended: AtomicBool::new(false),
            _folder: None,
        };
        server.wait_until_it_answers();
        server
    }

    /// Start one again in the same folder and on the same port, after this one was left or killed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let before = self.log().len();
        *self.process() = serve(&binary(), &self.state, self.port, &[], None);
        // Until it serves, a control that a killed parent left may answer, and end in the middle of it: our own is written
        // down before that one is ended.
        eventually("the server serves", Duration::from_secs(60), || {
            let said = self.log().split_off(before);
            if said.contains("serving state=") { Ok(()) } else { Err(said) }
        });
        self.wait_until_it_answers();
    }

    /// Have a server of this binary take over from this one, and wait until that has ended by itself.
    ///
    /// # Panics
    /// When it does not take over.
    pub fn take_over(&self, binary: &Path) {
        self.is_now(self.successor(binary));
    }

    /// Start a server of this binary that is to take over from this one. What it writes goes where this one's does, but for
    /// the error it ends with.
    #[must_use]
    pub fn successor(&self, binary: &Path) -> Child {
        self.managed_successor(binary, None)
    }

    /// The same, under a service manager that listens on this socket.
    #[must_use]
    pub fn managed_successor(&self, binary: &Path, manager: Option<&Path>) -> Child {
        serve(binary, &self.state, self.port, &["--take-over"], manager)
    }

    /// Wait until the server has ended by itself, and have this one be it.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn is_now(&self, successor: Child) {
        let mut successor = Some(successor);
        eventually("the server hands over", Duration::from_secs(60), || {
            let mut child = self.process();
            match child.try_wait().expect("it is ours") {
                Some(status) if status.success() => {
                    *child = successor.take().expect("set once");
                    Ok(())
                }
                other => Err(format!("{other:?}; it wrote:\n{}", self.log())),
            }
        });
        self.wait_until_it_answers();
    }

    /// Look at the server's process, or have another one be it from now on.
    pub fn child<T>(&self, with: impl FnOnce(&mut Child) -> T) -> T {
        with(&mut self.process())
    }

    fn wait_until_it_answers(&self) {
        eventually("the server answers", Duration::from_secs(60), || {
            let out = self.run(&["ps", "--json"]);
            if out.status.success() { Ok(()) } else { Err(text(&out.stderr)) }
        });
    }

    /// Run a command against this server.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(binary())
            .args(args)
            .arg("--state")
            .arg(&self.state)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .expect("dormouse runs")
    }

    /// Run a command that must succeed; its standard output.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(
            out.status.success(),
            "dormouse {args:?} failed:\n{}{}",
            text(&out.stdout),
            text(&out.stderr)
        );
        text(&out.stdout)
    }

    /// Run a command that must fail; its standard error.
    ///
    /// # Panics
    /// When it succeeds.
    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(!out.status.success(), "dormouse {args:?} succeeded:\n{}", text(&out.stdout));
        text(&out.stdout) + &text(&out.stderr)
    }

    /// Every service, as `ps --json` shows it.
    ///
    /// # Panics
    /// When it is not the array that is promised.
    #[must_use]
    pub fn ps(&self) -> Vec<Value> {
        let out = self.ok(&["ps", "--json"]);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("ps --json is not an array: {e}\n{out}"))
    }

    /// One service of `ps`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn service(&self, project: &str, service: &str) -> Value {
        let all = self.ps();
        all.iter()
            .find(|s| s["project"] == project && s["service"] == service)
            .unwrap_or_else(|| panic!("{project}/{service} is not in ps: {all:?}"))
            .clone()
    }

    /// Wait until a service is in this state.
    #[track_caller]
    pub fn wait_state(&self, project: &str, service: &str, state: &str) -> Value {
        eventually(&format!("{project}/{service} is {state}"), Duration::from_secs(90), || {
            let s = self.service(project, service);
            if s["state"] == state { Ok(s) } else { Err(s.to_string()) }
        })
    }

    /// A visitor of a public host of this server.
    #[must_use]
    pub fn visit(&self, host: &str) -> Visitor {
        Visitor::new(self.port, host)
    }

    /// The process id of one of its two children, `control` or `edge`.
    ///
    /// # Panics
    /// When it is not running.
    #[must_use]
    pub fn pid_of(&self, role: &str) -> Pid {
        eventually(&format!("{role} runs"), Duration::from_secs(30), || {
            let path = self.state.join(format!("{role}.pid"));
            let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
            let process: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            let pid = process["pid"].as_i64().and_then(|p| p.try_into().ok()).ok_or(text)?;
            Ok(Pid::from_raw(pid))
        })
    }

    /// The process id of the parent.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process().id()).expect("a process id"))
    }

    /// What the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("serve.log")).unwrap_or_default()
    }

    /// Stop it and wait until it has gone. Its apps run on.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn leave(&self) {
        let _ = kill(self.pid(), Signal::SIGTERM);
        let status = self.process().wait().expect("it ends");
        assert!(status.success(), "serve ended with {status}:\n{}", self.log());
    }

    /// End its apps, then stop it: nothing is left.
    ///
    /// # Panics
    /// When either does not end well.
    pub fn stop(&self) {
        self.ok(&["down", "--all"]);
        self.leave();
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Kill the parent, and only it, with no chance to clean up.
    pub fn kill_parent(&self) {
        let mut child = self.process();
        let _ = child.kill();
        let _ = child.wait();
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::Relaxed) {
            // Also the apps of a server that has ended.
            let down = self.run(&["down", "--all"]);
            if !down.status.success() {
                eprintln!("apps may be left behind:\n{}", text(&down.stderr));
            }
            let running = matches!(self.process().try_wait(), Ok(None));
            if running {
                let _ = kill(self.pid(), Signal::SIGTERM);
                let _ = self.process().wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("--- what the server wrote ---\n{}", self.log());
        }
    }
}

/// `dormouse serve` of this binary, writing to `serve.log` in its state folder.
fn serve(binary: &Path, state: &Path, port: u16, more: &[&str], manager: Option<&Path>) -> Child {
    let log = File::options().create(true).append(true).open(state.join("serve.log")).expect("a log");
    Command::new(binary)
        .arg("serve")
        .arg("--state")
        .arg(state)
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .args(more)
        .envs(manager.map(|socket| ("NOTIFY_SOCKET", socket)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("dormouse serve starts")
}

pub(crate) fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("its address").port()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
