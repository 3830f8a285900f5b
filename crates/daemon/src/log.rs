//! What the server's processes say about themselves, on standard error.

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Result;
use nix::sys::prctl;
use tracing_subscriber::EnvFilter;

use crate::role::Role;

/// From now on what is told is written.
pub(crate) fn listen() {
    let filter =
        EnvFilter::try_from_env("DORMOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("info,nlink=error"));
    // A second call would be ours; the first one stays in force.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        // Told of on standard error too, a line that a full disk refuses would be a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .try_init();
}

/// Be a process of the server, and tell how it ended.
pub(crate) fn run(role: Role, process: fn(Role) -> Result<()>) -> ExitCode {
    listen();
    // The name of a program started through /proc would be `exe`. Only people who look at processes read it.
    let _ = prctl::set_name(c"dormouse");
    match process(role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(role = role.name(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}
