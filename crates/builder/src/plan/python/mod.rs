//! Planning Python services.

mod framework;
mod project;
mod requirements;
mod start;
#[cfg(test)]
mod tests;
mod version;

use super::{Listing, Plan, PlanError, Recipe, Wishes, is_named, procfile, see};
use requirements::Names;
pub use version::Interpreter;

/// How a Python service is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// Which interpreter it runs on.
    pub interpreter: Interpreter,
    /// How its dependencies are installed.
    pub install: Install,
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

/// Decide how to build a Python service.
pub(super) fn plan(listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
    let project = project::read(listing)?;
    let requires = project.as_ref().and_then(|p| p.requires_python.clone());
    let (install, names) = install(listing, wishes, project)?;
    let (interpreter, note) = version::choose(listing, requires.as_deref(), wishes.base_python)?;
    let start = match wishes.start {
        Some(start) => start.to_vec(),
        None => start::detect(listing, wishes.kind, &names)?,
    };
    let recipe = Recipe::Python(Python { interpreter, install });
    Ok(Plan { recipe, start, notes: note.into_iter().collect() })
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

/// Files that say how a folder is built.
const MANIFESTS: [&str; 3] = ["requirements.txt", "pyproject.toml", "Cargo.toml"];

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
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "go.mod",
        "Go projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "Gemfile",
        "Ruby projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "composer.json",
        "PHP projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "pom.xml",
        "Java projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
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
    let says_how = |p: &&str| MANIFESTS.iter().any(|name| is_named(p, name));
    if let Some(inner) = listing.paths().find(says_how) {
        let package =
            if is_named(inner, "Cargo.toml") { ", or name the crate there as its `package`" } else { "" };
        return Err(PlanError::new(
            format!("its top folder has no {}, but there is `{inner}`", MANIFESTS.join(" or ")),
            format!("point `source` in dormouse.toml at that folder{package}"),
        ));
    }
    Err(PlanError::new(
        format!("it has no {}", MANIFESTS.join(" and no ")),
        "list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml",
    ))
}
