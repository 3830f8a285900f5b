//! The one binary: the command line, and the processes that serve.
#![forbid(unsafe_code)]

mod clock;
mod collect;
mod control_process;
mod doctor;
mod edge_process;
mod given;
mod handover;
mod line;
mod link;
mod log;
mod memory;
mod orphans;
mod parent;
mod records;
mod role;
mod serve;
mod settings;
mod soundness;
mod state;
mod stop;
mod swap;

use std::process::ExitCode;

use dormouse_cli::Hooks;

fn main() -> ExitCode {
    // Before any thread exists.
    dormouse_runtime::become_sandbox_if_asked();
    match role::Role::asked() {
        Some(role) => log::run(role, serve::role),
        None => dormouse_cli::run(
            std::env::args_os(),
            &Hooks {
                serve: serve::serve,
                doctor: doctor::examine,
                languages: dormouse_builder::LANGUAGES,
                version: env!("DORMOUSE_VERSION"),
            },
        ),
    }
}
