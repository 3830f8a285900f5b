//! Symbolic links of a folder, by name alone.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

/// Links followed for one path; the kernel's own limit.
const MAX_HOPS: usize = 40;

/// Links within one folder: where each leads, both relative to the folder and separated by `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links(BTreeMap<String, String>);

impl Links {
    /// There is a link at `path` that leads to `target`; an empty target is the folder itself.
    pub fn add(&mut self, path: impl Into<String>, target: impl Into<String>) {
        self.0.insert(path.into(), target.into());
    }

    /// Every link, sorted by its path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, target)| (path.as_str(), target.as_str()))
    }

    /// The path without links on its way or at its end; `None` when they lead in a circle.
    #[must_use]
    pub fn follow<'p>(&self, path: &'p str) -> Option<Cow<'p, str>> {
        let mut path = Cow::Borrowed(path);
        if self.0.is_empty() {
            return Some(path);
        }
        for _ in 0..MAX_HOPS {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            let found = ends.filter_map(|end| Some((end, self.0.get(&path[..end])?))).next();
            let Some((end, target)) = found else { return Some(path) };
            let rest = path[end..].trim_start_matches('/');
            let joined = match (target.is_empty(), rest.is_empty()) {
                (true, _) => rest.to_owned(),
                (false, true) => target.clone(),
                (false, false) => format!("{target}/{rest}"),
            };
            path = Cow::Owned(joined);
        }
        None
    }
}

/// `path` as seen from `base`, without `.` and `..`; `None` when by its letters it is absolute or leaves the top that `base`
/// is seen from.
#[must_use]
pub fn within(base: &Path, path: &Path) -> Option<PathBuf> {
    let mut out = base.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followed() {
        let mut links = Links::default();
        for (path, target) in [
            ("requirements.txt", "reqs/base.txt"),
            ("reqs", "config/reqs"),
            ("self", ""),
            ("a", "b"),
            ("b", "a"),
            ("web/shared", "shared"),
            ("deep", "deep/er"),
        ] {
            links.add(path, target);
        }
        for (path, want) in [
            ("main.py", Some("main.py")),
            ("requirements.txt", Some("config/reqs/base.txt")),
            ("reqs/x/y.txt", Some("config/reqs/x/y.txt")),
            ("requirements.txt.bak", Some("requirements.txt.bak")),
            ("self/self/main.py", Some("main.py")),
            ("self", Some("")),
            ("web/shared/lib.py", Some("shared/lib.py")),
            ("web/shared", Some("shared")),
            ("a", None),
            ("b/x", None),
            ("deep", None),
        ] {
            assert_eq!(links.follow(path).as_deref(), want, "{path}");
        }
    }
}
