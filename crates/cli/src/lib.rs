//! The command line: arguments become settings, settings become calls of the control API.
//!
//! What needs the server's own code, `serve` and the looks of `doctor`, comes in as [`Hooks`] from the binary.
#![forbid(unsafe_code)]

mod args;
mod deploy;
mod doctor;
mod down;
mod env;
mod human;
mod listen;
mod logs;
mod pack;
mod plain;
mod ps;
mod server;
mod settings;
mod since;
mod source;
mod stop;
mod streams;
mod target;
mod up;
mod verbs;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};
pub use doctor::{Check, Verdict};
use dormouse_model::manifest::Languages;
pub use streams::Streams;

use crate::{
    args::{Args, Command},
    settings::Settings,
};

/// Success.
const OK: u8 = 0;
/// It did not work.
const FAILED: u8 = 1;
/// It was not asked for in a way we understand.
const USAGE: u8 = 2;
/// Whoever asked has left before it was done: what shells say of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What the binary brings, because it needs the server's code.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// Serve in this process until told to stop.
    pub serve: fn(&ServeArgs) -> Result<()>,
    /// Look at this machine.
    pub doctor: fn(&DoctorArgs) -> Vec<Check>,
    /// The languages that the server can build.
    pub languages: &'static dyn Languages,
    /// The binary's version.
    pub version: &'static str,
}

/// What `serve` is to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeArgs {
    /// State folder, absolute.
    pub state: PathBuf,
    /// Address of the public listener.
    pub listen: SocketAddr,
    /// Whether that address was asked for; a server that is taken over from has its own.
    pub listen_given: bool,
    /// Whether to take over from the server that runs.
    pub take_over: bool,
    /// Whether the apps end with the server.
    pub stop_apps: bool,
}

/// What `doctor` is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorArgs {
    /// State folder, absolute.
    pub state: PathBuf,
    /// Address the public listener would use.
    pub listen: SocketAddr,
    /// Where the server of the state folder listens, when one runs.
    pub server: Option<SocketAddr>,
    /// The projects there are, when one runs.
    pub projects: Option<Vec<String>>,
}

/// Run the command line (`args` begins with the program's name) on standard output and error.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>, hooks: &Hooks) -> ExitCode {
    ExitCode::from(run_to(args, hooks, &mut Streams::standard()))
}

/// As [`run`], but writes where it is told. Returns the exit code: 0 success, 1 failure, 2 usage.
pub fn run_to(args: impl IntoIterator<Item = OsString>, hooks: &Hooks, streams: &mut Streams) -> u8 {
    let matches = Args::command().version(hooks.version).try_get_matches_from(args);
    let args = match matches.and_then(|m| Args::from_arg_matches(&m)) {
        Ok(args) => args,
        Err(e) => {
            let wrong = e.use_stderr();
            let text = e.render();
            let text = if streams.color(wrong) { text.ansi().to_string() } else { text.to_string() };
            // Nobody is left to tell when this fails too.
            let _ = if wrong { streams.err_text(&text) } else { streams.out_text(&text) };
            return if wrong { USAGE } else { OK };
        }
    };
    match dispatch(args, hooks, streams) {
        Ok(code) => code,
        Err(e) if is_broken_pipe(&e) => OK,
        Err(e) => {
            let _ = streams.error(&human::error(&e));
            FAILED
        }
    }
}

fn dispatch(args: Args, hooks: &Hooks, streams: &mut Streams) -> Result<u8> {
    let settings = Settings::resolve(&args.global, hooks.languages)?;
    match args.command {
        Command::Serve(args) => {
            (hooks.serve)(&ServeArgs {
                state: settings.state,
                listen: settings.listen,
                listen_given: settings.listen_given,
                take_over: args.take_over,
                stop_apps: args.stop_apps,
            })?;
            Ok(OK)
        }
        Command::Doctor => {
            let (server, all) = block_on(async {
                let client = settings.client();
                Ok((client.server().await.ok(), client.ps().await.ok()))
            })?;
            let projects = all.map(|all| all.into_iter().map(|service| service.project).collect());
            let server = server.and_then(|info| info.listen.parse().ok());
            let listen =
                if settings.listen_given { settings.listen } else { server.unwrap_or(settings.listen) };
            let checks =
                (hooks.doctor)(&DoctorArgs { state: settings.state.clone(), listen, server, projects });
            doctor::show(&settings, &checks, streams)
        }
        Command::Up(args) => block_on(up::up(&settings, &args, streams)),
        Command::Deploy(args) => block_on(deploy::deploy(&settings, &args, streams)),
        Command::Cancel(args) => block_on(verbs::cancel(&settings, &args, streams)),
        Command::Ps(args) => block_on(ps::ps(&settings, &args, streams)),
        Command::Logs(args) => block_on(logs::logs(&settings, &args, streams)),
        Command::Sleep(args) => block_on(verbs::apply(&settings, verbs::Verb::Sleep, &args, streams)),
        Command::Wake(args) => block_on(verbs::apply(&settings, verbs::Verb::Wake, &args, streams)),
        Command::Restart(args) => block_on(verbs::apply(&settings, verbs::Verb::Restart, &args, streams)),
        Command::Env(command) => block_on(env::env(&settings, &command, streams)),
        Command::Down(args) => block_on(down::down(&settings, &args, streams)),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Args::command(), "dormouse", &mut script);
            streams.out_text(&String::from_utf8_lossy(&script))?;
            Ok(OK)
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A pack that nobody reads any more must not keep us.
    runtime.shutdown_background();
    result
}

/// The reader of a pipe (`| head`) has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|e| e.downcast_ref::<std::io::Error>())
        .any(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
