//! Instances on this machine: start, sleep, wake, adopt, end. Needs root and a static busybox.
#![allow(missing_docs)]

#[path = "support/events.rs"]
mod events;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use dormouse_backend::{InstanceSpec, Workload, WorkloadError, WorkloadEvent, Workloads};
use dormouse_images::{ImageConfig, Store};
use dormouse_model::{
    DeploymentId, Depth, ExitStatus, ImageId, Inspection, InstanceId, Limits, Phase, Sighting, WORKS,
};
use dormouse_runtime::{
    Host, HostSettings, Loopback,
    swap::{Size, Swap, SwapSettings},
};
use events::next;
use expect_test::expect;

#[derive(Clone)]
struct Bench {
    dir: Arc<tempfile::TempDir>,
    image: ImageId,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("images")).unwrap();
        let layer = store.begin_layer().unwrap();
        support::fill(layer.path());
        let layer = layer.commit(None).unwrap();
        let config = ImageConfig { cmd: vec!["sleep".into(), "1000".into()], ..ImageConfig::default() };
        let image = store.put_image(&[layer], config).unwrap();
        Self { dir: Arc::new(dir), image }
    }

    fn host(&self) -> Host<Loopback> {
        self.host_that(false)
    }

    fn host_that(&self, can_page: bool) -> Host<Loopback> {
        let settings = HostSettings {
            state: self.dir.path().to_owned(),
            images: Store::open(&self.dir.path().join("images")).unwrap(),
            can_page,
            mounts: vec![],
            env: BTreeMap::from([("PATH".into(), "/bin".into())]),
            native_aio: false,
        };
        Host::open(settings, Loopback).unwrap()
    }

    fn spec(&self, id: u64, script: &str) -> InstanceSpec {
        InstanceSpec {
            id: InstanceId(id),
            key: "shop/web".parse().unwrap(),
            deployment: DeploymentId(1),
            image: self.image.clone(),
            argv: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            env: BTreeMap::new(),
            limits: Limits { memory: 64 << 20, cpu_milli: 1000, pids: 64, ..Limits::default() },
        }
    }
}

async fn one(host: &Host<Loopback>, id: u64) -> Workload {
    host.list().await.unwrap().into_iter().find(|w| w.id == InstanceId(id)).unwrap()
}

async fn log(host: &Host<Loopback>, id: u64) -> Vec<String> {
    let chunk = host.read_log(&"shop/web".parse().unwrap(), InstanceId(id), 0).await.unwrap();
    chunk.lines.into_iter().map(|l| l.text).collect()
}

/// Ask until it is so; a test that waits in vain fails.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const GRACE: Duration = Duration::from_secs(10);

fn with(test: impl AsyncFnOnce(Bench)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bench = Bench::new();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(bench.clone()))));
    if let Err(panic) = ended {
        // Processes would outlive the test, and hold memory and groups of the next ones.
        runtime.block_on(async {
            let host = bench.host();
            for left in host.list().await.unwrap_or_default() {
                let _ = host.remove(left.id).await;
            }
        });
        resume_unwind(panic);
    }
}

async fn a_life(b: Bench) {
    let host = b.host();
    let script = "trap 'echo bye; exit 4' TERM; echo up; echo oops >&2; while :; do sleep 0.05; done";
    let spec = b.spec(1, script);
    host.start(&spec).await.unwrap();
    host.start(&spec).await.unwrap();
    until("it says so", async || log(&host, 1).await.len() == 2).await;
    assert_eq!(one(&host, 1).await.phase, Phase::Running);
    assert!(host.usage(InstanceId(1)).await.unwrap().resident_bytes > 0);
    host.stop(InstanceId(1), GRACE).await.unwrap();
    let ended = one(&host, 1).await;
    assert_eq!((ended.phase, ended.pid), (Phase::Exited(ExitStatus::Code(4)), 0));
    assert!(ended.exited_at.is_some());
    assert_eq!(log(&host, 1).await.last().unwrap(), "bye");
    assert!(matches!(host.wake(InstanceId(1)).await, Err(WorkloadError::Ended(_))));
    host.remove(InstanceId(1)).await.unwrap();
    host.remove(InstanceId(1)).await.unwrap();
    assert!(host.list().await.unwrap().is_empty());
    assert!(!b.dir.path().join("run/i1").exists());
    assert_eq!(log(&host, 1).await.last().unwrap(), "bye");
}

async fn ends_by_itself(b: Bench) {
    let host = b.host();
    let mut events = host.events();
    let mut rows = String::new();
    for (id, script) in [
        (1, "exit 3"),
        (2, "kill -KILL $$"),
        (3, "tail -c 200m /dev/zero"),
        (4, "tail -c 200m /dev/zero; exit 137"),
    ] {
        host.start(&b.spec(id, script)).await.unwrap();
        assert_eq!(next(&mut events, ended).await, InstanceId(id));
        rows.push_str(&format!("{script}: {:?}\n", one(&host, id).await.phase));
        host.remove(InstanceId(id)).await.unwrap();
    }
    expect![[r#"
        exit 3: Exited(Code(3))
        kill -KILL $$: Exited(Signal(9))
        tail -c 200m /dev/zero: Exited(OutOfMemory)
        tail -c 200m /dev/zero; exit 137: Exited(OutOfMemory)
    "#]]
    .assert_eq(&rows);
}

fn ended(event: WorkloadEvent) -> Option<InstanceId> {
    if let WorkloadEvent::Ended(id) = event { Some(id) } else { None }
}

fn killed(event: WorkloadEvent) -> Option<(InstanceId, u64)> {
    if let WorkloadEvent::Killed(id, processes) = event { Some((id, processes)) } else { None }
}

/// Bug: nobody was told of a worker that was killed for want of memory, because its instance went on.
async fn a_killed_worker_is_told(b: Bench) {
    let host = b.host();
    let mut events = host.events();
    let spec = b.spec(1, "tail -c 200m /dev/zero; echo $?; while :; do sleep 0.05; done");
    host.start(&spec).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(20), next(&mut events, killed)).await;
    assert_eq!(told.expect("nobody told"), (InstanceId(1), 1));
    until("it goes on", async || log(&host, 1).await.contains(&"137".into())).await;
    assert_eq!(one(&host, 1).await.phase, Phase::Running);
    // Who ends of it tells by its end, and what took over is told too.
    let after = b.host();
    let mut events = after.events();
    after.start(&b.spec(2, "tail -c 200m /dev/zero")).await.unwrap();
    until("it has ended", async || matches!(one(&after, 2).await.phase, Phase::Exited(_))).await;
    after.start(&b.spec(3, "sleep 1; tail -c 200m /dev/zero; while :; do sleep 0.05; done")).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(20), next(&mut events, killed)).await;
    assert_eq!(told.expect("nobody told"), (InstanceId(3), 1));
    for id in [1, 2, 3] {
        after.stop(InstanceId(id), Duration::ZERO).await.unwrap();
        after.remove(InstanceId(id)).await.unwrap();
    }
}

async fn what_cannot_start_leaves_nothing(b: Bench) {
    let host = b.host();
    let mut spec = b.spec(1, "");
    spec.argv = Some(vec!["nonesuch".into()]);
    let refused = host.start(&spec).await.unwrap_err();
    spec.image = ImageId("sha256:0000".into());
    let missing = host.start(&spec).await.unwrap_err();
    expect![[r#"
        cannot run `nonesuch`: not found in PATH (/bin)
        image sha256:0000 is not in the store
          hint: deploy the project again to rebuild it
    "#]]
    .assert_eq(&format!("{refused}\n{missing}\n"));
    assert!(host.list().await.unwrap().is_empty());
    assert!(!b.dir.path().join("run/i1").exists());
}

async fn sleeps_and_wakes_with_its_state(b: Bench) {
    let host = b.host();
    host.start(&b.spec(1, "n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done")).await.unwrap();
    until("it counts", async || log(&host, 1).await.len() > 3).await;
    let pid = one(&host, 1).await.pid;
    // Without swap it goes no deeper.
    assert_eq!(host.sleep(InstanceId(1), Depth::Paged).await.unwrap(), Depth::Frozen);
    assert_eq!(one(&host, 1).await.phase, Phase::Asleep(Depth::Frozen));
    let before = log(&host, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(log(&host, 1).await, before);
    host.wake(InstanceId(1)).await.unwrap();
    until("it goes on", async || log(&host, 1).await.len() > before.len() + 2).await;
    let all = log(&host, 1).await;
    let counted: Vec<String> = (1..=all.len()).map(|n| n.to_string()).collect();
    assert_eq!(all, counted);
    assert_eq!(one(&host, 1).await.pid, pid);
    // Stopping wakes it first.
    host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
    host.stop(InstanceId(1), GRACE).await.unwrap();
    assert_eq!(one(&host, 1).await.phase, Phase::Exited(ExitStatus::Signal(15)));
    host.remove(InstanceId(1)).await.unwrap();
}

/// Its memory leaves, it wakes with all of it, and a server that comes later knows how deep it sleeps.
async fn is_paged(b: Bench) {
    let kinds = [
        ("zram", SwapSettings { zram: Size::Bytes(256 << 20), file: Size::Off }),
        ("file", SwapSettings { zram: Size::Off, file: Size::Bytes(256 << 20) }),
    ];
    for (id, (kind, settings)) in (1..).zip(kinds) {
        let swap = Swap::set_up(&b.dir.path().join("swap"), &format!("pg{id}"), settings);
        if !swap.can_page() {
            eprintln!("skipped: no swap of kind {kind} here");
            continue;
        }
        let host = b.host_that(true);
        // `tail` holds 20 MB until its input ends, which it does at SIGUSR1; then the sum must be right.
        let script = "head -c 20000000 /dev/urandom >/random; cksum </random; \
            (cat /random; echo held >&2; until [ -e /go ]; do sleep 0.02; done) | tail -c 20000000 | cksum & \
            trap 'touch /go' USR1; while ! wait; do :; done; sleep 1000";
        host.start(&b.spec(id, script)).await.unwrap();
        until("it holds its memory", async || log(&host, id).await.contains(&"held".into())).await;
        let before = host.usage(InstanceId(id)).await.unwrap();
        assert_eq!(host.sleep(InstanceId(id), Depth::Paged).await.unwrap(), Depth::Paged);
        let asleep = host.usage(InstanceId(id)).await.unwrap();
        assert!(before.resident_bytes > 20_000_000, "{kind}: {before:?}");
        assert!(asleep.resident_bytes < 5_000_000, "{kind}: {asleep:?}");
        assert!(asleep.swapped_bytes > 15_000_000, "{kind}: {asleep:?}");
        // It would be killed at its next wake.
        let less = Limits { memory: 10 << 20, ..one(&host, id).await.limits };
        let refused = host.set_limits(InstanceId(id), less).await;
        assert!(matches!(refused, Err(WorkloadError::DoesNotFit { .. })), "{kind}: {refused:?}");
        drop(host);
        let host = b.host_that(true);
        assert_eq!(one(&host, id).await.phase, Phase::Asleep(Depth::Paged), "{kind}");
        host.wake(InstanceId(id)).await.unwrap();
        let pid = one(&host, id).await.pid.to_string();
        std::process::Command::new("kill").args(["-USR1", &pid]).status().unwrap();
        until("it sums up", async || log(&host, id).await.len() >= 3).await;
        let log = log(&host, id).await;
        let sums: Vec<_> = log.iter().filter(|l| *l != "held").collect();
        assert_eq!(sums[0], sums[1], "{kind}");
        host.stop(InstanceId(id), Duration::from_millis(100)).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
        drop(host);
        swap.tear_down();
    }
}

/// Where it listens is told from outside, also while it is frozen.
async fn is_looked_into(b: Bench) {
    let host = b.host();
    let script = "nc -l -p 5000 & nc -l -p 8000 & echo up; while :; do sleep 0.05; done";
    host.start(&b.spec(1, script)).await.unwrap();
    let look = async || {
        let mut seen = host.inspect(InstanceId(1)).await.unwrap();
        seen.listeners.sort();
        seen
    };
    until("both listen", async || look().await.listeners.len() == 2).await;
    host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
    let seen = look().await;
    let everywhere: Vec<_> =
        seen.listeners.iter().filter(|at| at.ip().is_unspecified()).map(SocketAddr::port).collect();
    assert_eq!(everywhere, [5000, 8000]);
    let nc: Vec<_> = seen.processes.iter().filter(|p| p.argv.first().is_some_and(|w| w == "nc")).collect();
    assert_eq!(nc.len(), 2, "{seen:?}");
    let shell = seen.processes.iter().find(|p| p.argv.first().is_some_and(|w| w == "sh")).unwrap();
    assert!(nc.iter().all(|p| p.parent == shell.pid && p.program.ends_with("/busybox")), "{seen:?}");
    assert_eq!(shell.parent, one(&host, 1).await.pid);
    host.stop(InstanceId(1), GRACE).await.unwrap();
    assert_eq!(look().await, Inspection::default());
    host.remove(InstanceId(1)).await.unwrap();
}

async fn is_adopted(b: Bench) {
    let host = b.host();
    for id in 1..=3 {
        host.start(&b.spec(id, "echo up; while :; do sleep 0.05; done")).await.unwrap();
    }
    host.sleep(InstanceId(2), Depth::Frozen).await.unwrap();
    let more = Limits { memory: 96 << 20, cpu_milli: 700, pids: 80, ..Limits::default() };
    for id in [1, 2] {
        host.set_limits(InstanceId(id), more).await.unwrap();
    }
    let before = host.list().await.unwrap();
    assert_eq!([before[0].limits, before[1].limits], [more; 2]);
    drop(host);
    // A start that was cut off has no record.
    fs::create_dir_all(b.dir.path().join("run/i9/root")).unwrap();
    // One ends while nobody looks.
    let pid = before[2].pid.to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    until("it is gone", async || {
        let stat = fs::read_to_string(Path::new("/proc").join(&pid).join("stat"));
        stat.map_or(true, |s| s.contains(") Z "))
    })
    .await;

    let host = b.host();
    let mut events = host.events();
    let after = host.list().await.unwrap();
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after[2].phase, Phase::Exited(ExitStatus::Signal(15)));
    assert!(!b.dir.path().join("run/i9").exists());
    host.start(&b.spec(1, "echo twice")).await.unwrap();
    assert_eq!(one(&host, 1).await.pid, before[0].pid);
    host.wake(InstanceId(2)).await.unwrap();
    assert_eq!(one(&host, 2).await.phase, Phase::Running);
    // Ends of adopted ones are told too.
    std::process::Command::new("kill").args(["-TERM", &before[0].pid.to_string()]).status().unwrap();
    assert_eq!(next(&mut events, ended).await, InstanceId(1));
    host.stop(InstanceId(2), GRACE).await.unwrap();
    for id in 1..=3 {
        host.remove(InstanceId(id)).await.unwrap();
    }
}

/// Bug: one whose init was killed on the host, before our eyes, had "ended while nobody was watching".
async fn an_init_is_killed_from_outside(b: Bench) {
    let host = b.host();
    let mut events = host.events();
    let kill = |pid: u32| {
        std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    };
    for id in [1, 2] {
        host.start(&b.spec(id, "sleep 1000")).await.unwrap();
    }
    kill(one(&host, 1).await.pid);
    assert_eq!(next(&mut events, ended).await, InstanceId(1));
    assert_eq!(one(&host, 1).await.phase, Phase::Exited(ExitStatus::Signal(9)));
    let pid = one(&host, 2).await.pid;
    drop(host);
    kill(pid);
    until("it is gone", async || {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
        stat.map_or(true, |s| s.contains(") Z "))
    })
    .await;
    let host = b.host();
    assert_eq!(one(&host, 2).await.phase, Phase::Exited(ExitStatus::Lost), "nobody was watching");
    for id in [1, 2] {
        host.remove(InstanceId(id)).await.unwrap();
    }
}

async fn a_deaf_one_is_killed_with_all_it_started(b: Bench) {
    let host = b.host();
    host.start(&b.spec(1, "trap '' TERM; sleep 4343 & echo up; while :; do sleep 4343; done")).await.unwrap();
    until("it is up", async || !log(&host, 1).await.is_empty()).await;
    host.stop(InstanceId(1), Duration::from_millis(100)).await.unwrap();
    assert_eq!(one(&host, 1).await.phase, Phase::Exited(ExitStatus::Signal(9)));
    host.remove(InstanceId(1)).await.unwrap();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!line.ends_with(b"sleep\x004343\0"));
    }
}

/// Words for scripts of supervisors, who measure time without starting a process: `tick` waits for a moment, `beat n`
/// counts in a file after some work, and `check n` complains when that count has stood still for more than a second.
const SUPERVISION: &str = r#"
    set -f; cd /dev/shm; mkfifo silent
    tick() { read -t 0.1 x <>silent; }
    seconds() { read now x </proc/uptime; now=${now%.*}; }
    beat() { i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; beats=$((beats+1)); echo $beats >beat$1; }
    check() {
        seconds; read heard <beat$1
        if [ "$heard" != "$known" ]; then known=$heard; since=$now; fi
        [ $((now-since)) -gt 1 ] && echo late$1
    }
    up() { until [ -s beat$1 ]; do tick; done; }
    worker() { while :; do beat 0; tick; done; }
    master() { worker & up 0; while :; do tick; check 0; beat 1; done; }
"#;

/// Bug: gunicorn's arbiter woke before its workers had said that they live, and killed them.
async fn who_watches_wakes_last(b: Bench) {
    let host = b.host();
    let script = |what: &str| format!("{SUPERVISION}{what}");
    // One level, two, and a tree that changes while it sleeps again and again.
    host.start(&b.spec(1, &script("worker & up 0; echo up; while :; do tick; check 0; done"))).await.unwrap();
    host.start(&b.spec(2, &script("master & up 1; echo up; while :; do tick; check 1; done"))).await.unwrap();
    for id in [1, 2] {
        until("it is up", async || log(&host, id).await.contains(&"up".into())).await;
    }
    for _round in 0..2 {
        for id in [1, 2] {
            host.sleep(InstanceId(id), Depth::Frozen).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(2500)).await;
        for id in [1, 2] {
            host.wake(InstanceId(id)).await.unwrap();
        }
        // Two levels, each of which is given time for a sign of life.
        tokio::time::sleep(Duration::from_millis(4700)).await;
    }
    for id in [1, 2] {
        assert_eq!(log(&host, id).await, ["up"], "of {id}");
        host.stop(InstanceId(id), GRACE).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
    }
}

/// The freezer's folder of a process, as the host mounts it.
fn freezer(pid: u32) -> std::path::PathBuf {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let of = |prefix: &str| groups.lines().find_map(|l| Some(l.split_once(prefix)?.1.to_owned()));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = |what: &str| {
        let line = mounts.lines().find(|l| l.ends_with(what) || l.contains(what)).unwrap();
        Path::new(line.split(' ').nth(4).unwrap()).to_owned()
    };
    match of(":freezer:/") {
        Some(path) => mounted(" - cgroup cgroup rw,freezer").join(path),
        None => mounted(" - cgroup2 ").join(of("0::/").unwrap()),
    }
}

/// The processes of an instance, but its init.
fn inside(init: u32) -> Vec<u32> {
    let parent_of = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all: Vec<u32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().to_str()?.parse().ok())
        .collect();
    let below =
        |pid: u32| std::iter::successors(parent_of(pid), |p| parent_of(*p)).any(|ancestor| ancestor == init);
    all.into_iter().filter(|pid| below(*pid)).collect()
}

/// Everything that may happen while supervisors are held back: one is stuck there when the server dies, is stopped,
/// killed, or put to sleep again.
async fn nobody_stays_held_back(b: Bench) {
    let host = b.host();
    let script = format!(
        "{SUPERVISION} worker & up 0; trap 'echo bye; exit 4' TERM; echo up; while :; do tick; echo on; done"
    );
    let start = async |id| {
        host.start(&b.spec(id, &script)).await.unwrap();
        until("it is up", async || log(&host, id).await.contains(&"up".into())).await;
    };
    let goes_on = async |host: &Host<Loopback>, id| {
        let before = log(host, id).await.len();
        until("it goes on", async || log(host, id).await.len() > before + 1).await;
    };
    for id in 1..=4 {
        start(id).await;
        let init = one(&host, id).await.pid;
        host.sleep(InstanceId(id), Depth::Frozen).await.unwrap();
        let held: Vec<u32> = inside(init).into_iter().filter(|pid| freezer(*pid) != freezer(init)).collect();
        assert_eq!(held.len(), 1, "the one that has a child");
        let level = freezer(held[0]);
        assert_eq!(level.parent().unwrap(), freezer(init));
    }
    // Asleep again before it was awake, and woken twice.
    for _again in 0..20 {
        host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
        host.wake(InstanceId(1)).await.unwrap();
        host.wake(InstanceId(1)).await.unwrap();
    }
    goes_on(&host, 1).await;
    host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
    // Stopped: its supervisor hears of it, and does not wait for its time.
    let start = Instant::now();
    host.stop(InstanceId(1), GRACE).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(one(&host, 1).await.phase, Phase::Exited(ExitStatus::Code(4)));
    // Killed right after the leaves were thawed.
    host.wake(InstanceId(2)).await.unwrap();
    host.stop(InstanceId(2), Duration::ZERO).await.unwrap();
    assert!(matches!(one(&host, 2).await.phase, Phase::Exited(_)));
    // The server dies after the leaves were thawed (3), and before (4).
    let init = one(&host, 3).await.pid;
    let level = inside(init).into_iter().map(freezer).find(|dir| *dir != freezer(init)).unwrap();
    let (file, thawed) = if level.join("freezer.state").exists() {
        ("freezer.state", "THAWED")
    } else {
        ("cgroup.freeze", "0")
    };
    fs::write(freezer(init).join(file), thawed).unwrap();
    drop(host);
    let host = b.host();
    assert_eq!(one(&host, 3).await.phase, Phase::Running);
    goes_on(&host, 3).await;
    assert_eq!(one(&host, 4).await.phase, Phase::Asleep(Depth::Frozen));
    host.wake(InstanceId(4)).await.unwrap();
    goes_on(&host, 4).await;
    for id in 1..=4 {
        host.stop(InstanceId(id), GRACE).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert!(!level.parent().unwrap().exists(), "its groups are gone, levels too");
}

/// Who has lost its last child is no supervisor any more, and who has got one is.
async fn the_tree_may_change(b: Bench) {
    let host = b.host();
    let script = format!(
        "{SUPERVISION} trap 'worker & echo forked' USR1; trap 'kill $!; wait; echo lost' USR2; \
         echo up; while :; do tick; echo on; done"
    );
    host.start(&b.spec(1, &script)).await.unwrap();
    let init = one(&host, 1).await.pid;
    let mut held = Vec::new();
    for (signal, word, times) in
        [("", "up", 1), ("-USR1", "forked", 1), ("-USR2", "lost", 1), ("-USR1", "forked", 2)]
    {
        if !signal.is_empty() {
            std::process::Command::new("kill").args([signal, &init.to_string()]).status().unwrap();
        }
        until(word, async || log(&host, 1).await.iter().filter(|l| *l == word).count() == times).await;
        for _round in 0..2 {
            host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
            held.push(inside(init).into_iter().filter(|p| freezer(*p) != freezer(init)).count());
            let before = log(&host, 1).await.len();
            host.wake(InstanceId(1)).await.unwrap();
            until("it goes on", async || log(&host, 1).await.len() > before + 1).await;
        }
    }
    assert_eq!(held, [0, 0, 1, 1, 0, 0, 1, 1]);
    host.stop(InstanceId(1), GRACE).await.unwrap();
    host.remove(InstanceId(1)).await.unwrap();
}

/// Whether this kernel tells how a process ended that its parent has taken note of: 6.15 or later.
fn tells_of_ends() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(15))
}

/// Some supervisors cannot be deceived; that is told, and what only looks like it is not. Bug: that a worker was done, as
/// those are that are replaced after so many requests, was not.
async fn a_watchdog_is_seen(b: Bench) {
    let host = b.host();
    let mut events = host.events();
    let watchdog = |worker: &str| {
        format!(
            "{SUPERVISION} polite() {{ trap 'exit 0' TERM; worker; }}; \
             {worker} & up 0; echo up; seconds; then=$now; while :; do tick; seconds; \
             [ $((now-then)) -gt 2 ] && {{ kill $!; wait; {worker} & echo again; }}; then=$now; done"
        )
    };
    host.start(&b.spec(1, &watchdog("worker"))).await.unwrap();
    host.start(&b.spec(4, &watchdog("polite"))).await.unwrap();
    // Its child ends after each sleep, by itself.
    host.start(&b.spec(2, "echo up; while :; do sleep 2; echo again; done")).await.unwrap();
    for id in [1, 2, 4] {
        until("it is up", async || log(&host, id).await.contains(&"up".into())).await;
        host.sleep(InstanceId(id), Depth::Frozen).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let heard = async |id: u64| log(&host, id).await.iter().filter(|l| *l == "again").count();
    let before = heard(2).await;
    for id in [1, 2, 4] {
        host.wake(InstanceId(id)).await.unwrap();
    }
    until("it has looked", async || heard(1).await == 1 && heard(4).await == 1).await;
    until("it goes on", async || heard(2).await > before).await;
    for id in [2, 1, 4] {
        host.sleep(InstanceId(id), Depth::Frozen).await.unwrap();
    }
    for (id, polite) in [(1, 0), (4, u32::from(tells_of_ends()))] {
        let seen = events.try_recv();
        let Ok(WorkloadEvent::Noticed(InstanceId(of), Sighting::Restarts { slept, processes: 1, done, ran })) =
            seen
        else {
            panic!("{seen:?}")
        };
        assert_eq!((of, done), (id, polite));
        assert!(slept > Duration::from_millis(3400) && slept < Duration::from_secs(10), "{slept:?}");
        assert!(ran < Duration::from_secs(60), "{ran:?}");
    }
    assert!(events.try_recv().is_err(), "nothing else");

    // A dark wake gives it its time, and leaves it asleep; a sleep that is cut by them in time goes unnoticed.
    let awake = async |id| one(&host, id).await.phase == Phase::Running;
    let moment = host.dark_wake(InstanceId(2), Depth::Frozen).await.unwrap();
    assert!(moment.depth == Depth::Frozen && moment.share < WORKS, "{moment:?}");
    assert!(heard(2).await > before + 1 && !awake(2).await);
    // Whoever wakes it meanwhile does not wait for its end, and has it awake.
    let start = Instant::now();
    let (dark, ()) = tokio::join!(host.dark_wake(InstanceId(2), Depth::Frozen), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        host.wake(InstanceId(2)).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    });
    assert!(dark.is_err() && awake(2).await);
    assert!(host.dark_wake(InstanceId(2), Depth::Frozen).await.is_err(), "it is awake");
    let before = heard(2).await;
    until("it goes on", async || heard(2).await > before + 1).await;
    // Bug: a single process that watches itself had no part in that.
    let counts = "echo up; while :; do n=$((n+1)); [ $((n%1000)) = 0 ] && echo again; done";
    host.start(&b.spec(3, counts)).await.unwrap();
    until("it is up", async || log(&host, 3).await.contains(&"up".into())).await;
    host.sleep(InstanceId(3), Depth::Frozen).await.unwrap();
    let before = heard(3).await;
    // And who works when it ends is seen to.
    let moment = host.dark_wake(InstanceId(3), Depth::Frozen).await.unwrap();
    assert!(moment.depth == Depth::Frozen && moment.share >= WORKS, "{moment:?}");
    let after = heard(3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(after > before && heard(3).await == after && !awake(3).await);
    for id in [1, 2, 3, 4] {
        host.stop(InstanceId(id), Duration::from_millis(100)).await.unwrap();
        host.remove(InstanceId(id)).await.unwrap();
    }
}

fn main() -> ExitCode {
    support::main(&[
        ("a_life", || with(a_life)),
        ("ends_by_itself", || with(ends_by_itself)),
        ("a_killed_worker_is_told", || with(a_killed_worker_is_told)),
        ("what_cannot_start_leaves_nothing", || with(what_cannot_start_leaves_nothing)),
        ("sleeps_and_wakes_with_its_state", || with(sleeps_and_wakes_with_its_state)),
        ("is_paged", || with(is_paged)),
        ("is_looked_into", || with(is_looked_into)),
        ("is_adopted", || with(is_adopted)),
        ("who_watches_wakes_last", || with(who_watches_wakes_last)),
        ("nobody_stays_held_back", || with(nobody_stays_held_back)),
        ("a_watchdog_is_seen", || with(a_watchdog_is_seen)),
        ("the_tree_may_change", || with(the_tree_may_change)),
        ("an_init_is_killed_from_outside", || with(an_init_is_killed_from_outside)),
        ("a_deaf_one_is_killed_with_all_it_started", || with(a_deaf_one_is_killed_with_all_it_started)),
    ])
}
