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

/// The paths that a link's target has: what it leads to by its letters, and so on while that is a link, or lies behind one.
/// All are seen from the top of one folder; a way that leaves it ends there. `read` gives what a link leads to.
#[must_use]
pub fn names_along(path: &str, read: impl Fn(&str) -> Option<PathBuf>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for _ in 0..MAX_HOPS {
        let path = names.last().map_or(path, String::as_str);
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let found = ends.filter_map(|end| Some((end, read(&path[..end])?))).next();
        let Some((end, target)) = found else { break };
        let folder = Path::new(&path[..end]).parent().unwrap_or(Path::new(""));
        let Some(to) = within(folder, &target) else { break };
        let next = to.join(path[end..].trim_start_matches('/'));
        let Some(next) = next.to_str().map(|next| next.trim_end_matches('/')) else { break };
        names.push(next.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_on_the_way() {
        let read = |path: &str| {
            let target = match path {
                "web/a" => "../prod.env",
                "prod.env" => "conf/real",
                "web/chain.py" => "sd/id",
                "web/sd" => "../.ssh",
                ".ssh" => "keys",
                "web/out" => "../../x",
                "round" => "round",
                _ => return None,
            };
            Some(PathBuf::from(target))
        };
        for (path, want) in [
            ("web/a", "prod.env conf/real"),
            ("web/chain.py", "web/sd/id .ssh/id keys/id"),
            ("web/sd", ".ssh keys"),
            ("web/out", ""),
            ("main.py", ""),
        ] {
            assert_eq!(names_along(path, read).join(" "), want, "{path}");
        }
        assert_eq!(names_along("round", read).len(), MAX_HOPS);
    }

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
