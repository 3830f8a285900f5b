//! What the reader may know of a folder: names of folders, and the text of a few files.

use std::collections::{BTreeMap, BTreeSet};

use super::{COMPOSE, MANIFEST};

/// How deep below the root files are looked at; a service's source may lie this deep.
const MAX_DEPTH: usize = 6;

/// Largest file worth reading, in bytes: no manifest, lock or module of code comes near.
const MAX_FILE: usize = 1 << 20;

/// A folder, as far as its manifest is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestInput {
    folder: String,
    folders: BTreeSet<String>,
    files: BTreeMap<String, String>,
}

/// Whether the text of the file at `path` (relative to the folder, separated by `/`) matters to [`super::resolve`].
#[must_use]
pub fn is_relevant(path: &str) -> bool {
    let depth = path.split('/').count();
    let name = path.rsplit('/').next().unwrap_or(path);
    if depth == 1 && (name == MANIFEST || COMPOSE.contains(&name)) {
        return true;
    }
    depth <= MAX_DEPTH
        && (matches!(name, "requirements.txt" | "pyproject.toml" | "uv.lock" | "Cargo.toml")
            || name.ends_with(".py")
            || name.ends_with(".rs"))
}

impl ManifestInput {
    /// An empty folder of this name (the last part of its path; it names the project when nothing else does).
    #[must_use]
    pub fn new(folder: impl Into<String>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// There is a folder at `path`.
    pub fn add_folder(&mut self, path: &str) {
        let mut path = path.trim_matches('/');
        while !path.is_empty() && self.folders.insert(path.to_owned()) {
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// There is a file at `path`; text that is too long to be of use is dropped.
    pub fn add_file(&mut self, path: &str, text: impl Into<String>) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.add_folder(folder);
        }
        let text = text.into();
        if text.len() <= MAX_FILE {
            self.files.insert(path.to_owned(), text);
        }
    }

    /// The folder's own name.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// All folders below it, relative, separated by `/`.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(String::as_str)
    }

    /// Whether there is such a folder; `.` always is.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        path == "." || self.folders.contains(path)
    }

    /// Text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Text of a file below a source folder.
    pub(super) fn text_in(&self, source: &str, name: &str) -> Option<&str> {
        if source == "." { self.text(name) } else { self.text(&format!("{source}/{name}")) }
    }

    /// Files of a source folder whose names end in `end`: path below it, and text.
    pub(super) fn ending(&self, source: &str, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefix = if source == "." { String::new() } else { format!("{source}/") };
        self.files
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .filter(move |(path, _)| path.ends_with(end))
            .map(move |(path, text)| {
                (if source == "." { path } else { &path[source.len() + 1..] }, text.as_str())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relevance() {
        for (path, relevant) in [
            ("dormouse.toml", true),
            ("docker-compose.yml", true),
            ("compose.yaml", true),
            ("sub/dormouse.toml", false),
            ("requirements.txt", true),
            ("backend/requirements.txt", true),
            ("a/b/c/d/e/main.py", true),
            ("a/b/c/d/e/f/main.py", false),
            ("Cargo.toml", true),
            ("crates/web/src/main.rs", true),
            ("data.csv", false),
            ("", false),
        ] {
            assert_eq!(is_relevant(path), relevant, "{path}");
        }
    }

    #[test]
    fn parents_are_folders_too() {
        let mut input = ManifestInput::new("x");
        input.add_file("a/b/main.py", "");
        assert_eq!(input.folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(input.ending("a", ".py").map(|(p, _)| p).collect::<Vec<_>>(), ["b/main.py"]);
    }
}
