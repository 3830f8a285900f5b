//! Reading `pyproject.toml`.

use serde::Deserialize;

use super::{Listing, PlanError, requirements::Names, see};

/// What a `pyproject.toml` says about building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// What it depends on.
    pub(crate) names: Names,
    /// Which Pythons it runs on, as written.
    pub(crate) requires_python: Option<String>,
    /// Whether it has a `[project]` table at all.
    pub(crate) described: bool,
    /// Whether it is itself a package that has to be installed.
    pub(crate) package: bool,
    /// Whether its dependencies are only known after running its build backend.
    pub(crate) dynamic: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    project: Option<Table>,
    build_system: Option<toml::Table>,
    #[serde(default)]
    tool: Tool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    dynamic: Vec<String>,
    requires_python: Option<String>,
}

#[derive(Deserialize, Default)]
struct Tool {
    #[serde(default)]
    uv: Uv,
    poetry: Option<toml::Table>,
}

#[derive(Deserialize, Default)]
struct Uv {
    package: Option<bool>,
}

/// Read it, if there is one.
pub(crate) fn read(listing: &Listing) -> Result<Option<Project>, PlanError> {
    let Some(text) = listing.text("pyproject.toml") else { return Ok(None) };
    let file: File = toml::from_str(text).map_err(|e| {
        PlanError::new(
            format!("pyproject.toml cannot be read: {}", e.message()),
            see("pyproject.toml", text, e.span()),
        )
    })?;
    let mut names = Names::default();
    let described = file.project.is_some();
    let table =
        file.project.unwrap_or(Table { dependencies: vec![], dynamic: vec![], requires_python: None });
    table.dependencies.iter().for_each(|d| names.add(d));
    let mut requires_python = table.requires_python;
    if let Some(dependencies) = file.tool.poetry.as_ref().and_then(|p| p.get("dependencies")?.as_table())
        && !described
    {
        for (name, value) in dependencies {
            match value.as_str() {
                // Poetry's caret has no PEP 440 spelling; the build backend checks it.
                Some(v) if name == "python" && !v.starts_with('^') => requires_python = Some(v.to_owned()),
                _ if name == "python" => {}
                _ => names.add(name),
            }
        }
    }
    Ok(Some(Project {
        names,
        requires_python,
        described,
        package: file.tool.uv.package.unwrap_or(file.build_system.is_some()),
        dynamic: table.dynamic.iter().any(|d| d == "dependencies") || !described,
    }))
}
