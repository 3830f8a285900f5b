//! What the reader may know of a folder: names of folders, and the text of a few files.

use std::collections::{BTreeMap, BTreeSet};

use super::{COMPOSE, Given, MANIFEST, OVERRIDES, code::Languages, problem::Report};
use crate::{
    Limits, Stored,
    source::{Links, near, procfile, text},
};

/// How deep below the root files are looked at; a service's source may lie this deep.
const MAX_DEPTH: usize = 6;

/// Largest file worth reading, in bytes: no manifest, lock or module of code comes near.
const MAX_FILE: usize = 1 << 20;

/// A folder, as far as its manifest is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestInput {
    folder: String,
    project: Option<String>,
    folders: BTreeSet<String>,
    files: BTreeMap<String, Content>,
    links: Links,
    pub(super) given: Given,
    pub(super) stored: Stored,
    /// What the server gives a service, where that is known.
    pub(super) most: Option<Limits>,
    /// Each with what it leads to when it is a link.
    secrets: BTreeMap<String, Option<String>>,
}

/// A file, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    /// It is there, and this is why its text is not.
    Unread(Unread),
}

/// Why a file that is there was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// Its bytes are no text.
    NotText(text::NotText),
    /// It has this many bytes, more than such files have.
    TooLarge(u64),
    /// It is a link that leads nowhere, in a circle, or out of the project's folder.
    Link,
    /// It is a socket, a pipe or a device.
    Special,
}

/// Whether a file at `path` is a project's manifest, or would be under a name that is only nearly right.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    manifests().any(|m| m.eq_ignore_ascii_case(path))
}

/// Names that a manifest may have.
fn manifests() -> impl Iterator<Item = &'static str> {
    [MANIFEST].into_iter().chain(COMPOSE)
}

/// Whether the text of the file at `path` (relative to the folder, separated by `/`) matters to [`super::resolve`].
#[must_use]
pub fn is_relevant(path: &str, languages: &dyn Languages) -> bool {
    let depth = path.split('/').count();
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_manifest(path) || OVERRIDES.contains(&path) {
        return true;
    }
    // Only that it is there matters, not what is in it.
    if depth <= 2 && near::meant(name, languages.names()).is_some()
        || depth == 1 && near::is_compose_variant(name)
    {
        return true;
    }
    depth <= MAX_DEPTH && (name == procfile::NAME || languages.role(path).is_some())
}

impl ManifestInput {
    /// An empty folder of this name (the last part of its path; it names the project when nothing else does).
    #[must_use]
    pub fn new(folder: impl Into<String>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// The project is to have this name, whatever the folder says.
    #[must_use]
    pub fn named(self, project: Option<String>) -> Self {
        Self { project, ..self }
    }

    /// There is a folder at `path`.
    pub fn add_folder(&mut self, path: &str) {
        let mut path = path.trim_matches('/');
        while !path.is_empty() && self.folders.insert(path.to_owned()) {
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// There is a file at `path`, with this text.
    pub fn add_file(&mut self, path: &str, text: impl Into<String>) {
        let text = text.into();
        let content = if text.len() <= MAX_FILE {
            Content::Text(text)
        } else {
            Content::Unread(Unread::TooLarge(text.len() as u64))
        };
        self.add(path, content);
    }

    /// There is a file of code at `path`: what it is written in matters only as far as it is ASCII.
    pub fn add_code(&mut self, path: &str, bytes: &[u8]) {
        self.add_file(path, text::decode_code(bytes));
    }

    /// There is a file at `path`, of these bytes.
    pub fn add_bytes(&mut self, path: &str, bytes: &[u8]) {
        match text::decode(bytes) {
            Ok(text) => self.add_file(path, text),
            Err(e) => self.add_unread(path, Unread::NotText(e)),
        }
    }

    /// There is a file at `path` that cannot be read.
    pub fn add_unread(&mut self, path: &str, why: Unread) {
        self.add(path, Content::Unread(why));
    }

    /// There is a link at `path` to a file or folder of this folder; an empty target is the folder itself.
    pub fn add_link(&mut self, path: &str, target: &str) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.add_folder(folder);
        }
        self.links.add(path, target);
    }

    /// There is a file at `path` that holds secrets ([`crate::source::secret`]).
    pub fn add_secret(&mut self, path: &str) {
        self.secrets.insert(path.to_owned(), None);
    }

    /// There is a link at `path` to a file at `target` that holds secrets, by a name on the way or by its content.
    pub fn add_secret_link(&mut self, path: &str, target: &str) {
        self.secrets.insert(path.to_owned(), Some(target.to_owned()));
    }

    /// Files that hold secrets, and links to them with what they lead to.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.secrets.iter().map(|(path, target)| (path.as_str(), target.as_deref()))
    }

    /// Every link of which more than its text is known.
    pub(super) fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter()
    }

    fn add(&mut self, path: &str, content: Content) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.add_folder(folder);
        }
        self.files.insert(path.to_owned(), content);
    }

    /// Largest file worth reading, in bytes.
    #[must_use]
    pub fn max_file() -> u64 {
        MAX_FILE as u64
    }

    /// What whoever deploys gives besides.
    pub fn give(&mut self, given: Given) {
        self.given = given;
    }

    /// What is stored with `dormouse env`, of every project: which one it is, the manifest says.
    pub fn store(&mut self, stored: Stored) {
        self.stored = stored;
    }

    /// What the server gives a service at most: a manifest that asks for more is refused.
    pub fn bound(&mut self, most: Limits) {
        self.most = Some(most);
    }

    /// The name that was asked for.
    pub(super) fn project(&self) -> Option<&str> {
        self.project.as_deref()
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
        path == "."
            || self.links.follow(path).is_some_and(|real| real.is_empty() || self.folders.contains(&*real))
    }

    fn content(&self, path: &str) -> Option<&Content> {
        self.files.get(&*self.links.follow(path)?)
    }

    /// Whether there is such a file, readable or not.
    pub(super) fn has_file(&self, source: &str, name: &str) -> bool {
        self.content(&within(source, name)).is_some()
    }

    /// Text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.content(path)? {
            Content::Text(text) => Some(text),
            Content::Unread(_) => None,
        }
    }

    /// Text of a file below a source folder.
    pub(super) fn text_in(&self, source: &str, name: &str) -> Option<&str> {
        self.text(&within(source, name))
    }

    /// Files of a source folder whose names end in `end`: path below it, and text.
    pub(super) fn ending<'i, 'e>(
        &'i self,
        source: &str,
        end: &'e str,
    ) -> impl Iterator<Item = (&'i str, &'i str)> + use<'i, 'e> {
        let real = match source {
            "." => Some(String::new()),
            source => self.links.follow(source).map(|real| real.into_owned()),
        };
        let prefix = real.map(|real| if real.is_empty() { real } else { real + "/" });
        prefix.into_iter().flat_map(move |prefix| {
            let start = prefix.len();
            self.files
                .range(prefix.clone()..)
                .take_while(move |(path, _)| path.starts_with(&prefix))
                .filter_map(move |(path, content)| match content {
                    Content::Text(text) if path.ends_with(end) => Some((&path[start..], text.as_str())),
                    Content::Text(_) | Content::Unread(_) => None,
                })
        })
    }

    /// Every file that was read: path and text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, content)| match content {
            Content::Text(text) => Some((path.as_str(), text.as_str())),
            Content::Unread(_) => None,
        })
    }

    /// Files of the top whose names are nearly those of files that are read, each with the right one.
    pub(super) fn nearly(&self, languages: &dyn Languages) -> impl Iterator<Item = (&str, &'static str)> {
        let known = languages.names();
        self.tops().filter_map(|name| Some((name, near::meant(name, known)?)))
    }

    /// Compose files of the top that are meant for a purpose.
    pub(super) fn compose_variants(&self) -> impl Iterator<Item = &str> {
        self.tops().filter(|name| near::is_compose_variant(name))
    }

    /// Files and links of the manifest's folder itself.
    fn tops(&self) -> impl Iterator<Item = &str> {
        let base = self.given.base.as_str();
        let names = self.files.keys().map(String::as_str).chain(self.links.iter().map(|(path, _)| path));
        let below = move |path: &'_ str| match base {
            "" => Some(0),
            base => path.strip_prefix(base)?.starts_with('/').then_some(base.len() + 1),
        };
        names.filter_map(move |path| path.get(below(path)?..)).filter(|name| !name.contains('/'))
    }

    /// The text of a manifest, when there is one. One that cannot be read, or whose name is nearly right, is a problem:
    /// nobody writes a manifest to have it ignored.
    pub(super) fn manifest(&self, name: &str, report: &mut Report) -> Option<&str> {
        match self.content(name) {
            Some(Content::Text(text)) => return Some(text),
            Some(Content::Unread(why)) => {
                report.folder(format!("{name} cannot be read: {}", why.what()), why.hint());
                return None;
            }
            None => {}
        }
        if self.has_folder(name) {
            report.folder(format!("{name} is a folder"), "it has to be a file");
            return None;
        }
        let names = self.files.keys().map(String::as_str).chain(self.links.iter().map(|(path, _)| path));
        let near = names.chain(self.folders()).find(|n| n.eq_ignore_ascii_case(name));
        if let Some(near) = near.filter(|near| !manifests().any(|m| m == *near)) {
            report.folder(format!("{near} is not read"), format!("rename it to {name}"));
        }
        None
    }
}

/// A path below a source folder, from the project's folder.
fn within(source: &str, name: &str) -> String {
    if source == "." { name.to_owned() } else { format!("{source}/{name}") }
}

impl Unread {
    fn what(&self) -> String {
        match self {
            Self::NotText(e) => e.to_string(),
            Self::TooLarge(bytes) => format!("it has {bytes} bytes, and more than {MAX_FILE} are not read"),
            Self::Link => {
                "it is a link that leads nowhere, in a circle or out of the project's folder".to_owned()
            }
            Self::Special => "it is a socket, a pipe or a device".to_owned(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotText(e) => e.hint(),
            Self::TooLarge(_) => "check that it is the right file".to_owned(),
            Self::Link => "put the file itself there".to_owned(),
            Self::Special => "make it a file".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::NoLanguages, *};

    #[test]
    fn relevance() {
        for (path, relevant) in [
            ("dormouse.toml", true),
            ("docker-compose.yml", true),
            ("compose.yaml", true),
            ("sub/dormouse.toml", false),
            ("dormouse.yaml", true),
            ("api/Procfile", true),
            ("api/procfile", true),
            ("main.c", false),
            ("docker-compose.prod.yml", true),
            ("data.csv", false),
            ("", false),
        ] {
            assert_eq!(is_relevant(path, &NoLanguages), relevant, "{path}");
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
