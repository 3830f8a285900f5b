//! Planning Python services.

mod by_hand;
mod django;
mod factory;
#[cfg(test)]
mod found_tests;
mod framework;
mod groups;
mod install;
mod lock;
mod name;
mod poetry;
mod project;
mod requirements;
mod setup;
mod start;
#[cfg(test)]
mod tests;
mod unsupported;
mod version;

use dormouse_model::Origin;

use crate::plan::{Decision, Listing, Plan, PlanError, Wishes, is_named, procfile, see};
pub(crate) use version::Interpreter;

/// How a Python service is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreted {
    /// Which interpreter it runs on.
    pub interpreter: Interpreter,
    /// How its dependencies are installed.
    pub install: Install,
    /// Whether installing needs Git, to fetch something from a repository.
    pub git: bool,
}

/// How dependencies are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Install {
    /// There are none, and no Python either.
    Nothing,
    /// There are none: Python and its own library will do.
    Venv,
    /// A requirements file.
    Requirements {
        /// It.
        file: String,
        /// It and all it includes.
        files: Vec<String>,
        /// Whether it installs from the source folder.
        after_source: bool,
    },
    /// `pyproject.toml` with `uv.lock`.
    Locked {
        /// The lock and every `pyproject.toml`, which may be a member of its workspace.
        files: Vec<String>,
        /// Whether something of the source folder is installed too.
        package: bool,
    },
    /// `pyproject.toml` or `setup.py` alone.
    Project {
        /// The file.
        files: Vec<String>,
        /// Whether the project is itself a package.
        package: bool,
        /// Whether only its build backend knows the dependencies.
        dynamic: bool,
        /// Dependency groups that are installed too.
        groups: Vec<String>,
    },
    /// What another tool's files say, written down again as requirements.
    Written {
        /// Lines of a requirements file.
        requirements: Vec<String>,
        /// Lines of a constraints file, from a lock.
        constraints: Vec<String>,
        /// Whether it installs from the source folder.
        after_source: bool,
        /// Whether the project is itself a package.
        package: bool,
    },
    /// The manifest's own commands, run in the source folder.
    Commands(Vec<Vec<String>>),
}

/// Decide how to build a Python service.
pub(super) fn plan(listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
    let installed = install::decide(listing, wishes)?;
    let version = version::choose(
        listing,
        installed.requires.as_ref(),
        wishes.in_base.get("python").map(String::as_str),
    )?;
    let start = start::decide(listing, wishes, &installed.names)?;
    let decision = |about, value, origin| Decision { about, value, origin };
    let decisions = vec![
        decision("python", version.interpreter.to_string(), version.origin),
        decision("dependencies", installed.install.to_string(), installed.origin),
        decision("start", start.command.join(" "), start.origin),
    ];
    let mut notes = installed.notes;
    notes.extend(version.note);
    notes.extend(start.notes);
    let git = installed.git.is_some();
    let recipe = Box::new(Interpreted { interpreter: version.interpreter, install: installed.install, git });
    Ok(Plan { recipe, start: start.command, env: start.env, decisions, notes })
}

impl std::fmt::Display for Install {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing | Self::Venv => f.write_str("none"),
            Self::Requirements { file, .. } => f.write_str(file),
            Self::Locked { .. } => f.write_str("uv.lock"),
            Self::Project { files, groups, .. } if groups.is_empty() => f.write_str(&files.join(", ")),
            Self::Project { files, groups, .. } => {
                write!(f, "{}, with the group {}", files.join(", "), groups.join(", "))
            }
            Self::Written { constraints, .. } if constraints.is_empty() => f.write_str("what it lists"),
            Self::Written { .. } => f.write_str("poetry.lock"),
            Self::Commands(commands) => {
                f.write_str(&commands.iter().map(|c| c.join(" ")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
