//! Where a group is among those of its server.
//!
//! Instances of a project are on a level of its own: what is left of processor and disk is divided between projects first, and
//! within a project between its instances, so that nobody gets more for having more of them. What belongs to no project,
//! such as a build, lies beside the levels, and so does what releases that knew none have started.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dormouse_model::ProjectName;

use super::files;

/// What the name of a project's level begins with; no group of ours has a name like that.
const LEVEL: &str = "project-";

/// How often a level is made that somebody else removes, because it was empty, before anything is in it.
const TRIES: usize = 10;

/// A group's name, and whose level it is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    level: Option<String>,
    name: String,
}

impl Place {
    /// On the level of a project.
    #[must_use]
    pub fn of(project: &ProjectName, name: impl Into<String>) -> Self {
        Self { level: Some(format!("{LEVEL}{project}")), name: name.into() }
    }

    /// On no project's level.
    #[must_use]
    pub fn apart(name: impl Into<String>) -> Self {
        Self { level: None, name: name.into() }
    }

    /// The group's name, which no other of the same server has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its level, if it is on one.
    pub(super) fn level(&self, root: &Path) -> Option<PathBuf> {
        self.level.as_ref().map(|level| root.join(level))
    }

    pub(super) fn dir(&self, root: &Path) -> PathBuf {
        self.level(root).unwrap_or_else(|| root.to_owned()).join(&self.name)
    }

    /// Remove what was its group, and its level when it was the last on it.
    pub(super) fn remove(&self, root: &Path) -> io::Result<()> {
        files::remove(&self.dir(root))?;
        if let Some(level) = self.level(root) {
            // Not empty means still in use.
            fs::remove_dir(level).ok();
        }
        Ok(())
    }
}

/// All there are below `root`.
pub(super) fn list(root: &Path) -> io::Result<Vec<Place>> {
    let mut places = Vec::new();
    for name in files::children(root)? {
        if !name.starts_with(LEVEL) {
            places.push(Place { level: None, name });
            continue;
        }
        match files::children(&root.join(&name)) {
            Ok(within) => {
                places
                    .extend(within.into_iter().map(|group| Place { level: Some(name.clone()), name: group }));
            }
            // The last of its groups has just been removed.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(places)
}

/// Remove the levels on which nothing is.
pub(super) fn remove_empty_levels(root: &Path) {
    for name in files::children(root).unwrap_or_default() {
        if name.starts_with(LEVEL) {
            fs::remove_dir(root.join(name)).ok();
        }
    }
}

/// Do what makes a group, again when its level was removed in the middle of it.
pub(super) fn make<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..TRIES {
        match make() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    make()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let shop = "shop".parse().unwrap();
        let places =
            [Place::of(&shop, "i1"), Place::of(&shop, "i2"), Place::apart("i3"), Place::apart("run-4")];
        for place in &places {
            fs::create_dir_all(place.dir(root)).unwrap();
        }
        let listed = || {
            let mut all = list(root).unwrap();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all
        };
        assert_eq!(listed(), places);
        places[0].remove(root).unwrap();
        assert!(root.join("project-shop").exists());
        places[1].remove(root).unwrap();
        assert!(!root.join("project-shop").exists());
        fs::create_dir(root.join("project-gone")).unwrap();
        assert_eq!(listed(), places[2..]);
        remove_empty_levels(root);
        assert_eq!(files::children(root).unwrap(), ["i3", "run-4"]);
    }

    #[test]
    fn a_level_that_is_removed_is_made_again() {
        let mut tries = 0;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let made = make(|| {
            tries += 1;
            if tries < 3 { Err(gone()) } else { Ok(tries) }
        });
        assert_eq!(made.unwrap(), 3);
        assert!(make(|| Err::<(), _>(gone())).is_err(), "it ends");
    }
}
