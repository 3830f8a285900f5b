//! A disk that fills up: during a build, and before control has to come back.

use std::{io::Write, path::Path, time::Duration};

use dormouse_e2e::{Server, eventually};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::signal::{Signal, kill},
};

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

    /// Fill it to the last byte; the file that does goes with what is returned.
    fn fill(&self) -> tempfile::TempPath {
        let mut filler = tempfile::NamedTempFile::new_in(self.path()).unwrap();
        let chunk = vec![0; 1 << 20];
        for size in [1 << 20, 4096, 1] {
            while filler.as_file_mut().write_all(&chunk[..size]).is_ok() {}
        }
        filler.into_temp_path()
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
    disk.grow("2g");
    server.ok(&["deploy", &folder.path().to_string_lossy()]);
    eventually("it answers", Duration::from_secs(60), || {
        let reply = server.visit("tight.localhost").get("/health");
        if reply.status == 200 { Ok(()) } else { Err(format!("{reply:?}")) }
    });

    // Bug: control could not write its first file, and took the whole server with it.
    let filler = disk.fill();
    let control = server.pid_of("control");
    kill(control, Signal::SIGKILL).unwrap();
    for _ in 0..30 {
        assert_eq!(server.visit("tight.localhost").get("/health").status, 200, "served without control");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(filler);
    eventually("control is back", Duration::from_secs(30), || {
        let listed = server.run(&["ps"]);
        if listed.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&listed.stderr).into_owned())
        }
    });
    assert_eq!(server.visit("tight.localhost").get("/health").status, 200);
}
