//! `dormouse serve`, and the processes it is made of.

use anyhow::{Result, bail};
use dormouse_cli::ServeArgs;

use crate::{edge_process, role::Role, settings, state::StateDir};

/// What is missing is said here, in one place, instead of being pretended somewhere below: control needs something
/// that runs instances (`runtime` does, on no network yet) and something that builds (`builder`'s
/// phases are not joined to its base yet).
const NO_HANDS: &str = "this version cannot serve yet: its sandboxes have no network, and its builds do not start from the base\n  hint: see `Status` in README.md; `dormouse doctor` tells whether this machine will do";

/// Serve until told to stop.
pub(crate) fn serve(args: &ServeArgs) -> Result<()> {
    let state = StateDir::open(&args.state)?;
    let _lock = state.lock()?;
    // Wrong settings are told before anything else is.
    settings::Typed::read(&state.settings())?.resolve(args.listen)?;
    bail!(NO_HANDS)
}

/// Be one of the server's processes.
pub(crate) fn role(role: Role) -> Result<()> {
    match role {
        Role::Control => bail!(NO_HANDS),
        Role::Edge => edge_process::run(),
    }
}
