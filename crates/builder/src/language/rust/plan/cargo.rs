//! Reading `Cargo.toml`.

use serde::Deserialize;

use super::{Listing, PlanError, see};

/// A `Cargo.toml`, as far as it says what to build.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) package: Option<Package>,
    pub(super) workspace: Option<Workspace>,
    #[serde(default)]
    pub(super) bin: Vec<Bin>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Package {
    pub(super) name: String,
    edition: Option<Value>,
    rust_version: Option<Value>,
    pub(super) default_run: Option<String>,
    pub(super) autobins: Option<bool>,
}

/// Said here, or `{ workspace = true }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Own(String),
    Inherited(#[allow(dead_code, reason = "only its shape counts")] toml::Table),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Workspace {
    package: Option<WorkspacePackage>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    pub(super) default_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WorkspacePackage {
    edition: Option<String>,
    rust_version: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Bin {
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
}

impl Manifest {
    /// The edition and the oldest Rust that it names, its workspace's where it leaves that to it.
    pub(super) fn wants(&self, workspace: Option<&Workspace>) -> (Option<String>, Option<String>) {
        let Some(package) = &self.package else { return (None, None) };
        let shared = workspace.and_then(|w| w.package.as_ref());
        let settle = |value: &Option<Value>, shared: Option<&String>| match value {
            Some(Value::Own(own)) => Some(own.clone()),
            Some(Value::Inherited(_)) => shared.cloned(),
            None => None,
        };
        (
            settle(&package.edition, shared.and_then(|s| s.edition.as_ref())),
            settle(&package.rust_version, shared.and_then(|s| s.rust_version.as_ref())),
        )
    }
}

impl Workspace {
    /// Whether the package at `folder`, relative to the workspace, is left out of it.
    pub(super) fn excludes(&self, folder: &str) -> bool {
        self.exclude.iter().any(|e| {
            let e = e.trim_start_matches("./").trim_end_matches('/');
            folder == e || folder.strip_prefix(e).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

/// The one in `folder`; `None` when there is none.
pub(super) fn read(listing: &Listing, folder: &str) -> Result<Option<Manifest>, PlanError> {
    let file = within(folder, "Cargo.toml");
    let Some(text) = listing.read(&file)? else { return Ok(None) };
    let manifest = toml::from_str(text).map_err(|e| {
        PlanError::new(format!("{file} cannot be read: {}", e.message()), see(&file, text, e.span()))
    })?;
    Ok(Some(manifest))
}

/// A path below a folder, which is empty for the top.
pub(super) fn within(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
