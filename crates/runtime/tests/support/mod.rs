//! A test program without the usual harness: a sandbox begins as a re-execution of this very program.
#![allow(unreachable_pub)]

use std::{fs, os::unix::fs::symlink, path::Path, process::ExitCode};

/// A root with busybox in it.
pub fn fill(root: &Path) {
    let bin = root.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(dormouse_trials::busybox().unwrap(), bin.join("busybox")).unwrap();
    for name in [
        "sh", "cat", "id", "ls", "mount", "unshare", "ps", "sleep", "touch", "stat", "rm", "head", "tail",
        "hostname", "mkdir", "chown", "kill", "grep", "true", "echo", "dd", "readlink", "mknod", "reboot",
        "wc", "tr", "cksum", "nc", "timeout", "mkfifo", "yes", "df", "cut", "sync",
    ] {
        symlink("busybox", bin.join(name)).unwrap();
    }
}

/// Run them, where there can be sandboxes.
pub fn main(tests: &[(&str, fn())]) -> ExitCode {
    dormouse_runtime::become_sandbox_if_asked();
    dormouse_trials::run(dormouse_trials::lacks_sandboxes(), tests)
}
