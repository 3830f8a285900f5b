//! `dormouse serve`, and the processes it is made of.

use anyhow::Result;
use dormouse_cli::ServeArgs;

use crate::{clock, control_process, edge_process, log, parent, role::Role};

/// Serve until told to stop.
pub(crate) fn serve(args: &ServeArgs) -> Result<()> {
    log::listen();
    parent::serve(args)
}

/// Be one of the server's processes.
pub(crate) fn role(role: Role) -> Result<()> {
    clock::inherit();
    match role {
        Role::Control => control_process::run(),
        Role::Edge => edge_process::run(),
    }
}
