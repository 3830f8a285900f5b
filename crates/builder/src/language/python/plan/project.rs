//! Reading `pyproject.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Listing, Origin, PlanError,
    groups::{self, Groups},
    poetry::{self, Poetry},
    requirements::{self, Names},
    see,
    version::Requires,
};

/// What a `pyproject.toml` says about building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// What it depends on.
    pub(crate) names: Names,
    /// Its dependencies as written, when `[project]` lists them.
    pub(crate) dependencies: Vec<String>,
    /// Which Pythons it runs on.
    pub(crate) requires: Option<Requires>,
    /// Whether it has a `[project]` table at all.
    pub(crate) described: bool,
    /// Whether it is itself a package that has to be installed.
    pub(crate) package: bool,
    /// Whether its dependencies are only known after running its build backend.
    pub(crate) dynamic: bool,
    /// Dependency groups that are installed too.
    pub(crate) groups: Vec<String>,
    /// What it says in Poetry's own words.
    pub(crate) poetry: Option<Poetry>,
    /// Whether something is installed from a Git repository, and where that is said.
    pub(crate) git: Option<Origin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    project: Option<Table>,
    build_system: Option<toml::Table>,
    #[serde(default)]
    dependency_groups: BTreeMap<String, Vec<groups::Entry>>,
    #[serde(default)]
    tool: Tool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Table {
    name: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    dynamic: Vec<String>,
    requires_python: Option<String>,
}

#[derive(Deserialize, Default)]
struct Tool {
    #[serde(default)]
    uv: Uv,
    poetry: Option<poetry::Table>,
    setuptools: Option<toml::Table>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Uv {
    package: Option<bool>,
    default_groups: Option<groups::Defaults>,
}

/// Read that of a folder, if there is one; the top is the empty one.
pub(crate) fn read(listing: &Listing, folder: &str) -> Result<Option<Project>, PlanError> {
    let path = requirements::join(folder, "pyproject.toml");
    let Some(text) = listing.read(&path)? else { return Ok(None) };
    let file: File = toml::from_str(text).map_err(|e| {
        PlanError::new(format!("{path} cannot be read: {}", e.message()), see(&path, text, e.span()))
    })?;
    let described = file.project.is_some();
    let table = file.project.unwrap_or_default();
    let mut names = Names::default();
    table.dependencies.iter().for_each(|d| names.add(d));
    dynamic_files(file.tool.setuptools.as_ref()).for_each(|dynamic| {
        let found = requirements::read(listing, &requirements::join(folder, dynamic));
        names.extend(found.map(|f| f.names).unwrap_or_default());
    });
    let groups = Groups::new(file.dependency_groups, file.tool.uv.default_groups);
    if let Some(missing) = groups.missing() {
        let line = key_line(text, "default-groups");
        return Err(PlanError::new(
            format!("{path}:{line}: there is no dependency group `{missing}`"),
            "default-groups under [tool.uv] names tables of [dependency-groups]",
        ));
    }
    let installed = groups.installed();
    let of_groups = || installed.iter().flat_map(|group| groups.requirements(group));
    of_groups().for_each(|d| names.add(d));
    for group in groups.all() {
        let mut others = Names::default();
        groups.requirements(group).into_iter().for_each(|d| others.add(d));
        names.listed_elsewhere(&format!("the dependency group `{group}`"), &others);
    }
    for (extra, list) in &table.optional_dependencies {
        let mut others = Names::default();
        list.iter().for_each(|d| others.add(d));
        names.listed_elsewhere(&format!("the optional dependencies `{extra}`"), &others);
    }
    let line = |word: &str| text.lines().position(|l| l.contains(word)).map_or(1, |i| i + 1);
    let mut requires = table
        .requires_python
        .map(|specifiers| Requires { specifiers, origin: Origin::written(&path, line("requires-python")) });
    let poetry = file.tool.poetry.map(|p| {
        let name = p.name.clone().or(table.name).unwrap_or_default();
        Poetry::new(p, &name, listing, folder)
    });
    let mut all = table.dependencies.iter().map(String::as_str).chain(of_groups());
    let mut git = all.find(|d| requirements::is_git(d)).map(|_| line("git+"));
    if let Some(poetry) = &poetry {
        poetry.dependencies.iter().for_each(|d| names.add(d));
        git = git.or(poetry.dependencies.iter().find(|d| requirements::is_git(d)).map(|_| line("git")));
        if let (None, Some(specifiers)) = (&requires, &poetry.python) {
            let origin = Origin::written(&path, key_line(text, "python"));
            requires = Some(Requires { specifiers: specifiers.clone(), origin });
        }
    }
    let can_be_built = poetry.as_ref().map_or(file.build_system.is_some(), |p| p.is_package);
    Ok(Some(Project {
        names,
        dependencies: table.dependencies,
        requires,
        described,
        groups: groups.installed(),
        package: file.tool.uv.package.unwrap_or(can_be_built),
        dynamic: table.dynamic.iter().any(|d| d == "dependencies") || !described,
        poetry,
        git: git.map(|line| Origin::written(&path, line)),
    }))
}

/// The line of a key, from 1.
fn key_line(text: &str, key: &str) -> usize {
    let is_it = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().position(is_it).map_or(1, |i| i + 1)
}

/// Requirements files that setuptools reads a package's dependencies from.
fn dynamic_files(setuptools: Option<&toml::Table>) -> impl Iterator<Item = &str> {
    let dependencies = setuptools.and_then(|t| t.get("dynamic")?.get("dependencies")?.get("file"));
    let files = dependencies.and_then(|f| f.as_array()).into_iter().flatten();
    files.chain(dependencies).filter_map(|f| f.as_str())
}
