//! A host as seen by the readers: its environment and its files.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// Where settings are read from.
#[derive(Debug, Clone)]
pub struct Host {
    env: BTreeMap<String, String>,
    root: PathBuf,
    home: PathBuf,
}

impl Host {
    /// This host, as this process sees it.
    #[must_use]
    pub fn this() -> Self {
        let env: BTreeMap<_, _> = env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let home = env.get("HOME").filter(|h| !h.is_empty()).map_or_else(|| "/root".into(), PathBuf::from);
        Self { env, root: "/".into(), home }
    }

    /// Another one, with its files below `root`.
    #[must_use]
    pub fn new(root: &Path, home: &Path, env: BTreeMap<String, String>) -> Self {
        Self { env, root: root.to_owned(), home: home.to_owned() }
    }

    pub(crate) fn is_this(&self) -> bool {
        self.root == Path::new("/")
    }

    /// A variable that is set and not empty.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Variables whose name starts with `prefix`.
    pub(crate) fn vars(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().filter(move |(k, _)| k.starts_with(prefix)).map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The place of an absolute path of this host.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The place of a path below the user's home folder.
    pub(crate) fn home(&self, path: &str) -> PathBuf {
        self.path(self.home.join(path))
    }

    /// The place of a path below the user's configuration folder.
    pub(crate) fn config(&self, path: &str) -> PathBuf {
        match self.var("XDG_CONFIG_HOME") {
            Some(dir) => self.path(dir).join(path),
            None => self.home(".config").join(path),
        }
    }

    /// Text of a file; `None` when it is not there or not text.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }
}
