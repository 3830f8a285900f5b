//! Why an operation was refused.

use dormouse_backend::WorkloadError;
use dormouse_model::{NameError, ProjectName, ServiceKey, WakeRefused};

use crate::{DeployId, Origin, StoreError, ballast::Free};

/// Why an operation was refused, in words for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// A name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The manifest has problems; each with its place.
    #[error("{0}")]
    Manifest(String),
    /// The uploaded source cannot be used.
    #[error("{0}")]
    Source(String),
    /// No project of this name.
    #[error("there is no project `{name}`{}", did_you_mean(known))]
    NoSuchProject {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The project has no service of this name.
    #[error("the project `{project}` has no service `{name}`{}", did_you_mean(known))]
    NoSuchService {
        /// Which project.
        project: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The project's name is that of one from another folder.
    #[error(
        "the project `{name}` was deployed from {}, and this is {here}\n  hint: `--project NAME` deploys it under another name; `--project {name}` replaces what is there: for a folder that was moved, a second clone, or a build server that clones anew each time",
        was.seen_from(here)
    )]
    NameTaken {
        /// The name.
        name: ProjectName,
        /// Where that project comes from.
        was: Origin,
        /// Where this one is.
        here: Origin,
    },
    /// No deploy of this number.
    #[error("there is no deploy {0}")]
    NoSuchDeploy(DeployId),
    /// The deploy has ended.
    #[error("{0} is over, so there is nothing to cancel")]
    DeployOver(DeployId),
    /// How the project came here is not known any more.
    #[error("nothing is known of how `{0}` was deployed\n  hint: deploy it again")]
    NeverDeployed(String),
    /// What was told to end did not.
    #[error(
        "what runs of `{0}` and the database does not know has not ended yet\n  hint: it is still being stopped; `dormouse ps` shows whether it is there"
    )]
    StillRuns(String),
    /// The project is being removed.
    #[error("the project `{0}` is being removed\n  hint: wait until `dormouse ps` no longer lists it")]
    Removing(String),
    /// A variable that cannot be kept.
    #[error("{0}")]
    Variable(String),
    /// Nothing of the service was ever built.
    #[error("{0} was never built, so there is nothing to run\n  hint: deploy it first")]
    NothingBuilt(ServiceKey),
    /// It is a job.
    #[error(
        "{0} is a job: it runs to its end, and neither sleeps nor wakes\n  hint: `dormouse restart {0}` runs it again"
    )]
    Job(ServiceKey),
    /// It did not fall asleep.
    #[error("{key} does not fall asleep: {why}")]
    StaysAwake {
        /// Which service.
        key: ServiceKey,
        /// What keeps it awake.
        why: String,
    },
    /// It did not wake.
    #[error("cannot wake {key}: {refused}")]
    Wake {
        /// Which service.
        key: ServiceKey,
        /// Why.
        refused: WakeRefused,
    },
    /// What was to replace its process does not become ready.
    #[error("{key} was not replaced: {}", why(refused))]
    Replace {
        /// Which service.
        key: ServiceKey,
        /// Why.
        refused: WakeRefused,
    },
    /// Variables are kept, and a process that has them does not become ready.
    #[error(
        "{0}\n  hint: what is kept stays so, for the next restart or deploy; `dormouse env set` and `dormouse env unset` change it again"
    )]
    Kept(Box<OpError>),
    /// There is no room for more.
    #[error("{0}")]
    Full(String),
    /// The disk has no room for a deploy.
    #[error(
        "the disk of the server's state folder ({}) has {} free, and a deploy is not begun with less than {}\n  hint: `dormouse down` what nobody needs, or make room there: `du -x` tells what takes it; what runs is served meanwhile",
        state.display(),
        free.beside(*needed)[0],
        free.beside(*needed)[1]
    )]
    DiskFull {
        /// Where.
        state: std::path::PathBuf,
        /// What there is.
        free: Free,
        /// What there has to be.
        needed: Free,
    },
    /// The store cannot serve.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hands could not do it.
    #[error("{}", chain(.0))]
    Workload(#[from] WorkloadError),
    /// A file could not be written or read.
    #[error("cannot {what}: {source}")]
    File {
        /// What was being done.
        what: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// The server is on its way out.
    #[error("the server is stopping\n  hint: ask again when it is back")]
    Closing,
}

fn did_you_mean(known: &[String]) -> String {
    match known {
        [] => "\n  hint: nothing is deployed yet; `dormouse up DIR` deploys a folder".to_owned(),
        known => format!("\n  hint: there is {}", known.join(", ")),
    }
}

/// What became of a new process.
fn why(refused: &WakeRefused) -> String {
    match refused {
        WakeRefused::Crashed { reason, .. } => reason.clone(),
        WakeRefused::Unknown | WakeRefused::TimedOut => refused.to_string(),
    }
}

/// An error with all its causes, in one line; a hint stays at the end.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut hint = None;
    if let Some((head, tail)) = text.clone().split_once("\n  hint: ") {
        hint = Some(tail.to_owned());
        head.clone_into(&mut text);
    }
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = source.source();
    }
    match hint {
        Some(hint) => format!("{text}\n  hint: {hint}"),
        None => text,
    }
}

/// The first line, for places that have room for one.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
