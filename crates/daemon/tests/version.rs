//! `dormouse --version` names the commit that it was built from.
#![allow(missing_docs, reason = "a test")]

use std::{path::Path, process::Command};

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_commit_is_told_where_there_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // A tarball may lie within somebody's clone.
    let commit = root
        .join(".git")
        .exists()
        .then(|| said(Command::new("git").arg("-C").arg(&root).args(["rev-parse", "--short=12", "HEAD"])));
    let release = env!("CARGO_PKG_VERSION");
    let version = match commit.flatten() {
        Some(commit) => format!("dormouse {release} ({commit})"),
        None => format!("dormouse {release}"),
    };
    assert_eq!(said(Command::new(env!("CARGO_BIN_EXE_dormouse")).arg("--version")), Some(version));
}
