//! `dormouse serve`: binds the sockets, keeps two children alive, and ends them in order.
//!
//! It does nothing else, so that there is nothing in it that can fail: no runtime, no store, one thread.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use signal_hook::{consts, iterator::Signals};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::{error, info, warn};

use crate::{
    role::Role,
    settings::{ENV_LISTEN, ENV_STATE, Typed},
    state::StateDir,
};

/// A child that lives shorter than this is restarted only after a pause of this length.
const STEADY: Duration = Duration::from_secs(1);

/// Descriptors a child may have open: more than connections that the edge takes at a time, with two for each.
const FILES: u64 = 65_536;

/// How long the children get to end: control stops every app (each with its own grace), the edge finishes requests.
const END_TIMEOUT: Duration = Duration::from_secs(90);

/// Serve until told to stop.
pub(crate) fn serve(dir: &Path, listen: SocketAddr) -> Result<()> {
    let state = StateDir::open(dir)?;
    let _lock = state.lock()?;
    // Wrong settings are told before anything else is.
    Typed::read(&state.settings())?.resolve(listen)?;
    crate::orphans::end(&state)?;
    state.take_word();
    let sockets = Sockets::bind(&state, listen)?;
    // Sandboxes whose starter died become our children, and are reaped here.
    prctl::set_child_subreaper(true).context("cannot become the reaper of sandboxes")?;
    let mut signals = Signals::new([consts::SIGCHLD, consts::SIGTERM, consts::SIGINT, consts::SIGHUP])
        .context("cannot listen for signals")?;
    allow_many_files();
    let mut family = Family { state: &state, sockets: &sockets, children: Vec::new(), controls: 0 };
    family.start(Role::Control)?;
    family.start(Role::Edge)?;
    info!(state = %state.root().display(), listen = %sockets.listen, "serving");
    let failed = family.watch(&mut signals);
    info!("stopping");
    // Control first: while it stops the apps, the edge still carries what is in flight.
    family.end(Role::Control);
    family.end(Role::Edge);
    match failed {
        None => Ok(()),
        Some(why) => bail!(why),
    }
}

/// Every connection takes descriptors, and the usual soft limit of 1024 would be reached by one busy app. Sandboxes have
/// a limit of their own.
fn allow_many_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, soft.max(FILES).min(hard), hard));
    if let Err(error) = raised {
        warn!(%error, "cannot raise the limit of open files");
    }
}

/// Everything the children inherit, so that a restarted child finds connections still queued.
struct Sockets {
    listen: SocketAddr,
    public: TcpListener,
    api: UnixListener,
    edge: UnixListener,
}

impl Sockets {
    fn bind(state: &StateDir, listen: SocketAddr) -> Result<Self> {
        let public = bind_public(listen).with_context(|| {
            format!("cannot listen on {listen}\n  hint: another program may use that port; choose another with --listen")
        })?;
        Ok(Self {
            listen: public.local_addr()?,
            public,
            api: bind_unix(&state.api_socket())?,
            edge: bind_unix(&state.edge_socket())?,
        })
    }

    fn for_role(&self, role: Role) -> std::io::Result<Vec<OwnedFd>> {
        Ok(match role {
            Role::Control => vec![self.api.try_clone()?.into(), self.edge.try_clone()?.into()],
            Role::Edge => vec![self.public.try_clone()?.into()],
        })
    }
}

fn bind_public(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    // The kernel caps it at net.core.somaxconn.
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_unix(path: &Path) -> Result<UnixListener> {
    // We hold the folder's lock, so whatever is there is a dead server's.
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot remove {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!("cannot listen on {}\n  hint: the path of a Unix socket is at most 107 characters; choose a shorter --state", path.display())
    })?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

struct Child {
    role: Role,
    pid: Pid,
    started: Instant,
}

struct Family<'a> {
    state: &'a StateDir,
    sockets: &'a Sockets,
    children: Vec<Child>,
    /// How many control processes were started.
    controls: u64,
}

impl Family<'_> {
    /// Keep both children alive until told to end. Returns why control cannot start, when its very first process said
    /// so: later ones meet what may pass, a full disk for one, and what is awake is served meanwhile.
    fn watch(&mut self, signals: &mut Signals) -> Option<String> {
        loop {
            let arrived: Vec<_> = if self.restart_missing() {
                signals.wait().collect()
            } else {
                std::thread::sleep(STEADY);
                signals.pending().collect()
            };
            if arrived.iter().any(|signal| [consts::SIGTERM, consts::SIGINT].contains(signal)) {
                return None;
            }
            self.reap();
            if let Some(why) = self.state.take_word() {
                if self.controls == 1 {
                    return Some(why);
                }
                error!(why, "control cannot start; trying again");
            }
        }
    }

    fn start(&mut self, role: Role) -> Result<()> {
        let mut command = Command::new(std::env::current_exe().context("cannot find our own executable")?);
        command
            .arg(role.name())
            .env(ENV_STATE, self.state.root())
            .env(ENV_LISTEN, self.sockets.listen.to_string())
            // One heap for all threads: several would each keep what a burst of work left free (mallopt(3)).
            .env("MALLOC_ARENA_MAX", "1");
        let fds = self.sockets.for_role(role)?;
        // The number and place of inherited sockets follow systemd's socket activation protocol (sd_listen_fds(3)).
        command.env("LISTEN_FDS", fds.len().to_string()).env_remove("LISTEN_PID");
        let mappings =
            (3..).zip(fds).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).context("cannot hand the sockets on")?;
        // A Ctrl-C at the terminal is for the parent alone: it ends its children in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().with_context(|| format!("cannot start the {} process", role.name()))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("process id out of range")?);
        self.children.push(Child { role, pid, started: Instant::now() });
        if role == Role::Control {
            self.controls += 1;
        }
        info!(role = role.name(), %pid, "started");
        if let Err(error) = crate::orphans::remember(self.state, role, pid) {
            warn!(role = role.name(), "were this process killed now, that one would not be found: {error:#}");
        }
        Ok(())
    }

    /// Collect everything that has ended: our two children, and sandboxes that outlived an earlier control.
    fn reap(&mut self) {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => self.ended(pid, &format!("code {code}")),
                Ok(WaitStatus::Signaled(pid, signal, _)) => self.ended(pid, signal.as_str()),
                Err(Errno::EINTR) => {}
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(
                    WaitStatus::Stopped(..)
                    | WaitStatus::Continued(_)
                    | WaitStatus::PtraceEvent(..)
                    | WaitStatus::PtraceSyscall(_),
                ) => {}
            }
        }
    }

    fn ended(&mut self, pid: Pid, how: &str) {
        if let Some(i) = self.children.iter().position(|c| c.pid == pid) {
            let child = self.children.swap_remove(i);
            warn!(role = child.role.name(), %pid, how, "a process ended; starting it again");
            if child.started.elapsed() < STEADY {
                error!(role = child.role.name(), "it ended right after its start; pausing");
                std::thread::sleep(STEADY);
            }
        }
    }

    fn has(&self, role: Role) -> bool {
        self.children.iter().any(|c| c.role == role)
    }

    /// Start what is not there; whether everything is.
    fn restart_missing(&mut self) -> bool {
        let mut all = true;
        for role in [Role::Control, Role::Edge] {
            if self.has(role) {
                continue;
            }
            if let Err(error) = self.start(role) {
                error!(role = role.name(), "cannot start it; trying again: {error:#}");
                all = false;
            }
        }
        all
    }

    fn end(&mut self, role: Role) {
        let Some(pid) = self.children.iter().find(|c| c.role == role).map(|c| c.pid) else { return };
        if let Err(error) = kill(pid, Signal::SIGTERM) {
            warn!(role = role.name(), %error, "cannot signal");
        }
        let deadline = Instant::now() + END_TIMEOUT;
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
        crate::orphans::forget(self.state, role);
        self.children.retain(|c| c.role != role);
    }
}
