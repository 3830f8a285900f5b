//! The arguments as typed.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Runs your app from its folder, and puts it to sleep, memory and all, while nobody uses it
#[derive(Debug, Parser)]
#[command(name = "dormouse", bin_name = "dormouse", arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// State folder of the server [default: /var/lib/dormouse for root, ~/.local/share/dormouse otherwise] [env:
    /// DORMOUSE_STATE]
    // Not clap's to read: whatever it knows from the environment it writes into the usage, as if it had to be given.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Address that visitors connect to, or only its port; 0.0.0.0:80 lets others in [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR", value_parser = crate::listen::listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Write JSON for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server if none runs, build and deploy a folder, show its URL, and stay until Ctrl-C
    Up(DeployArgs),
    /// Run the server; when it is stopped the apps run on, and the next one takes them over
    Serve(ServeArgs),
    /// Build and deploy a folder to a running server
    Deploy(DeployArgs),
    /// End a deploy that is under way; what was live before it goes on
    Cancel(CancelArgs),
    /// List services
    Ps(PsArgs),
    /// Show what services write, and what happens to them
    Logs(LogsArgs),
    /// Put a project or a service to sleep now
    Sleep(TargetArgs),
    /// Wake a project or a service
    Wake(TargetArgs),
    /// Replace a project's or a service's processes by new ones, without a gap
    Restart(TargetArgs),
    /// Keep variables and secrets for a project's services
    #[command(subcommand)]
    Env(EnvCommand),
    /// Stop projects and forget them
    Down(DownArgs),
    /// Check whether this machine can run apps, and say what to do where not
    Doctor,
    /// Print what makes a shell complete these commands
    Completions(CompletionsArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeployArgs {
    /// Folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Compose file to deploy, in place of what DIR holds; further ones are laid over the first
    #[arg(long = "file", short, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Start the services of this compose profile too
    #[arg(long = "profile", value_name = "NAME")]
    pub(crate) profiles: Vec<String>,
    /// File of variables for ${NAME} in the manifest, in place of the .env beside it
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,
    /// Name of the project, whatever the folder says
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Show all build output
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CancelArgs {
    /// Which deploy: its number, such as d14, or its project
    #[arg(value_name = "DEPLOY|PROJECT")]
    pub(crate) deploy: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Take over from the server that runs on the state folder, without a gap: this is how it is upgraded
    #[arg(long)]
    pub(crate) take_over: bool,
    /// When the server is stopped, stop the apps too and clean up: for containers, in which they could not run on
    #[arg(long)]
    pub(crate) stop_apps: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PsArgs {
    /// Only this project, or service of a project
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogsArgs {
    /// Whose logs; without it, everybody's; with --build also a deploy's number, such as d14
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: Option<String>,
    /// Show the newest build and rollout of a project instead, to its end when it still runs
    #[arg(long, requires = "target", conflicts_with_all = ["since", "tail"])]
    pub(crate) build: bool,
    /// Stay, and show lines as they are written
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Nothing older: 30s, 10min, 2h, 1d, or a time such as 2026-01-31, "2026-01-31 12:00", 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = crate::since::since, allow_hyphen_values = true)]
    pub(crate) since: Option<crate::since::Since>,
    /// At most so many of the newest lines
    #[arg(long, short = 'n', value_name = "LINES")]
    pub(crate) tail: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TargetArgs {
    /// Which project, or service of a project
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DownArgs {
    /// Which projects
    #[arg(value_name = "PROJECT", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) projects: Vec<String>,
    /// Every project, also those that a stopped server left running
    #[arg(long)]
    pub(crate) all: bool,
    /// Leave their logs in the state folder
    #[arg(long)]
    pub(crate) keep_logs: bool,
    /// Forget the variables kept with `dormouse env` too
    #[arg(long)]
    pub(crate) purge: bool,
    /// End only what runs and the server's database does not know
    #[arg(long, conflicts_with_all = ["all", "keep_logs", "purge"])]
    pub(crate) quarantined: bool,
}

/// What is to be done with variables.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Keep variables, and start the services anew with them
    ///
    /// They are sealed on the server's disk, reach the services' processes, and fill in ${NAME} in manifests. They hold
    /// over what files say, outlive `down`, and go with `down --purge`.
    Set(EnvSetArgs),
    /// Forget variables
    Unset(EnvUnsetArgs),
    /// List the names of what is kept
    Ls(TargetArgs),
    /// Keep the variables of a file such as .env
    Import(EnvImportArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvSetArgs {
    /// For whom: every service of a project, or one
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: String,
    /// NAME=VALUE; NAME=- reads the value from standard input, where no shell history and no list of processes sees it
    #[arg(value_name = "NAME=VALUE", required_unless_present = "from_files")]
    pub(crate) variables: Vec<String>,
    /// NAME=FILE: take the value from a file
    #[arg(long = "from-file", value_name = "NAME=FILE")]
    pub(crate) from_files: Vec<String>,
    #[command(flatten)]
    pub(crate) when: EnvWhen,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvUnsetArgs {
    /// For whom: every service of a project, or one
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: String,
    /// Which variables
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) when: EnvWhen,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvImportArgs {
    /// For whom: every service of a project, or one
    #[arg(value_name = "PROJECT[/SERVICE]")]
    pub(crate) target: String,
    /// File of NAME=VALUE lines; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) when: EnvWhen,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvWhen {
    /// Leave what runs alone: the change takes effect with the next restart or deploy
    #[arg(long)]
    pub(crate) no_restart: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// Which shell, such as `source <(dormouse completions bash)` in ~/.bashrc
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Args::command().debug_assert();
    }
}
