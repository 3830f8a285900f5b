//! Running one command to its end.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsStr,
    fmt, fs, io,
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use dormouse_backend::Stream;
use dormouse_model::ExitStatus;
use rustix::process::{Signal, pidfd_send_signal};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
    time::sleep,
};

use super::{
    Cut, Resolver, RunEnd, RunSpec, SandboxError,
    launch::launch,
    names::{hosts, resolv_conf, resolv_conf_of},
    room::{self, Bound},
    silence,
    stand_in::{self, StandIn},
    users::{Pool, Users},
    wire::{Go, Launch},
};
use crate::{
    Networks,
    cgroup::{self, Group, Groups, Place},
    host::BuildNetwork,
};

/// Longer lines of output are split.
const LONGEST_LINE: usize = 16 * 1024;

/// Runs commands in sandboxes on this host.
pub struct Sandboxes {
    groups: Box<dyn Groups>,
    network: Option<Arc<dyn BuildNetwork>>,
    pool: Pool,
    taken: Mutex<BTreeSet<Users>>,
}

impl fmt::Debug for Sandboxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandboxes").field("groups", &self.groups).finish_non_exhaustive()
    }
}

/// What tells servers on one host apart: 8 hex digits made of the state folder's path, which must
/// exist.
///
/// # Errors
/// When it does not.
pub fn tag(state: &Path) -> io::Result<String> {
    let digest = Sha256::digest(fs::canonicalize(state)?.as_os_str().as_encoded_bytes());
    Ok(digest[..4].iter().map(|b| format!("{b:02x}")).collect())
}

impl Sandboxes {
    /// Sandboxes of the server whose state folder is `state`; it must exist.
    ///
    /// # Errors
    /// When the folder does not exist, or the host has no usable control groups.
    pub fn open(state: &Path) -> Result<Self, SandboxError> {
        let tag = tag(state)
            .map_err(|e| SandboxError::host(format!("opening the folder {}", state.display()), e))?;
        let groups = cgroup::detect(&tag).map_err(|e| SandboxError::host("setting up control groups", e))?;
        // Left by a server that was killed; what ran in them ended with it.
        for place in groups.list().unwrap_or_default().iter().filter(|p| p.name().starts_with("run-")) {
            if let Ok(Some(group)) = groups.open(place)
                && group.procs().is_ok_and(|p| p.is_empty())
            {
                group.remove().ok();
            }
        }
        Ok(Self { groups, network: None, pool: Pool::of_runs(&tag), taken: Mutex::default() })
    }

    /// Let those that want it reach the outside through the network for builds. Without this none does.
    #[must_use]
    pub fn on_network<N: Networks>(mut self, network: Arc<N>) -> Self {
        self.network = Some(network);
        self
    }

    fn take_users(&self) -> Taken<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let users = self.pool.free(|users| taken.contains(&users));
        taken.insert(users);
        Taken { users, from: &self.taken }
    }

    /// Run one command to its end in a sandbox of its own, sending each line it writes to `output`.
    ///
    /// Dropping the future kills everything in the sandbox and clears it away; `spec.upper` is kept in any case.
    /// A closed `output` does not stop the run; a full one does, until there is room again: what a command says is held by its own
    /// pipe, not by us.
    ///
    /// # Errors
    /// [`SandboxError::Exec`] when the command cannot be run in this root, [`SandboxError::Host`] when the host
    /// refused. A command that fails is not an error here: see [`RunEnd::status`].
    pub async fn run(
        &self,
        spec: RunSpec,
        output: mpsc::Sender<(Stream, String)>,
    ) -> Result<RunEnd, SandboxError> {
        self.run_beside(spec, output, &[], |_| {}).await
    }

    /// The same, with hosts that somebody stands in for: `given` is handed a listener for each, in their order, before the
    /// command runs. Only what runs in this sandbox reaches them. A sandbox without a network has none.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_beside(
        &self,
        spec: RunSpec,
        output: mpsc::Sender<(Stream, String)>,
        stand_ins: &[StandIn],
        given: impl FnOnce(Vec<TcpListener>) + Send,
    ) -> Result<RunEnd, SandboxError> {
        let network = match (spec.network, &self.network) {
            (false, _) => None,
            (true, Some(network)) => Some(network.clone()),
            (true, None) => {
                return Err(SandboxError::host(
                    "connecting the sandbox",
                    io::Error::new(io::ErrorKind::Unsupported, "there is no network for builds"),
                ));
            }
        };
        let (base, upper) = folders(&spec.upper)?;
        let work = format!("work-{}", spec.name);
        let make = |dir: &Path| {
            fs::create_dir_all(dir).map_err(|e| SandboxError::host(format!("making {}", dir.display()), e))
        };
        make(&spec.upper)?;
        make(&base.join(&work))?;
        let group = self
            .groups
            .create(&Place::apart(format!("run-{}", spec.name)), &spec.limits, spec.share)
            .map_err(|e| SandboxError::host("making the sandbox's control groups", e))?;
        let bound = spec.room.as_ref().map(|room| Bound::of(room, &spec));
        // Dropped last: the users and the address are taken until the sandbox is gone.
        let users = self.take_users();
        let mut link = None;
        let mut clear = Clear { group: group.clone(), work: base.join(&work), pidfd: None };
        let wanted = Launch {
            lowers: spec.lowers,
            base,
            upper,
            work,
            disk: None,
            argv: spec.argv,
            env: spec.env.into_iter().collect(),
            cwd: spec.cwd,
            mounts: spec.mounts,
            hosts: hosts(&spec.name, None) + &stand_in::names(stand_ins),
            resolv_conf: resolv_conf(spec.resolver, None),
            hostname: spec.name,
            profile: spec.profile,
            users: users.users,
            native_aio: false,
            record: None,
        };
        let slot = &mut link;
        let connect = move |netns| async move {
            let Some(network) = network else { return Ok(Go::default()) };
            let link = network.attach(&netns).await;
            let link = link.map_err(|e| SandboxError::host("connecting the sandbox", io::Error::other(e)))?;
            let resolv_conf = match spec.resolver {
                Resolver::Gateway => Some(resolv_conf_of(&link.resolvers)),
                Resolver::At(_) | Resolver::Host => None,
            };
            *slot = Some(link);
            if !stand_ins.is_empty() {
                let listeners = stand_in::listen(netns, stand_ins).await;
                given(listeners.map_err(|e| SandboxError::host("listening inside the sandbox", e))?);
            }
            Ok(Go { resolv_conf })
        };
        let mut running = launch(&wanted, &group, connect).await?;
        clear.pidfd = running.pidfd.try_clone().ok();
        let Some((stdout, stderr)) = running.output.take() else {
            return Err(SandboxError::host("reading its output", io::Error::other("there is none")));
        };
        let heard = AtomicU64::new(0);
        let pump = async {
            tokio::join!(
                pump(stdout, Stream::Out, &heard, &output),
                pump(stderr, Stream::Err, &heard, &output)
            );
        };
        let ended = async {
            let ((), status) = tokio::join!(pump, running.ended());
            status
        };
        let silent = async {
            match spec.silence_limit {
                Some(limit) => silence::too_long(limit, &heard, &group).await,
                None => std::future::pending().await,
            }
        };
        let greedy = async {
            match bound {
                Some(bound) => room::too_much(bound, &group).await,
                None => std::future::pending().await,
            }
        };
        let killed = ExitStatus::Signal(Signal::KILL.as_raw());
        let (status, cut) = tokio::select! {
            biased;
            status = ended => (status, None),
            () = sleep(spec.time_limit) => (killed, Some(Cut::Time)),
            () = silent => (killed, Some(Cut::Silence)),
            cut = greedy => (killed, Some(cut)),
        };
        let oom = group.oom_kills().unwrap_or(0) > 0;
        let end = RunEnd {
            status: if cut.is_some() { status } else { blame(status, oom) },
            peak_memory: group.stats().map_or(0, |s| s.peak),
            out_of_memory: oom,
            cut,
        };
        clear.now().await;
        drop(link);
        if end.cut.is_some() {
            // Nobody keeps it, and it may be much.
            return Ok(end);
        }
        // The overlay does not sync; a layer that is kept must be on disk.
        let synced = fs::File::open(&spec.upper).and_then(|dir| Ok(rustix::fs::syncfs(&dir)?));
        synced.map_err(|e| SandboxError::host("writing the layer out", e))?;
        Ok(end)
    }
}

/// Users that a run has.
struct Taken<'a> {
    users: Users,
    from: &'a Mutex<BTreeSet<Users>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.from.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.users);
    }
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        self.groups.remove_top();
    }
}

/// Name an end that the memory limit caused: killed by it, or ended because a shell's or a server's only child was.
pub(crate) fn blame(status: ExitStatus, oom: bool) -> ExitStatus {
    match status {
        ExitStatus::Signal(9) | ExitStatus::Code(137) | ExitStatus::Lost if oom => ExitStatus::OutOfMemory,
        ExitStatus::Code(_) | ExitStatus::Signal(_) | ExitStatus::OutOfMemory | ExitStatus::Lost => status,
    }
}

/// The folder an upper lies in, and its name there, which must be one that overlayfs needs no escapes for.
fn folders(upper: &Path) -> Result<(PathBuf, String), SandboxError> {
    let name = upper.file_name().and_then(OsStr::to_str);
    match (upper.parent(), name) {
        (Some(parent), Some(name)) if upper.is_absolute() && !name.contains([',', ':', '\\']) => {
            Ok((parent.to_owned(), name.to_owned()))
        }
        _other => Err(SandboxError::host(
            format!("using {} as a layer", upper.display()),
            io::Error::from(io::ErrorKind::InvalidInput),
        )),
    }
}

/// Send whole lines until the stream's end, and count the bytes heard.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    stream: Stream,
    heard: &AtomicU64,
    to: &mpsc::Sender<(Stream, String)>,
) {
    let mut pending: VecDeque<u8> = VecDeque::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let n = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => n,
        };
        heard.fetch_add(n as u64, Ordering::Relaxed);
        pending.extend(&buffer[..n]);
        while let Some(end) = pending
            .iter()
            .position(|b| *b == b'\n')
            .or_else(|| (pending.len() >= LONGEST_LINE).then_some(LONGEST_LINE - 1))
        {
            send(pending.drain(..=end).collect(), stream, to).await;
        }
    }
    if !pending.is_empty() {
        send(pending.into(), stream, to).await;
    }
}

async fn send(line: Vec<u8>, stream: Stream, to: &mpsc::Sender<(Stream, String)>) {
    let text = String::from_utf8_lossy(&line);
    // Nobody listens any more: the run goes on all the same.
    to.send((stream, text.trim_end_matches(['\n', '\r']).to_owned())).await.ok();
}

/// Kills and clears away what a run leaves, also when its future is dropped.
struct Clear {
    group: Arc<dyn Group>,
    work: PathBuf,
    pidfd: Option<OwnedFd>,
}

impl Clear {
    async fn now(self) {
        tokio::task::spawn_blocking(move || drop(self)).await.ok();
    }
}

impl Drop for Clear {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            pidfd_send_signal(pidfd, Signal::KILL).ok();
        }
        let (group, work) = (self.group.clone(), self.work.clone());
        // Blocks for milliseconds: everything has been killed.
        if let Err(e) = group.kill().and_then(|()| group.remove()) {
            tracing::warn!("a sandbox's control groups stay behind: {e}");
        }
        match fs::remove_dir_all(&work) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} stays behind: {e}", work.display());
            }
            Err(_) | Ok(()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: what a command said faster than it was read lay in our memory.
    #[tokio::test]
    async fn who_says_much_waits_for_who_reads() {
        let (to, mut from) = mpsc::channel(4);
        let said = b"a line of output\n".repeat(100_000);
        let talks = tokio::spawn(async move {
            let heard = AtomicU64::new(0);
            pump(said.as_slice(), Stream::Out, &heard, &to).await;
            heard.into_inner()
        });
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!((from.len(), talks.is_finished()), (4, false));
        let mut lines = 0;
        while from.recv().await.is_some() {
            lines += 1;
        }
        assert_eq!((lines, talks.await.unwrap()), (100_000, 1_700_000));
    }
}
