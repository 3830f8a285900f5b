//! A server of our own, ended with the command that started it.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use dormouse_api::{Client, ServerInfo};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};

use crate::{settings::Settings, stop::Stop, streams::Streams};

/// How many ports after the default are tried when it is taken.
const PORTS: u16 = 50;

/// Time the server gets until it answers: it may have to set up swap first.
const START: Duration = Duration::from_secs(120);

/// Pause between two questions whether it is up.
const POLL: Duration = Duration::from_millis(50);

/// Lines of its log shown when it ends unasked.
const TAIL: usize = 12;

/// `dormouse serve` as a child, in a process group of its own so that Ctrl-C reaches only us.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    /// Where in the log this run begins.
    log_from: u64,
}

impl Server {
    /// Start one on this address. Its apps end with it: they are ours too.
    pub(crate) fn start(settings: &Settings, listen: SocketAddr) -> Result<Self> {
        // Sandboxed root must be able to pass through the folder.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(&settings.state)
            .with_context(|| format!("cannot create the state folder {}", settings.state.display()))?;
        let log = settings.state.join("server.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let log_from = file.metadata()?.len();
        let exe = std::env::current_exe().context("cannot find our own program")?;
        let child = Command::new(exe)
            .arg("serve")
            .arg("--state")
            .arg(&settings.state)
            .arg("--listen")
            .arg(listen.to_string())
            .arg("--stop-apps")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .context("cannot start the server")?;
        Ok(Self { child, log, log_from })
    }

    /// Wait until it answers.
    pub(crate) async fn ready(&mut self, client: &Client) -> Result<ServerInfo> {
        let answers = async {
            loop {
                if let Ok(info) = client.server().await {
                    return info;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            info = answers => Ok(info),
            status = self.child.wait() => Err(self.ended(status?)),
            () = tokio::time::sleep(START) => {
                bail!("the server does not answer after {} s\n  hint: see {}", START.as_secs(), self.log.display())
            }
        }
    }

    /// Wait until it ends, which it should not do by itself.
    pub(crate) async fn unexpected_end(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => self.ended(status),
            Err(e) => e.into(),
        }
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        if status.success() {
            return anyhow::anyhow!(
                "the server has ended: it was stopped, or another one took over from it\n  hint: `dormouse ps` tells whether one serves, and `dormouse down --all` ends the apps"
            );
        }
        let text = self.run_log();
        // What it said about its own failure is the best explanation; hints included.
        if let Some(at) = text.rfind("error: ") {
            return anyhow::anyhow!("{}", text[at + "error: ".len()..].trim_end().to_owned());
        }
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n  | ");
        anyhow::anyhow!(
            "the server ended ({status}); the last it said:\n  | {tail}\n  hint: `dormouse doctor` tells what this machine lacks; the whole log is {}",
            self.log.display()
        )
    }

    fn run_log(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut f| {
            f.seek(SeekFrom::Start(self.log_from))?;
            f.read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).into_owned(),
            Err(e) => format!("cannot read {}: {e}", self.log.display()),
        }
    }

    /// Ask it to end and wait for it; asked once more, kill it.
    pub(crate) async fn end(
        &mut self,
        settings: &Settings,
        stop: &mut Stop,
        streams: &mut Streams,
    ) -> Result<()> {
        if !self.ask_to_end() {
            return Ok(());
        }
        settings.say(streams, "stopping the server; Ctrl-C now kills it")?;
        tokio::select! {
            status = self.child.wait() => {
                let status = status?;
                if !status.success() {
                    streams.warning(&format!("the server did not end cleanly ({status}); see {}", self.log.display()))?;
                }
            }
            _ = stop.wanted() => {
                self.kill();
                self.child.wait().await?;
                streams.warning("killed; what it left behind is taken over by the next server, or ended by it")?;
            }
        }
        Ok(())
    }

    /// Ask it to end: it stops every app first. False when it has ended already.
    fn ask_to_end(&self) -> bool {
        // It may end by itself just now.
        self.pid().is_some_and(|pid| kill(pid, Signal::SIGTERM).is_ok())
    }

    /// End it and its children at once. Apps may stay behind; the next server takes them over.
    fn kill(&self) {
        if let Some(pid) = self.pid() {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }
}

/// The address asked for, or the first free port from the default on.
pub(crate) fn free_address(settings: &Settings) -> Result<SocketAddr> {
    if settings.listen_given {
        return Ok(settings.listen);
    }
    let first = settings.listen.port();
    for port in first..first.saturating_add(PORTS) {
        let address = SocketAddr::new(settings.listen.ip(), port);
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!(
        "no port from {first} to {} is free on {}\n  hint: choose one with --listen",
        first + PORTS - 1,
        settings.listen.ip()
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dormouse_model::manifest::NoLanguages;

    use super::*;

    #[test]
    fn the_next_free_port_unless_one_was_asked_for() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = taken.local_addr().unwrap();
        let mut settings = Settings {
            state: "/nowhere".into(),
            listen,
            listen_given: true,
            json: false,
            languages: &NoLanguages,
        };
        assert_eq!(free_address(&settings).unwrap(), listen);
        settings.listen_given = false;
        let found = free_address(&settings).unwrap();
        assert!(found.port() > listen.port(), "{found}");
    }
}
