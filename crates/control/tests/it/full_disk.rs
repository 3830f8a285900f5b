//! The disk of the state folder is full, and who filled it takes every byte that comes free.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use dormouse_control::Ballast;
use dormouse_model::{ExitStatus, InstanceId};
use expect_test::expect;

use crate::world::{World, project, service};

/// A disk in memory, mounted on a folder.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nothing may be mounted.
    fn on(folder: &Path, options: &str) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }

    /// Write until it takes nothing any more.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.0.join("hog")).unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![b'.'; size]).is_ok() {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
        drop(std::fs::remove_dir(&self.0));
    }
}

/// Bug: a control that was killed did not start on a full disk: SQLite makes an index beside its database.
#[tokio::test]
async fn what_works_goes_on_and_control_starts() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::on(dir.path(), "size=96m") else { return };
    let ballast = Ballast::of(dir.path());
    let mut world = World::open_in(dir, 187).await;
    ballast.keep().unwrap();
    let shop = project("shop", vec![service("web"), service("api")]);
    let first = world.deploy(&shop).await;
    assert!(world.events(first).await.contains("\"done\""));
    world.ask(|c| async move { c.sleep_all("shop", Some("api")).await }).await.unwrap();
    disk.fill();

    let refused = world.refused(&shop).await.replace(&disk.0.display().to_string(), "STATE");
    expect![[r"
        the disk of the server's state folder (STATE) has 0 MiB free, and a deploy is not begun with less than 64 MiB
          hint: `dormouse down` what nobody needs, or make room there: `du -x` tells what takes it; what runs is served meanwhile"]]
    .assert_eq(&refused);
    assert_eq!(world.ps().await, "shop/api Asleep(Paged) d1 i1\nshop/web Ready d1 i2\n");

    for _ in 0..3 {
        world.kill().await;
        disk.fill();
        world.kill_and_restart().await;
        assert_eq!(world.ps().await, "shop/api Asleep(Paged) d1 i1\nshop/web Ready d1 i2\n");
    }
    disk.fill();
    world.ask(|c| async move { c.wake_all("shop", Some("api")).await }).await.unwrap();
    assert_eq!(world.ps().await, "shop/api Ready d1 i1\nshop/web Ready d1 i2\n");
    // What ends is started again.
    world.sim.crash(InstanceId(2), ExitStatus::Code(1));
    world.ps_where("(started again 0 min ago: exited with code 1)").await;

    // With room again, a deploy is taken.
    std::fs::remove_file(disk.0.join("hog")).unwrap();
    ballast.keep().unwrap();
    let next = world.deploy(&shop).await;
    assert!(world.events(next).await.contains("\"done\""));
}
