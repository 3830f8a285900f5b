//! What planning knows of a source folder.

use std::{collections::BTreeMap, path::Path};

/// Names of files, and the text of those that say how to build.
#[derive(Debug, Clone, Default)]
pub struct Listing(BTreeMap<String, Option<String>>);

impl Listing {
    /// Of paths relative to the source folder, with the text of those that [`Listing::reads`] names.
    #[must_use]
    pub fn new(files: BTreeMap<String, Option<String>>) -> Self {
        Self(files)
    }

    /// Whether planning may look into this file.
    #[must_use]
    pub fn reads(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let ext = path.extension().unwrap_or_default();
        ["py", "txt", "in", "toml", "lock", "cfg"].iter().any(|e| ext == *e)
            || ["Procfile", ".python-version", "rust-toolchain"].iter().any(|n| name == *n)
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Its text, when planning reads such files.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }

    /// Python files with their text, those nearest to the top first, then by name.
    pub(crate) fn python(&self) -> Vec<(&str, &str)> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter(|(p, _)| Path::new(p).extension().is_some_and(|e| e == "py"))
            .filter_map(|(p, text)| Some((p.as_str(), text.as_deref()?)))
            .collect();
        found.sort_by_key(|(p, _)| (p.matches('/').count(), *p));
        found
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Listing {
    fn from(files: [(&str, &str); N]) -> Self {
        Self(files.map(|(path, text)| (path.to_owned(), Some(text.to_owned()))).into())
    }
}
