//! What instances write.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use dormouse_backend::{HostDisk, WorkloadEvent, Workloads};
use dormouse_model::{ExitStatus, InstanceId, Limits, Phase, Usage};

use super::{
    events::next,
    instances::{self, Bench, line},
};

const DISK: u64 = 64 << 20;

/// Loop devices that show a file of this folder.
fn devices(state: &Path) -> usize {
    let all = fs::read_dir("/sys/block").unwrap().flatten();
    let shown = all.filter_map(|d| fs::read_to_string(d.path().join("loop/backing_file")).ok());
    shown.filter(|file| file.starts_with(state.to_str().unwrap())).count()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn usage(host: &impl Workloads, id: u64) -> Usage {
    host.usage(InstanceId(id)).await.unwrap()
}

/// Bug: one instance could fill the disk of all, with bytes or with files.
pub(super) async fn disks_are_bounded(b: &Bench) {
    let host = b.host(false, false);
    let limits = Limits { memory: 128 << 20, disk: DISK, ..Limits::default() };
    let hostile = "dd if=/dev/zero of=/tmp/a bs=1M count=100 2>&1 | grep -c 'No space left on device'; \
                   wc -c < /tmp/a; rm /tmp/a; n=0; \
                   while [ $n -lt 9000 ] && echo > /tmp/$n; do n=$((n+1)); done 2>/dev/null; echo $n; sleep 1000";
    let honest = "dd if=/dev/zero of=/tmp/a bs=1M count=40 2>/dev/null && wc -c < /tmp/a; sleep 1000";
    b.start_within(&host, 1, "shop/web", &["/bin/sh", "-c", hostile], limits).await;
    assert_eq!(line(&host, 1, 0).await, "1", "it could write more than it may");
    let bytes: u64 = line(&host, 1, 1).await.parse().unwrap();
    assert!((DISK * 8 / 10..DISK).contains(&bytes), "{bytes}");
    let files: u64 = line(&host, 1, 2).await.parse().unwrap();
    assert!((3500..4096).contains(&files), "{files}");
    let image = b.state().join("run/i1/disk.img");
    assert!(image.metadata().unwrap().blocks() * 512 <= DISK + (1 << 20));

    b.start_within(&host, 2, "shop/web", &["/bin/sh", "-c", honest], limits).await;
    assert_eq!(line(&host, 2, 0).await, (40 << 20).to_string());
    until("both are held", || devices(b.state()) == 2).await;
    let start = Instant::now();
    while usage(&host, 2).await.disk.is_none() || usage(&host, 1).await.disk.is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody holds them");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(usage(&host, 1).await.disk.unwrap().is_full());
    assert!(!usage(&host, 2).await.disk.unwrap().is_full());
    for id in [1, 2] {
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert_eq!(devices(b.state()), 0);
    assert_eq!(fs::read_dir(b.state().join("run")).unwrap().count(), 0);
}

/// Whoever is killed, in whichever order, neither a device nor a file stays.
pub(super) async fn disks_go_with_their_instances(b: &Bench) {
    let limits = Limits { disk: DISK, ..Limits::default() };
    let writes =
        ["/bin/sh", "-c", "dd if=/dev/zero of=/a bs=1M count=20 2>/dev/null; echo written; sleep 1000"];
    let host = b.host(false, false);
    for id in [1, 2, 3] {
        b.start_within(&host, id, "shop/web", &writes, limits).await;
        assert_eq!(line(&host, id, 0).await, "written");
    }
    let pids: Vec<_> = host.list().await.unwrap().iter().map(|w| w.pid).collect();
    // One ends while there is a server, one while there is none, one is adopted.
    let kill = |pid: u32| Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(kill(pids[0]).success());
    until("the first has ended", || devices(b.state()) == 2).await;
    drop(host);
    assert!(kill(pids[1]).success());
    until("the second has ended", || devices(b.state()) == 1).await;

    let host = b.host(false, false);
    let phases: Vec<_> = host.list().await.unwrap().iter().map(|w| w.phase).collect();
    assert_eq!(phases[1..], [Phase::Exited(ExitStatus::Lost), Phase::Running]);
    let start = Instant::now();
    while usage(&host, 3).await.disk.is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not held again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in [1, 2, 3] {
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert_eq!(devices(b.state()), 0);
    assert_eq!(fs::read_dir(b.state().join("run")).unwrap().count(), 0);
}

/// A file system of its own for the state folder; unmounted with the test.
pub(super) struct Small {
    pub(super) at: std::path::PathBuf,
    _image: tempfile::TempDir,
}

impl Small {
    pub(super) fn mount(at: &Path, bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("host.img");
        fs::File::create(&image).unwrap().set_len(bytes).unwrap();
        let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-m", "0"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at));
        Self { at: at.to_owned(), _image: dir }
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.at).unwrap();
        stat.f_bavail * stat.f_frsize
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

fn blocks(b: &Bench, id: u64) -> u64 {
    b.state().join(format!("run/i{id}/disk.img")).metadata().unwrap().blocks() * 512
}

/// Bug: what instances wrote to a full host was lost, and who did not look never heard of it.
pub(super) fn a_full_host_is_told_before_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let small = Small::mount(dir.path(), 512 << 20);
    instances::within(dir, async |b| told_before_it_is(b, &small).await);
}

async fn told_before_it_is(b: &Bench, small: &Small) {
    let host = b.host(false, false);
    let mut events = host.events();
    let limits = Limits { memory: 128 << 20, disk: 1 << 30, ..Limits::default() };
    // What is removed is given back.
    let gives =
        "dd if=/dev/zero of=/a bs=1M count=100 2>/dev/null; sync; rm /a; sync; echo given; sleep 1000";
    b.start_within(&host, 3, "shop/web", &["/bin/sh", "-c", gives], limits).await;
    assert_eq!(line(&host, 3, 0).await, "given");
    until("it is given back", || blocks(b, 3) < 4 << 20).await;

    let hostile = "yes abcdefg | dd of=/a bs=64k count=16000 iflag=fullblock 2>&1 | grep -c 'No space left on device'; \
                   wc -c < /a; sleep 1000";
    let honest = "until [ $(df -m /tmp | tail -1 | tr -s ' ' | cut -d ' ' -f 4) -lt 100 ]; do sleep 0.1; done; \
                  yes abcdefg | dd of=/a bs=64k count=16 iflag=fullblock 2>/dev/null && wc -c < /a; \
                  until [ $(df -m /tmp | tail -1 | tr -s ' ' | cut -d ' ' -f 4) -gt 500 ]; do sleep 0.1; done; echo again; sleep 1000";
    b.start_within(&host, 2, "shop/web", &["/bin/sh", "-c", honest], limits).await;
    b.start_within(&host, 1, "shop/web", &["/bin/sh", "-c", hostile], limits).await;
    assert_eq!(line(&host, 1, 0).await, "1", "it was not told that the host is full");
    let written: u64 = line(&host, 1, 1).await.parse().unwrap();
    assert!(written > 100 << 20, "{written}");
    let mut sync = Command::new("sync").spawn().unwrap();
    until("the host has blocks for all that was written", || blocks(b, 1) >= written).await;
    sync.wait().unwrap();
    assert_eq!(line(&host, 2, 0).await, (1 << 20).to_string(), "the honest one has its share");
    assert!(small.free() > 4 << 20, "{} left for the server", small.free());
    assert!(usage(&host, 2).await.disk.unwrap().withheld_bytes > 500 << 20);

    let short =
        |event| if let WorkloadEvent::Disk(HostDisk::Short { left, .. }) = event { Some(left) } else { None };
    let left = next(&mut events, short).await;
    assert!(left < 256 << 20, "{left}");

    // The next server knows of it.
    drop(host);
    let host = b.host(false, false);
    host.remove(InstanceId(1)).await.unwrap();
    assert_eq!(line(&host, 2, 1).await, "again");
    let start = Instant::now();
    while usage(&host, 2).await.disk.is_none_or(|d| d.withheld_bytes > 0) {
        assert!(start.elapsed() < Duration::from_secs(20), "it stays withheld");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in [2, 3] {
        host.remove(InstanceId(id)).await.unwrap();
    }
    assert_eq!(devices(b.state()), 0);
}
