//! Reading `uv.lock`.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use pep440_rs::VersionSpecifiers;
use serde::Deserialize;

use super::{Listing, Origin, PlanError, name::normalize, project::Project, requirements::Names, see};

/// The file.
pub(crate) const LOCK: &str = "uv.lock";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    #[serde(default)]
    source: toml::Table,
    metadata: Option<Metadata>,
    #[serde(default)]
    dependencies: Vec<On>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<On>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<On>>,
}

#[derive(Deserialize)]
struct On {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    #[serde(default)]
    requires_dist: Vec<Dist>,
}

#[derive(Deserialize)]
struct Dist {
    name: String,
    specifier: Option<String>,
    marker: Option<String>,
}

impl Dist {
    /// Extras are listed among what is needed, with a marker.
    fn is_extra(&self) -> bool {
        self.marker.as_ref().is_some_and(|m| m.contains("extra =="))
    }
}

/// What is known of a lock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Everything it installs, also what nobody names.
    pub(crate) names: Names,
    /// Where it says that something comes from a Git repository.
    pub(crate) git: Option<Origin>,
}

/// Read the lock of a project.
///
/// # Errors
/// When it cannot be read, or was made of other dependencies than the project has by now: it would be installed all the
/// same, and something would be missing only when the app runs.
pub(crate) fn read(listing: &Listing, project: &Project) -> Result<Option<Locked>, PlanError> {
    let Some(text) = listing.read(LOCK)? else { return Ok(None) };
    let file: File = toml::from_str(text).map_err(|e| {
        PlanError::new(format!("{LOCK} cannot be read: {}", e.message()), see(LOCK, text, e.span()))
    })?;
    let own = |p: &&Package| {
        let is_here = |kind: &str| p.source.get(kind).and_then(toml::Value::as_str) == Some(".");
        is_here("virtual") || is_here("editable")
    };
    if let Some(metadata) = file.package.iter().find(own).and_then(|p| p.metadata.as_ref())
        && let Some(difference) = difference(&metadata.requires_dist, &project.dependencies)
    {
        return Err(PlanError::new(
            format!("{LOCK} is older than pyproject.toml: {difference}"),
            "run `uv lock`, and deploy again",
        ));
    }
    let mut names = Names::default();
    let installed = installed(&file.package, &project.groups);
    for package in &file.package {
        if installed.as_ref().is_none_or(|all| all.contains(package.name.as_str())) {
            names.add(&package.name);
        }
    }
    let git = file.package.iter().any(|p| p.source.contains_key("git"));
    let line = || text.lines().position(|l| l.contains("git = ")).map_or(1, |i| i + 1);
    Ok(Some(Locked { names, git: git.then(|| Origin::written(LOCK, line())) }))
}

/// What the project and its workspace bring, with these groups; `None` where the lock does not tell. A lock also has what
/// is only for development.
fn installed<'p>(all: &'p [Package], groups: &[String]) -> Option<BTreeSet<&'p str>> {
    let is_own = |p: &&Package| ["virtual", "editable"].iter().any(|kind| p.source.contains_key(*kind));
    let mut todo: Vec<&str> = Vec::new();
    for own in all.iter().filter(is_own) {
        todo.push(&own.name);
        let chosen = own.dev_dependencies.iter().filter(|(name, _)| groups.contains(&normalize(name)));
        todo.extend(chosen.flat_map(|(_, list)| list).map(|on| on.name.as_str()));
        let dist = own.metadata.iter().flat_map(|m| &m.requires_dist).filter(|d| !d.is_extra());
        todo.extend(dist.map(|d| d.name.as_str()));
    }
    let mut found = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if !found.insert(name) {
            continue;
        }
        for package in all.iter().filter(|p| p.name == name) {
            let extras = package.optional_dependencies.values().flatten();
            // Its own extras are not installed; of others' it is not known which are.
            let extras = extras.filter(|_| !is_own(&package));
            todo.extend(package.dependencies.iter().chain(extras).map(|on| on.name.as_str()));
        }
    }
    (!found.is_empty()).then_some(found)
}

/// How what was locked differs from what is wanted.
fn difference(locked: &[Dist], wanted: &[String]) -> Option<String> {
    let split = |requirement: &String| {
        let requirement = requirement.split(';').next().unwrap_or_default().trim();
        let at = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let (name, rest) = requirement.split_at(at.unwrap_or(requirement.len()));
        let rest = rest.trim_start();
        let specifier = match rest.strip_prefix('[') {
            Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        (normalize(name), specifier.trim().trim_matches(['(', ')']).to_owned())
    };
    let locked: Vec<&Dist> = locked.iter().filter(|d| !d.is_extra()).collect();
    let wanted: Vec<(String, String)> = wanted.iter().map(split).collect();
    for (name, specifier) in &wanted {
        let same_name: Vec<_> = locked.iter().filter(|d| normalize(&d.name) == *name).collect();
        if same_name.is_empty() {
            return Some(format!("`{name}` is not in it"));
        }
        // What is fetched by its address has no version.
        let Some(want) = sorted(specifier) else { continue };
        let fits = |d: &&Dist| sorted(d.specifier.as_deref().unwrap_or_default()).is_none_or(|s| s == want);
        if !same_name.iter().any(|d| fits(d)) {
            return Some(format!("it was made for another version of `{name}`"));
        }
    }
    let gone = locked.iter().find(|d| !wanted.iter().any(|(name, _)| *name == normalize(&d.name)));
    gone.map(|d| format!("`{}` is no dependency any more", d.name))
}

/// Specifiers in one order; `None` of what are none.
fn sorted(specifiers: &str) -> Option<Vec<String>> {
    let parsed = VersionSpecifiers::from_str(specifiers).ok()?;
    let mut all: Vec<_> = parsed.iter().map(ToString::to_string).collect();
    all.sort();
    Some(all)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::project, *};

    #[test]
    fn a_lock_that_is_older_than_the_project_is_named() {
        let lock = r#"
            version = 1
            [[package]]
            name = "fastapi"
            version = "0.115.6"
            source = { registry = "https://pypi.org/simple" }
            [[package]]
            name = "shop"
            source = { virtual = "." }
            [package.metadata]
            requires-dist = [
                { name = "fastapi", extras = ["standard"], specifier = ">=0.100,<1" },
                { name = "theirs", git = "https://example.com/t.git" },
                { name = "pytest", marker = "extra == 'dev'" },
            ]
            [[package]]
            name = "theirs"
            source = { git = "https://example.com/t.git#abc" }
        "#;
        let theirs = "'theirs @ git+https://example.com/t.git'";
        let mut out = String::new();
        for dependencies in [
            format!("'FastAPI[standard] < 1, >= 0.100', {theirs}"),
            format!("'fastapi (>=0.100,<1) ; python_version > \"3\"', {theirs}"),
            format!("'fastapi>=0.100,<1', 'httpx', {theirs}"),
            format!("'fastapi>=0.116', {theirs}"),
            theirs.to_owned(),
        ] {
            let pyproject = format!("[project]\nname='shop'\ndependencies=[{dependencies}]");
            let listing = Listing::from([("pyproject.toml", pyproject.as_str()), (LOCK, lock)]);
            let project = project::read(&listing, "").unwrap().unwrap();
            out += &match read(&listing, &project) {
                Ok(Some(l)) => format!("{} git: {}\n", l.names, l.git.unwrap()),
                Ok(None) => "none\n".to_owned(),
                Err(e) => format!("{e}\n"),
            };
        }
        expect![[r#"
            fastapi shop theirs git: uv.lock:13
            fastapi shop theirs git: uv.lock:13
            uv.lock is older than pyproject.toml: `httpx` is not in it
              hint: run `uv lock`, and deploy again
            uv.lock is older than pyproject.toml: it was made for another version of `fastapi`
              hint: run `uv lock`, and deploy again
            uv.lock is older than pyproject.toml: `fastapi` is no dependency any more
              hint: run `uv lock`, and deploy again
        "#]]
        .assert_eq(&out);
        let project =
            project::read(&[("pyproject.toml", "[project]\nname='x'")].into(), "").unwrap().unwrap();
        assert!(read(&[(LOCK, "not = [toml")].into(), &project).is_err());
    }
}
