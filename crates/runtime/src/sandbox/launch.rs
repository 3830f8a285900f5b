//! The server's side of starting a sandbox.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    process::Stdio,
    sync::Arc,
};

use dormouse_model::ExitStatus;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{ChildStderr, ChildStdout, Command},
};

use super::{
    SandboxError,
    wire::{Go, Launch, MARK, Message, framed},
};
use crate::cgroup::Group;

/// A sandbox whose command runs.
pub(crate) struct Launched {
    /// Its init, as the host numbers it.
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    /// The loop device of its disk.
    pub(crate) disk: Option<u32>,
    line: Line,
    /// Its output, when it was not given a log.
    pub(crate) output: Option<(ChildStdout, ChildStderr)>,
}

impl Launched {
    /// How the command ended; [`ExitStatus::Lost`] when the init could not say.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        match self.line.next().await {
            Ok(Some(Message::Ended(status))) => status,
            Ok(_) | Err(_) => ExitStatus::Lost,
        }
    }
}

/// The socket to the child. Dropping it before the command runs ends the child.
struct Line {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    /// What it has told of its disk.
    disk: Option<u32>,
}

impl Line {
    /// The next message but those about the disk, which come at any time before the command runs.
    async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            match serde_json::from_str(&line)? {
                Message::Disk(device) => self.disk = Some(device),
                other @ (Message::Created(_)
                | Message::Failed { .. }
                | Message::ExecFailed(_)
                | Message::Started
                | Message::Ended(_)) => return Ok(Some(other)),
            }
        }
    }
}

/// Kills the init unless told that all is well.
struct Kill<'a>(Option<&'a OwnedFd>);

impl Drop for Kill<'_> {
    fn drop(&mut self) {
        if let Some(pidfd) = self.0 {
            pidfd_send_signal(pidfd, Signal::KILL).ok();
        }
    }
}

/// Start a sandbox in `group`. `connect` is given its network namespace before the command runs, and may still say who
/// answers its name lookups. A dropped future leaves no process behind.
pub(crate) async fn launch<F>(
    launch: &Launch,
    group: &Arc<dyn Group>,
    connect: impl FnOnce(OwnedFd) -> F + Send,
) -> Result<Launched, SandboxError>
where
    F: Future<Output = Result<Go, SandboxError>> + Send,
{
    let (ours, theirs) = StdStream::pair().map_err(|e| SandboxError::host("making a socket", e))?;
    let piped = || if launch.record.is_none() { Stdio::piped() } else { Stdio::null() };
    let mut child = Command::new("/proc/self/exe")
        .arg0(MARK)
        .stdin(OwnedFd::from(theirs))
        .stdout(piped())
        .stderr(piped())
        .env_clear()
        .current_dir("/")
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| SandboxError::host("starting the sandbox's process", e))?;
    let output = child.stdout.take().zip(child.stderr.take());
    let mut line = open(ours).map_err(|e| SandboxError::host("opening the sandbox's socket", e))?;
    send(&mut line, launch).await.map_err(|e| SandboxError::host("describing the sandbox", e))?;

    let pid = match line.next().await {
        Ok(Some(Message::Created(pid))) => pid,
        other => return Err(refused(other, launch)),
    };
    let pidfd = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("not a process id"))
        .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?))
        .map_err(|e| SandboxError::host("opening the sandbox's process", e))?;
    let mut kill = Kill(Some(&pidfd));
    let netns = std::fs::File::open(format!("/proc/{pid}/ns/net"))
        .map_err(|e| SandboxError::host("opening the sandbox's network", e))?;
    let join = {
        let group = group.clone();
        async move {
            tokio::task::spawn_blocking(move || group.add(pid))
                .await
                .unwrap_or_else(|e| Err(io::Error::other(e)))
                .map_err(|e| SandboxError::host("joining the sandbox's control groups", e))
        }
    };
    // A child that has failed meanwhile has said why, which tells more than our own failure to reach it.
    let go = match tokio::try_join!(join, connect(netns.into())) {
        Ok(((), go)) => go,
        Err(e) => {
            line.to.shutdown().await.ok();
            return Err(match line.next().await {
                Ok(Some(Message::Failed { what, errno })) => failed(what, errno),
                Ok(_) | Err(_) => e,
            });
        }
    };
    // A child that has left meanwhile has said why.
    send(&mut line, &go).await.ok();
    match line.next().await {
        Ok(Some(Message::Started)) => {}
        other => return Err(refused(other, launch)),
    }
    kill.0 = None;
    drop(kill);
    // The outer process has left or is leaving; nobody else would reap it.
    tokio::spawn(async move { child.wait().await });
    Ok(Launched { pid, pidfd, disk: line.disk, line, output })
}

fn open(socket: StdStream) -> io::Result<Line> {
    socket.set_nonblocking(true)?;
    let (from, to) = UnixStream::from_std(socket)?.into_split();
    Ok(Line { from: BufReader::new(from), to, disk: None })
}

async fn send(line: &mut Line, what: &impl Serialize) -> io::Result<()> {
    line.to.write_all(&framed(what)?).await
}

fn failed(what: String, errno: i32) -> SandboxError {
    let source = match errno {
        0 => io::Error::other("the sandbox's process refused"),
        errno => io::Error::from_raw_os_error(errno),
    };
    SandboxError::Host { what, source }
}

fn refused(got: io::Result<Option<Message>>, launch: &Launch) -> SandboxError {
    let unexpected = |e| SandboxError::host("starting a sandbox", e);
    match got {
        Ok(Some(Message::Failed { what, errno })) => failed(what, errno),
        Ok(Some(Message::ExecFailed(why))) => {
            SandboxError::Exec { command: launch.argv.first().cloned().unwrap_or_default(), why }
        }
        Ok(Some(Message::Created(_) | Message::Disk(_) | Message::Started | Message::Ended(_))) => {
            unexpected(io::Error::other("the sandbox's process spoke out of turn"))
        }
        Ok(None) => unexpected(io::Error::other(
            "its process ended without a word\n  hint: `main` must call become_sandbox_if_asked first",
        )),
        Err(e) => unexpected(e),
    }
}
