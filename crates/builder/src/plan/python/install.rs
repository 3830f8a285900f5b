//! How the dependencies are installed.

use super::{
    Install, Listing, Origin, PlanError, Wishes, lock, poetry, project,
    requirements::{self, Names},
    setup, unsupported,
    version::Requires,
};

/// What was decided, and what is known because of it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) install: Install,
    pub(crate) origin: Option<Origin>,
    /// Everything that is installed, as far as it is known.
    pub(crate) names: Names,
    pub(crate) requires: Option<Requires>,
    /// Where it is said that something comes from a Git repository.
    pub(crate) git: Option<Origin>,
    pub(crate) notes: Vec<String>,
}

impl Decided {
    fn new(install: Install, origin: Option<Origin>) -> Self {
        let (names, notes) = (Names::default(), Vec::new());
        Self { install, origin, names, requires: None, git: None, notes }
    }
}

/// Decide. What the manifest says goes first, then a lock, then a requirements.txt, then a description of the project.
pub(crate) fn decide(listing: &Listing, wishes: &Wishes<'_>) -> Result<Decided, PlanError> {
    let project = project::read(listing, "")?;
    let setup = setup::read(listing, "")?;
    let requires = project.as_ref().and_then(|p| p.requires.clone());
    let requires = requires.or_else(|| setup.as_ref().and_then(|s| s.requires.clone()));
    let mut decided = one(listing, wishes, project, setup)?;
    decided.requires = requires;
    for (file, why) in [
        ("Pipfile.lock", "only uv's and Poetry's locks are read"),
        ("pdm.lock", "only uv's and Poetry's locks are read"),
        (poetry::LOCK, "something else says what to install"),
    ] {
        let is_used = file == poetry::LOCK && matches!(decided.install, Install::Written { .. });
        if listing.has(file) && !is_used {
            decided.notes.push(format!("{file} is not used: {why}"));
        }
    }
    for name in ["requirements.txt", "pyproject.toml", "Procfile", "runtime.txt", ".python-version"] {
        if let Some(near) = listing.misspelt(name) {
            decided.notes.push(format!("{near} is not read: its name would have to be {name}"));
        }
    }
    Ok(decided)
}

fn one(
    listing: &Listing,
    wishes: &Wishes<'_>,
    project: Option<project::Project>,
    setup: Option<setup::Setup>,
) -> Result<Decided, PlanError> {
    if !wishes.install.is_empty() {
        return commands(listing, wishes);
    }
    if let Some(file) = wishes.requirements {
        if !listing.has(file) {
            return Err(PlanError::new(
                format!("there is no {file} in the source folder"),
                "check `requirements` in dormouse.toml: it is relative to the service's source folder",
            ));
        }
        return requirements_file(listing, file);
    }
    if let Some(project) = &project
        && let Some(locked) = lock::read(listing, project)?
    {
        return Ok(uv_lock(listing, project, locked));
    }
    if listing.has("requirements.txt") {
        return requirements_file(listing, "requirements.txt");
    }
    match project {
        Some(p) if p.poetry.as_ref().is_some_and(|poetry| !poetry.dependencies.is_empty()) => {
            return poetry_project(listing, p);
        }
        Some(p) if listing.has(poetry::LOCK) && !(p.dynamic && p.dependencies.is_empty()) => {
            return poetry_project(listing, p);
        }
        Some(p) if p.described || p.package => return described(p),
        Some(_) | None => {}
    }
    if let Some(setup) = setup {
        let file = if listing.has("setup.py") { "setup.py" } else { "setup.cfg" };
        let files = vec![file.to_owned()];
        let install = Install::Project { files, package: true, dynamic: true };
        let decided = Decided::new(install, Some(Origin::found(file, None)));
        return Ok(Decided { names: setup.names, ..decided });
    }
    if let Some(folder) = wishes.workdir {
        let file = requirements::join(folder, "requirements.txt");
        if listing.has(&file) {
            return requirements_file(listing, &file);
        }
    }
    unsupported::check(listing, wishes)?;
    let python = |program: &String| program.starts_with("python");
    let is_python = wishes.start.and_then(<[_]>::first).is_some_and(python)
        || listing.paths().any(|path| path.ends_with(".py"));
    Ok(Decided::new(if is_python { Install::Venv } else { Install::Nothing }, None))
}

/// The manifest's own commands; what they install is known as far as they name it.
fn commands(listing: &Listing, wishes: &Wishes<'_>) -> Result<Decided, PlanError> {
    let mut decided =
        Decided::new(Install::Commands(wishes.install.to_vec()), wishes.install_origin.cloned());
    for command in wishes.install {
        let mut words = command.iter().skip_while(|w| *w != "install").skip(1);
        while let Some(word) = words.next() {
            if matches!(word.as_str(), "-r" | "--requirement") {
                let Some(file) = words.next().filter(|f| listing.has(f)) else { continue };
                let found = requirements::read(listing, file)?;
                decided.names.extend(found.names);
                decided.git = decided.git.or(found.git);
            } else if word == "." {
                let described = project::read(listing, "")?.map(|p| p.names);
                let setup = setup::read(listing, "")?.map(|s| s.names);
                described.into_iter().chain(setup).for_each(|names| decided.names.extend(names));
            } else if !word.starts_with('-') {
                decided.names.add(word);
                if requirements::is_git(word) {
                    decided.git = decided.git.or_else(|| wishes.install_origin.cloned());
                }
            }
        }
    }
    Ok(decided)
}

fn requirements_file(listing: &Listing, file: &str) -> Result<Decided, PlanError> {
    let found = requirements::read(listing, file)?;
    let install =
        Install::Requirements { file: file.to_owned(), files: found.files, after_source: found.local };
    let decided = Decided::new(install, Some(Origin::found(file, None)));
    Ok(Decided { names: found.names, git: found.git, ..decided })
}

fn uv_lock(listing: &Listing, project: &project::Project, locked: lock::Locked) -> Decided {
    let is_project = |f: &&str| super::is_named(f, "pyproject.toml");
    let mut files: Vec<String> = listing.paths().filter(is_project).map(str::to_owned).collect();
    let is_workspace = files.len() > 1;
    files.push(lock::LOCK.to_owned());
    let install = Install::Locked { files, package: project.package || is_workspace };
    let mut decided = Decided::new(install, Some(Origin::found(lock::LOCK, None)));
    decided.names = project.names.clone();
    decided.names.extend(locked.names);
    decided.git = locked.git;
    decided
}

fn poetry_project(listing: &Listing, project: project::Project) -> Result<Decided, PlanError> {
    let poetry = project.poetry.as_ref();
    let mut requirements = project.dependencies.clone();
    requirements.extend(poetry.into_iter().flat_map(|p| p.dependencies.clone()));
    let constraints = poetry::constraints(listing, &project.names)?;
    let origin = if constraints.is_some() { poetry::LOCK } else { "pyproject.toml" };
    let install = Install::Written {
        requirements,
        constraints: constraints.unwrap_or_default(),
        after_source: poetry.is_some_and(|p| p.local),
        package: project.package,
    };
    let decided = Decided::new(install, Some(Origin::found(origin, None)));
    let notes = match poetry {
        Some(p) if !p.is_package => {
            vec!["the project itself is not installed: it is no package that can be".to_owned()]
        }
        Some(_) | None => Vec::new(),
    };
    Ok(Decided { names: project.names, git: project.git, notes, ..decided })
}

fn described(project: project::Project) -> Result<Decided, PlanError> {
    if project.dynamic && !project.package {
        return Err(PlanError::new(
            "pyproject.toml leaves its dependencies to a build backend, and names none",
            "list them under [project] dependencies, or add a [build-system] table",
        ));
    }
    let files = vec!["pyproject.toml".to_owned()];
    let install = Install::Project { files, package: project.package, dynamic: project.dynamic };
    let decided = Decided::new(install, Some(Origin::found("pyproject.toml", None)));
    Ok(Decided { names: project.names, git: project.git, ..decided })
}
