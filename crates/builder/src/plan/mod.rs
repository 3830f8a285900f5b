//! From a source folder to what has to be done: pure, and the same every time.

mod framework;
mod listing;
mod procfile;
mod project;
mod python;
mod requirements;
mod start;

use std::collections::BTreeSet;

use dormouse_model::ServiceKind;

pub use listing::Listing;
pub use python::Python;
use requirements::Names;

/// What the manifest and the base say that planning has to respect.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// What kind of process it is.
    pub kind: ServiceKind,
    /// The start command, when the manifest names one.
    pub start: Option<&'a [String]>,
    /// Debian packages the manifest asks for.
    pub packages: &'a BTreeSet<String>,
    /// Full version of the base's own Python, if it has one.
    pub base_python: Option<&'a str>,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which interpreter it runs on.
    pub python: Python,
    /// How its dependencies are installed.
    pub install: Install,
    /// The start command, `$PORT` still in it.
    pub start: Vec<String>,
    /// Things worth saying in the build log.
    pub notes: Vec<String>,
}

/// How dependencies are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    /// There are none.
    Nothing,
    /// `requirements.txt`.
    Requirements {
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
    /// `pyproject.toml` alone.
    Project {
        /// The file.
        files: Vec<String>,
        /// Whether the project is itself a package.
        package: bool,
        /// Whether only its build backend knows the dependencies.
        dynamic: bool,
    },
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}\n  hint: {hint}")]
pub struct PlanError {
    /// What is missing or wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
}

impl PlanError {
    pub(crate) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

/// Decide how to build what is listed.
///
/// # Errors
/// When it is not something we know how to build or start, with what to do about it.
pub fn plan(listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
    if listing.paths().next().is_none() {
        return Err(PlanError::new("the source folder is empty", "check `source` in dormouse.toml"));
    }
    let project = project::read(listing)?;
    let requires = project.as_ref().and_then(|p| p.requires_python.clone());
    let (install, names) = install(listing, wishes, project)?;
    let (python, note) = python::choose(listing, requires.as_deref(), wishes.base_python)?;
    let start = match wishes.start {
        Some(start) => start.to_vec(),
        None => start::detect(listing, wishes.kind, &names)?,
    };
    Ok(Plan { python, install, start, notes: note.into_iter().collect() })
}

fn install(
    listing: &Listing,
    wishes: &Wishes<'_>,
    project: Option<project::Project>,
) -> Result<(Install, Names), PlanError> {
    match project {
        Some(p) if listing.has("uv.lock") => {
            let mut names = p.names;
            start::add_locked(listing.text("uv.lock").unwrap_or_default(), &mut names);
            let mut files: Vec<String> =
                listing.paths().filter(|f| is_named(f, "pyproject.toml")).map(str::to_owned).collect();
            let workspace = files.len() > 1;
            files.push("uv.lock".to_owned());
            return Ok((Install::Locked { files, package: p.package || workspace }, names));
        }
        Some(p) if !listing.has("requirements.txt") && (p.described || p.package) => {
            let files = vec!["pyproject.toml".to_owned()];
            if p.dynamic && !p.package {
                return Err(PlanError::new(
                    "pyproject.toml leaves its dependencies to a build backend, and names none",
                    "list them under [project] dependencies, or add a [build-system] table",
                ));
            }
            return Ok((Install::Project { files, package: p.package, dynamic: p.dynamic }, p.names));
        }
        Some(_) | None => {}
    }
    if listing.has("requirements.txt") {
        let found = requirements::read(listing, "requirements.txt")?;
        return Ok((Install::Requirements { files: found.files, after_source: found.local }, found.names));
    }
    unsupported(listing, wishes)?;
    Ok((Install::Nothing, Names::default()))
}

fn is_named(path: &str, name: &str) -> bool {
    path == name || path.strip_suffix(name).is_some_and(|p| p.ends_with('/'))
}

/// Signs of something we cannot build, the most telling first.
const UNSUPPORTED: &[(&str, &str, &str)] = &[
    (
        "setup.py",
        "it has a setup.py and no requirements.txt or pyproject.toml",
        "move the metadata of setup.py into a pyproject.toml, or add a requirements.txt that holds `.`",
    ),
    (
        "setup.cfg",
        "it has a setup.cfg and no requirements.txt or pyproject.toml",
        "move the metadata of setup.cfg into a pyproject.toml, or add a requirements.txt that holds `.`",
    ),
    (
        "Pipfile",
        "Pipfiles are not supported",
        "run `pipenv requirements > requirements.txt` and deploy again",
    ),
    ("environment.yml", "conda environments are not supported", "list the packages in a requirements.txt"),
    (
        "package.json",
        "Node.js projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "Cargo.toml",
        "Rust projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "go.mod",
        "Go projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "Gemfile",
        "Ruby projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "composer.json",
        "PHP projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "pom.xml",
        "Java projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml can be built so far",
    ),
    (
        "Dockerfile",
        "it has only a Dockerfile, and Dockerfiles are not used",
        "list Python packages in a requirements.txt, Debian packages as `packages` and the command as `start` in dormouse.toml",
    ),
    ("index.html", "static sites are not supported yet", "serve the files from a Python app for now"),
];

/// Without dependencies a start command is enough, as long as it can be found in the image.
fn unsupported(listing: &Listing, wishes: &Wishes<'_>) -> Result<(), PlanError> {
    let told = wishes.start.is_some() || listing.has("Procfile");
    for (file, why, hint) in UNSUPPORTED.iter().filter(|(file, ..)| listing.has(file)) {
        let foreign = !matches!(*file, "Dockerfile" | "index.html");
        if (foreign && wishes.packages.is_empty()) || !told {
            return Err(PlanError::new(format!("{why} (found {file})"), *hint));
        }
    }
    if told {
        return Ok(());
    }
    if let Some(inner) =
        listing.paths().find(|p| is_named(p, "requirements.txt") || is_named(p, "pyproject.toml"))
    {
        return Err(PlanError::new(
            format!("its top folder has no requirements.txt or pyproject.toml, but there is `{inner}`"),
            "point `source` in dormouse.toml at that folder",
        ));
    }
    Err(PlanError::new(
        "it has no requirements.txt and no pyproject.toml",
        "list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml",
    ))
}

#[cfg(test)]
mod tests;
