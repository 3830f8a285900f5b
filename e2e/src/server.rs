//! A real server, in a folder of its own.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
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
    child: Child,
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
        let port = free_port();
        let log = File::options().create(true).append(true).open(state.join("serve.log")).expect("a log");
        let child = Command::new(binary())
            .arg("serve")
            .arg("--state")
            .arg(state)
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("dormouse serve starts");
        let server = Self { state: state.to_owned(), port, child, _folder: None };
        eventually("the server answers", Duration::from_secs(60), || {
            let out = server.run(&["ps", "--json"]);
            if out.status.success() { Ok(()) } else { Err(text(&out.stderr)) }
        });
        server
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
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// What the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("serve.log")).unwrap_or_default()
    }

    /// Stop it as Ctrl-C does, and wait until it has gone.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) {
        let _ = kill(self.pid(), Signal::SIGTERM);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "serve ended with {status}:\n{}", self.log());
    }

    /// Kill the parent, and only it, with no chance to clean up.
    pub fn kill_parent(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill(self.pid(), Signal::SIGTERM);
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- what the server wrote ---\n{}", self.log());
        }
    }
}

pub(crate) fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("its address").port()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
