//! The two children: started, heard, reaped, started again, and ended.

use std::{
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use command_fds::{CommandFdExt, FdMapping};
use dormouse_control::Ballast;
use dormouse_model::Door;
use dormouse_runtime::Process;
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tracing::{error, info, warn};

use super::{
    ended::{How, not_started},
    held::Held,
    pulse::{Pulse, patience},
    sockets::Sockets,
};
use crate::{
    clock::ENV_CLOCK,
    given::Purpose,
    line::{Downward, FromChild, ToChild},
    records,
    role::Role,
    settings::{ENV_LISTEN, ENV_STATE, ENV_STOP_APPS},
    state::StateDir,
};

/// A child that lives shorter than this is restarted only after a pause of this length.
pub(super) const STEADY: Duration = Duration::from_secs(1);

/// How long the children get to end: control may stop every app (each with its own grace), the edge finishes requests.
const END_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a control that leaves its apps alone may take to end.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How far a child has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Started,
    Prepared,
    Serving,
}

struct Child {
    role: Role,
    pid: Pid,
    started: Instant,
    line: Downward,
    stage: Stage,
    pulse: Pulse,
}

impl Child {
    /// Hear what it says. Returns why it cannot do its work, if it says so.
    fn hear(&mut self, held: &mut Held, waits: bool, trial: bool) -> Option<String> {
        let mut failed = None;
        for word in self.line.words() {
            self.pulse.heard();
            match word {
                FromChild::Prepared => {
                    self.stage = Stage::Prepared;
                    if !waits {
                        self.line.say(&ToChild::Go);
                    }
                }
                FromChild::Serving => {
                    self.stage = Stage::Serving;
                    if !trial {
                        self.line.say(&ToChild::Open);
                    }
                }
                FromChild::Alive => {}
                FromChild::Keeps { door, addr } => {
                    if let Some(socket) = self.line.next_attached() {
                        held.keep(door, addr, socket);
                    }
                }
                FromChild::LetsGo { door, addr } => held.let_go(door, addr),
                FromChild::Failed { why } => failed = Some(why),
            }
        }
        failed
    }
}

/// A child that has ended, and how.
pub(super) struct Ended {
    pub(super) role: Role,
    pub(super) how: How,
    /// What it said about it.
    pub(super) why: Option<String>,
}

pub(super) struct Family<'a> {
    state: &'a StateDir,
    sockets: &'a Sockets,
    stop_apps: bool,
    children: Vec<Child>,
    /// Sockets between services, for the next edge.
    held: Held,
    /// Whether a control that is prepared has to wait.
    waits: bool,
    /// Whether the children have yet to prove themselves, beside those of a server that serves.
    trial: bool,
}

impl<'a> Family<'a> {
    pub(super) fn new(state: &'a StateDir, sockets: &'a Sockets, stop_apps: bool) -> Self {
        let (children, held) = (Vec::new(), Held::default());
        Self { state, sockets, stop_apps, children, held, waits: false, trial: false }
    }

    /// The children have yet to prove themselves, beside those of a server that serves.
    pub(super) fn on_trial(&mut self) {
        self.trial = true;
    }

    /// Control is to wait until it is let go.
    pub(super) fn hold(&mut self) {
        self.waits = true;
    }

    /// What an edge before ours listens on between services.
    pub(super) fn hold_for_edge(&mut self, borrowed: Vec<(Door, OwnedFd)>) {
        self.held = Held::taken(borrowed);
    }

    pub(super) fn start(&mut self, role: Role) -> Result<()> {
        // For the child too, which begins with files of its own.
        Ballast::of(self.state.root()).lend();
        // Our own program, also when its file has been replaced since by a newer one.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("dormouse")
            .arg(role.name())
            .env(ENV_STATE, self.state.root())
            .env(ENV_LISTEN, self.sockets.listen.to_string())
            .env(ENV_CLOCK, dormouse_model::clock::boot().0.to_string())
            // One heap for all threads: several would each keep what a burst of work left free (mallopt(3)).
            .env("MALLOC_ARENA_MAX", "1");
        if self.stop_apps {
            command.env(ENV_STOP_APPS, "1");
        } else {
            command.env_remove(ENV_STOP_APPS);
        }
        let (line, theirs) = Downward::pair().context("cannot make a line to a child")?;
        let mut given = vec![(Purpose::Parent, theirs.into())];
        given.extend(self.sockets.for_role(role)?);
        if role == Role::Edge {
            given.extend(self.held.duplicates());
        }
        // The number, place and names of inherited sockets follow systemd's protocol (sd_listen_fds(3)).
        let names: Vec<_> = given.iter().map(|(purpose, _)| purpose.name()).collect();
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command.env_remove("LISTEN_PID");
        let fds = given.into_iter().map(|(_, fd)| fd);
        let mappings =
            (3..).zip(fds).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).context("cannot hand the sockets on")?;
        // A Ctrl-C at the terminal is for the parent alone: it ends its children in order.
        command.process_group(0);
        let child = command.spawn().map_err(|error| anyhow!(not_started(role, &error)))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("process id out of range")?);
        let started = Instant::now();
        self.children.push(Child {
            role,
            pid,
            started,
            line,
            stage: Stage::Started,
            pulse: Pulse::new(started),
        });
        info!(role = role.name(), %pid, "started");
        let recorded = records::remember(self.state, role, pid);
        let recorded =
            recorded.and_then(|()| if self.trial { Ok(()) } else { records::promote(self.state, role, pid) });
        if let Err(error) = recorded {
            warn!(role = role.name(), "were this process killed now, that one would not be found: {error:#}");
        }
        Ok(())
    }

    /// Start what is not there; whether everything is.
    pub(super) fn restart_missing(&mut self, roles: &[Role]) -> bool {
        let mut all = true;
        for role in roles {
            if self.child(*role).is_some() {
                continue;
            }
            if let Err(error) = self.start(*role) {
                error!(role = role.name(), "cannot start it; trying again: {error:#}");
                all = false;
            }
        }
        all
    }

    /// Lines on which a child may say something.
    pub(super) fn lines(&self) -> Vec<BorrowedFd<'_>> {
        self.children.iter().map(|child| child.line.as_fd()).collect()
    }

    /// Hear what the children say. Returns those that cannot do their work, and why.
    pub(super) fn hear(&mut self) -> Vec<(Role, String)> {
        let Self { children, held, waits, trial, .. } = self;
        let failed = children.iter_mut().filter_map(|c| Some((c.role, c.hear(held, *waits, *trial)?)));
        failed.collect()
    }

    /// Kill children that give no sign of life. Their end is noticed like any other, and others are started.
    pub(super) fn kill_silent(&mut self) {
        let now = Instant::now();
        for child in &mut self.children {
            if child.stage == Stage::Prepared && self.waits {
                // There is nothing it could do.
                child.pulse = Pulse::new(now);
                continue;
            }
            let silent = child.pulse.look(now);
            if silent < patience(child.role, child.stage) {
                continue;
            }
            let (role, pid, seconds) = (child.role.name(), child.pid, silent.as_secs());
            error!(role, %pid, seconds, "it gives no sign of life; replacing it");
            if let Err(error) = kill(child.pid, Signal::SIGKILL) {
                warn!(role, %pid, %error, "cannot kill it");
            }
            // One that cannot die yet is told of once more.
            child.pulse = Pulse::new(now);
        }
    }

    /// Let a control that waits go on, and all that come after it.
    pub(super) fn let_go(&mut self) {
        self.waits = false;
        let waiting = self.children.iter().filter(|child| child.stage == Stage::Prepared);
        waiting.for_each(|child| child.line.say(&ToChild::Go));
    }

    pub(super) fn stage(&self, role: Role) -> Option<Stage> {
        self.child(role).map(|child| child.stage)
    }

    /// A child has proven itself: on disk, it is the one of its role from now on.
    pub(super) fn promote(&self, role: Role) {
        let Some(child) = self.child(role) else { return };
        if let Err(error) = records::promote(self.state, role, child.pid) {
            warn!(role = role.name(), "{error:#}");
        }
    }

    /// All have.
    pub(super) fn trial_is_over(&mut self) {
        Role::ALL.iter().for_each(|role| self.promote(*role));
        if std::mem::take(&mut self.trial) {
            let serving = self.children.iter().filter(|child| child.stage == Stage::Serving);
            serving.for_each(|child| child.line.say(&ToChild::Open));
        }
    }

    /// Collect everything that has ended: our two children, and sandboxes that outlived an earlier control.
    pub(super) fn reap(&mut self) -> Vec<Ended> {
        let mut all = Vec::new();
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => all.extend(self.ended(pid, How::Code(code))),
                Ok(WaitStatus::Signaled(pid, signal, _)) => all.extend(self.ended(pid, How::Signal(signal))),
                Err(Errno::EINTR) => {}
                Ok(WaitStatus::StillAlive) | Err(_) => return all,
                Ok(
                    WaitStatus::Stopped(..)
                    | WaitStatus::Continued(_)
                    | WaitStatus::PtraceEvent(..)
                    | WaitStatus::PtraceSyscall(_),
                ) => {}
            }
        }
    }

    fn ended(&mut self, pid: Pid, how: How) -> Option<Ended> {
        let i = self.children.iter().position(|c| c.pid == pid)?;
        let mut child = self.children.swap_remove(i);
        // What it said last counts too: what it listened on is for the next one.
        let why = child.hear(&mut self.held, self.waits, self.trial);
        records::forget(self.state, child.role, pid);
        warn!(role = child.role.name(), %pid, %how, why, "a process ended");
        if child.started.elapsed() < STEADY && !self.trial {
            error!(role = child.role.name(), "it ended right after its start; pausing");
            std::thread::sleep(STEADY);
        }
        Some(Ended { role: child.role, how, why })
    }

    /// End a child and wait for it.
    pub(super) fn end(&mut self, role: Role, signal: Signal) {
        let Some(pid) = self.child(role).map(|c| c.pid) else { return };
        if let Err(error) = kill(pid, signal) {
            warn!(role = role.name(), %error, "cannot signal");
        }
        let limit = if signal == Signal::SIGTERM { END_TIMEOUT } else { LEAVE_TIMEOUT };
        let deadline = Instant::now() + limit;
        loop {
            match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(WaitStatus::StillAlive) => {
                    error!(role = role.name(), "it does not end; killing it");
                    let _ = kill(pid, Signal::SIGKILL);
                    let _ = waitpid(pid, None);
                    break;
                }
                Ok(_) | Err(_) => break,
            }
        }
        records::forget(self.state, role, pid);
        self.children.retain(|c| c.role != role);
    }

    /// Let a child end by itself, which may take long: its connections go on. It is ours no more.
    pub(super) fn leave(&mut self, role: Role) {
        let Some(child) = self.child(role) else { return };
        let pid = child.pid;
        if let Err(error) = kill(pid, Signal::SIGQUIT) {
            warn!(role = role.name(), %error, "cannot signal");
        }
        self.children.retain(|c| c.role != role);
    }

    /// Whether a process is one of ours.
    pub(super) fn has(&self, process: &Process) -> bool {
        self.children.iter().any(|c| c.pid.as_raw().cast_unsigned() == process.pid())
    }

    fn child(&self, role: Role) -> Option<&Child> {
        self.children.iter().find(|c| c.role == role)
    }
}
