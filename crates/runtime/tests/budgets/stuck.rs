//! One that cannot be frozen delays nobody else, and whoever wants it back has it at once.

use std::{path::Path, process::Command};

use dormouse_backend::Workloads;
use dormouse_model::{Depth, InstanceId, Limits, Phase};

use super::{
    disk::Small,
    instances::{self, Bench, line},
};

/// Bug: who looked at one that was being frozen waited for it with the list of all in his hand, so that no other could be woken; and
/// a wake of the one itself waited until the freeze had failed.
pub(super) fn a_freeze_in_progress_delays_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let small = Small::mount(dir.path(), 512 << 20);
    instances::within(dir, async |b| delays_nobody(b, &small).await);
}

/// A file system that answers nobody, until it is dropped.
struct Deaf<'a>(&'a Path);

impl<'a> Deaf<'a> {
    fn make(at: &'a Path) -> Self {
        assert!(Command::new("fsfreeze").arg("-f").arg(at).status().unwrap().success());
        Self(at)
    }
}

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("-u").arg(self.0).status();
    }
}

async fn delays_nobody(b: &Bench, small: &Small) {
    let host = b.host(false, false);
    let limits = Limits { memory: 128 << 20, disk: 64 << 20, ..Limits::default() };
    // Whoever waits for a disk that does not answer cannot be frozen.
    let waits = "echo up; while :; do dd if=/dev/zero of=/a bs=64k count=1 conv=fsync 2>/dev/null; done";
    b.start_within(&host, 1, "shop/web", &["/bin/sh", "-c", waits], limits).await;
    b.start_within(&host, 2, "shop/web", &["/bin/sleep", "1000"], limits).await;
    assert_eq!(line(&host, 1, 0).await, "up");
    host.sleep(InstanceId(2), Depth::Frozen).await.unwrap();

    let deaf = Deaf::make(&small.at);
    // Until it waits.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let mut sleeping = Box::pin(host.sleep(InstanceId(1), Depth::Frozen));
    let others = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let listed = host.list().await.unwrap();
        host.wake(InstanceId(2)).await.unwrap();
        let slept = listed.iter().find(|w| w.id == InstanceId(2)).map(|w| w.phase);
        (slept, host.list().await.unwrap().iter().map(|w| w.phase).collect::<Vec<_>>())
    };
    let early = "it ended before the others were served";
    let seen =
        tokio::select! { slept = &mut sleeping => panic!("{early}: {slept:?}"), seen = others => seen };
    tokio::select! {
        slept = &mut sleeping => panic!("{early}: {slept:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
    }
    assert_eq!(seen, (Some(Phase::Asleep(Depth::Frozen)), vec![Phase::Running; 2]));
    let (woken, slept) = tokio::join!(host.wake(InstanceId(1)), sleeping);
    woken.unwrap();
    let why = std::error::Error::source(&slept.unwrap_err()).unwrap().to_string();
    drop(deaf);
    assert_eq!(why, "it was woken before its processes were frozen");
    host.sleep(InstanceId(1), Depth::Frozen).await.unwrap();
    for id in [1, 2] {
        host.remove(InstanceId(id)).await.unwrap();
    }
}
