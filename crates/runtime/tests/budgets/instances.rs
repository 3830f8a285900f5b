//! Instances, and which users of the host stand behind theirs.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

use dormouse_backend::{InstanceSpec, Workloads};
use dormouse_images::{ImageConfig, Store};
use dormouse_model::{DeploymentId, InstanceId, Limits};
use dormouse_runtime::{Host, HostSettings, Loopback};

use super::{shown, support, take};

pub(super) struct Bench {
    dir: tempfile::TempDir,
}

pub(super) fn with(test: impl AsyncFnOnce(&Bench)) {
    within(tempfile::tempdir().unwrap(), test);
}

/// With a state folder that is there.
pub(super) fn within(dir: tempfile::TempDir, test: impl AsyncFnOnce(&Bench)) {
    let bench = Bench { dir };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&bench))));
    if let Err(panic) = ended {
        // Processes would outlive the test.
        runtime.block_on(async {
            let host = bench.host(false, false);
            for left in host.list().await.unwrap_or_default() {
                let _ = host.remove(left.id).await;
            }
        });
        resume_unwind(panic);
    }
}

impl Bench {
    pub(super) fn state(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn host(&self, native_aio: bool, can_page: bool) -> Host<Loopback> {
        let settings = HostSettings {
            state: self.dir.path().to_owned(),
            images: Store::open(&self.dir.path().join("images")).unwrap(),
            can_page,
            mounts: shown(),
            env: BTreeMap::new(),
            native_aio,
        };
        Host::open(settings, Loopback).unwrap()
    }

    pub(super) async fn start(&self, host: &Host<Loopback>, id: u64, key: &str, argv: &[&str]) {
        let limits = Limits { memory: 64 << 20, cpu_milli: 1000, pids: 64, ..Limits::default() };
        self.start_within(host, id, key, argv, limits).await;
    }

    pub(super) async fn start_within(
        &self,
        host: &Host<Loopback>,
        id: u64,
        key: &str,
        argv: &[&str],
        limits: Limits,
    ) {
        let store = Store::open(&self.dir.path().join("images")).unwrap();
        let layer = store.begin_layer().unwrap();
        support::fill(layer.path());
        let image = store.put_image(&[layer.commit(None).unwrap()], ImageConfig::default()).unwrap();
        let spec = InstanceSpec {
            id: InstanceId(id),
            key: key.parse().unwrap(),
            deployment: DeploymentId(1),
            image,
            argv: Some(argv.iter().map(|s| (*s).to_owned()).collect()),
            env: BTreeMap::new(),
            limits,
        };
        host.start(&spec).await.unwrap();
    }
}

/// What an instance of `shop/web` says; waits for it.
pub(super) async fn line(host: &Host<Loopback>, id: u64, number: usize) -> String {
    let key = "shop/web".parse().unwrap();
    let start = Instant::now();
    loop {
        let lines = host.read_log(&key, InstanceId(id), 0).await.unwrap().lines;
        if let Some(line) = lines.into_iter().nth(number) {
            return line.text;
        }
        assert!(start.elapsed() < Duration::from_secs(300), "it says nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The host's number of root inside.
async fn root_of(host: &Host<Loopback>, id: u64) -> u32 {
    let all = host.list().await.unwrap();
    let pid = all.iter().find(|w| w.id == InstanceId(id)).unwrap().pid;
    let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
    map.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub(super) async fn a_project_has_users_of_its_own(b: &Bench) {
    let host = b.host(false, false);
    let sleep = ["/bin/sleep", "1000"];
    for (id, key) in [(1, "shop/web"), (2, "shop/api"), (3, "blog/web")] {
        b.start(&host, id, key, &sleep).await;
    }
    let [web, api, blog] = [root_of(&host, 1).await, root_of(&host, 2).await, root_of(&host, 3).await];
    assert_eq!(web, api);
    assert_ne!(web, blog);
    assert!([web, blog].iter().all(|first| *first >= 2_000_200_000), "{web} {blog}");
    drop(host);
    // What a release before did not write down has what all had then.
    let record = b.dir.path().join("run/i3/instance.json");
    let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    assert_eq!(old.as_object_mut().unwrap().remove("users").unwrap(), blog);
    fs::write(&record, old.to_string()).unwrap();
    let host = b.host(false, false);
    assert_eq!(host.list().await.unwrap().len(), 3, "all are adopted");
    b.start(&host, 4, "shop/worker", &sleep).await;
    b.start(&host, 5, "blog/worker", &sleep).await;
    assert_eq!(root_of(&host, 4).await, web);
    assert_ne!(root_of(&host, 5).await, web);
    for id in 1..=5 {
        host.remove(InstanceId(id)).await.unwrap();
    }
}

/// A host has 65,536 events of it for everybody.
pub(super) async fn native_aio_is_a_setting(b: &Bench) {
    let mut got = Vec::new();
    for (id, native_aio) in [(1, false), (2, true)] {
        let host = b.host(native_aio, false);
        b.start(&host, id, "shop/web", &["/act", take::A_LITTLE, "aio"]).await;
        let line = line(&host, id, 0).await;
        got.push(line);
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert_eq!(got, ["0", "8"]);
}
