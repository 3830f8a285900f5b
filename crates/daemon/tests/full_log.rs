//! What the server's processes do when nothing more can be written to their log.
#![allow(missing_docs, reason = "a test")]

use std::{fs::File, process::Command};

/// Bug: where the log was on the disk that had become full, the first line that was not written ended the whole server.
#[test]
fn a_log_that_is_full_ends_nobody() {
    let mut control = Command::new(env!("CARGO_BIN_EXE_dormouse"));
    // Started by hand it has nothing to do, says so, and fails; a panic has another exit code.
    control.arg("control").stderr(File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(control.status().unwrap().code(), Some(1));
}
