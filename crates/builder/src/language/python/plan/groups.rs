//! Dependency groups (PEP 735), of which uv installs some by default.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::name::normalize;

/// The group of what only those who work on the project need.
pub(crate) const DEV: &str = "dev";

/// An entry of a group.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Requirement(String),
    #[serde(rename_all = "kebab-case")]
    Include {
        include_group: String,
    },
    /// What later versions of the format may have.
    Other(serde::de::IgnoredAny),
}

/// The table, and which groups `tool.uv.default-groups` names.
#[derive(Default)]
pub(super) struct Groups {
    table: BTreeMap<String, Vec<Entry>>,
    defaults: Vec<String>,
}

/// `default-groups`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Defaults {
    Names(Vec<String>),
    /// `"all"`.
    Word(String),
}

impl Groups {
    /// Names are compared as those of packages are.
    pub(super) fn new(table: BTreeMap<String, Vec<Entry>>, defaults: Option<Defaults>) -> Self {
        let table: BTreeMap<_, _> = table.into_iter().map(|(name, of)| (normalize(&name), of)).collect();
        let defaults = match defaults {
            Some(Defaults::Names(names)) => names.iter().map(|name| normalize(name)).collect(),
            Some(Defaults::Word(word)) if word == "all" => table.keys().cloned().collect(),
            Some(Defaults::Word(_)) | None => Vec::new(),
        };
        Self { table, defaults }
    }

    /// Those that are installed: the default ones, but for what is only for development.
    pub(super) fn installed(&self) -> Vec<String> {
        self.defaults.iter().filter(|name| *name != DEV).cloned().collect()
    }

    /// A default group that there is not.
    pub(super) fn missing(&self) -> Option<&str> {
        let known = |name: &&String| self.table.contains_key(*name) || *name == DEV;
        self.defaults.iter().find(|name| !known(name)).map(String::as_str)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// What a group names, and what the groups that it includes do.
    pub(super) fn requirements(&self, group: &str) -> Vec<&str> {
        let (mut out, mut seen, mut todo) = (Vec::new(), Vec::new(), vec![group.to_owned()]);
        while let Some(name) = todo.pop() {
            if seen.contains(&name) {
                continue;
            }
            for entry in self.table.get(&name).into_iter().flatten() {
                match entry {
                    Entry::Requirement(requirement) => out.push(requirement.as_str()),
                    Entry::Include { include_group } => todo.push(normalize(include_group)),
                    Entry::Other(_) => {}
                }
            }
            seen.push(name);
        }
        out
    }
}
