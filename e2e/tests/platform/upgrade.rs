//! From the last release to what is in this folder.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use dormouse_e2e::{Server, binary, target, workspace};

use crate::handover;

/// The newest release that is not this commit itself, as Git's tags have it.
fn last_release() -> String {
    let out = Command::new("git")
        .args(["describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1"])
        .current_dir(workspace())
        .output()
        .expect("git runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(out.status.success(), "no release is tagged here (git fetch --tags?): {}", said(&out.stderr));
    said(&out.stdout)
}

/// The binary of a release, built where the next run finds it.
fn build(tag: &str, source: &Path) -> PathBuf {
    let mut archive = Command::new("git")
        .args(["archive", "--format=tar", tag])
        .current_dir(workspace())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    let files = archive.stdout.take().expect("it is piped");
    let unpacked =
        Command::new("tar").args(["-x", "-C"]).arg(source).stdin(files).status().expect("tar runs");
    assert!(archive.wait().expect("it ends").success() && unpacked.success(), "cannot unpack {tag}");
    let target = target().join("last-release");
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "dormouse-daemon", "--target-dir"])
        .arg(&target)
        .current_dir(source)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "cannot build {tag}");
    target.join("release/dormouse")
}

/// Nothing is lost on the way from the last release: requests, WebSockets, apps, what sleeps, and what is stored.
pub(crate) fn from_the_last_release() {
    let tag = last_release();
    let source = tempfile::tempdir().unwrap();
    let old = build(&tag, source.path());
    println!("from {tag}");
    let state = tempfile::tempdir().unwrap();
    let server = Server::start_of(&old, state.path());
    handover::to(&server, &binary());
    server.stop();
}
