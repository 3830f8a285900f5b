//! A disk that fills up during a build.

use std::{path::Path, time::Duration};

use dormouse_e2e::{Server, eventually};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::toolbox::folder;

/// A small file system of its own, unmounted at the end.
struct Small(tempfile::TempDir);

impl Small {
    fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mount(
            Some("tmpfs"),
            folder.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(format!("size={size}").as_str()),
        )
        .unwrap();
        Self(folder)
    }

    fn grow(&self, size: &str) {
        mount(
            None::<&str>,
            self.0.path(),
            None::<&str>,
            MsFlags::MS_REMOUNT,
            Some(format!("size={size}").as_str()),
        )
        .unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = umount2(self.0.path(), MntFlags::MNT_DETACH);
    }
}

pub(crate) fn full_disk() {
    let disk = Small::new("96m");
    let server = Server::start_in(disk.path());
    let folder = folder("name = \"tight\"\n[services.web]\nsource = \".\"\n");
    let error = server.fails(&["deploy", &folder.path().to_string_lossy()]).to_lowercase();
    assert!(error.contains("disk") || error.contains("space"), "{error}");
    let _ = server.ps();
    disk.grow("4g");
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    eventually("it answers", Duration::from_secs(60), || {
        let reply = server.visit("tight.localhost").get("/health");
        if reply.status == 200 { Ok(()) } else { Err(format!("{reply:?}")) }
    });
}
