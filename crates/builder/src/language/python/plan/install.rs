//! How the dependencies are installed.

use super::{
    Install, Listing, Origin, PlanError, Wishes, lock, poetry,
    project::{self, Project},
    requirements::{self, Names},
    setup, unsupported,
    version::Requires,
};
use crate::language::{self, python::elsewhere::ELSEWHERE};

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
    for name in [
        "requirements.txt",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "uv.lock",
        poetry::LOCK,
        "Procfile",
        "runtime.txt",
        ".python-version",
        ".dockerignore",
    ] {
        if let Some(near) = listing.misspelt(name, language::names()) {
            decided.notes.push(format!("{near} is not read: its name would have to be {name}"));
        }
    }
    Ok(decided)
}

fn one(
    listing: &Listing,
    wishes: &Wishes<'_>,
    project: Option<Project>,
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
        return described_by_setup(listing, setup);
    }
    if let Some(folder) = wishes.workdir {
        let file = requirements::join(folder, "requirements.txt");
        if listing.has(&file) {
            return requirements_file(listing, &file);
        }
    }
    if let Some(file) = ELSEWHERE.into_iter().find(|file| listing.has(file)) {
        let decided = requirements_file(listing, file)?;
        let note = format!("{file} is installed from: there is no requirements.txt at the top");
        return Ok(Decided { notes: vec![note], ..decided });
    }
    unsupported::check(listing, wishes)?;
    let unread = unread(listing, wishes)?;
    let python = |program: &String| program.starts_with("python");
    let is_python = wishes.start.and_then(<[_]>::first).is_some_and(python)
        || listing.paths().any(|path| path.ends_with(".py"));
    let decided = Decided::new(if is_python { Install::Venv } else { Install::Nothing }, None);
    Ok(Decided { notes: unread.into_iter().collect(), ..decided })
}

/// A word about the requirements in a folder below, which nobody reads; an error where the start command needs them.
fn unread(listing: &Listing, wishes: &Wishes<'_>) -> Result<Option<String>, PlanError> {
    let Some(file) = listing.paths().find(|path| super::is_named(path, "requirements.txt")) else {
        return Ok(None);
    };
    let hint = match (wishes.compose, file.rsplit_once('/')) {
        (Some(compose), Some((folder, _))) => {
            format!(
                "build the service from ./{folder} in {compose}, or list its packages in a requirements.txt at the top"
            )
        }
        (None, _) | (_, None) => format!("write requirements = \"{file}\" for the service in dormouse.toml"),
    };
    let names = requirements::read(listing, file)?.names;
    let program = wishes.start.and_then(<[_]>::first).map(|p| p.trim_end_matches("-serve"));
    match program.filter(|p| names.has(p)) {
        Some(program) => Err(PlanError::new(
            format!(
                "`{program}` is not installed: {file} is not read, as it is not at the top of the source folder"
            ),
            hint,
        )),
        None => Ok(Some(format!("{file} is not read: if the app needs it, {hint}"))),
    }
}

/// The manifest's own commands; what they install is known as far as they name it.
fn commands(listing: &Listing, wishes: &Wishes<'_>) -> Result<Decided, PlanError> {
    let mut decided =
        Decided::new(Install::Commands(wishes.install.to_vec()), wishes.install_origin.cloned());
    // Commands may do anything.
    decided.names.leave_open("`install`");
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

fn uv_lock(listing: &Listing, project: &Project, locked: lock::Locked) -> Decided {
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

fn poetry_project(listing: &Listing, project: Project) -> Result<Decided, PlanError> {
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

fn described(project: Project) -> Result<Decided, PlanError> {
    if project.dynamic && !project.package {
        return Err(PlanError::new(
            "pyproject.toml leaves its dependencies to a build backend, and names none",
            "list them under [project] dependencies, or add a [build-system] table",
        ));
    }
    let files = vec!["pyproject.toml".to_owned()];
    let Project { package, dynamic, groups, mut names, .. } = project;
    if dynamic {
        names.leave_open("its build backend");
    }
    let install = Install::Project { files, package, dynamic, groups };
    let decided = Decided::new(install, Some(Origin::found("pyproject.toml", None)));
    Ok(Decided { names, git: project.git, ..decided })
}

/// A `setup.py` is run. A `setup.cfg` alone is nothing that installers take, but it may list what is needed.
fn described_by_setup(listing: &Listing, setup: setup::Setup) -> Result<Decided, PlanError> {
    if listing.has("setup.py") {
        let files = vec!["setup.py".to_owned()];
        let install = Install::Project { files, package: true, dynamic: true, groups: Vec::new() };
        let decided = Decided::new(install, Some(Origin::found("setup.py", None)));
        let mut names = setup.names;
        names.leave_open("its setup.py");
        return Ok(Decided { names, ..decided });
    }
    let note =
        "the project itself is not installed: without a setup.py or a pyproject.toml no installer takes it";
    let decided = match setup.file {
        Some(file) => requirements_file(listing, &file)?,
        None => {
            let install = Install::Written {
                requirements: setup.requirements,
                constraints: Vec::new(),
                after_source: false,
                package: false,
            };
            Decided { names: setup.names, ..Decided::new(install, Some(Origin::found("setup.cfg", None))) }
        }
    };
    Ok(Decided { notes: vec![note.to_owned()], ..decided })
}
