//! What planning knows of a source folder.

use std::collections::BTreeMap;
#[cfg(test)]
use std::path::Path;

use dormouse_model::source::{
    Links,
    near::{self, Known},
    text::{self, NotText},
};

use super::error::PlanError;

/// Text files larger than this are not looked into, in bytes. A lock file of a large project has about 2 MB.
pub(crate) const MAX_TEXT: u64 = 8 << 20;

/// Names of files, and the text of those that say how to build.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    files: BTreeMap<String, Content>,
    links: Links,
}

/// A file, as far as planning looks into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its text.
    Text(String),
    /// It would be looked into, and its bytes are no text.
    NotText(NotText),
    /// It would be looked into, and has this many bytes.
    TooLarge(u64),
    /// It is a link that leads nowhere within the project.
    Lost,
    /// Nobody looks into such a file.
    Other,
}

/// How planning looks into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// As text, which it has to be.
    Text,
    /// As code: what it is written in matters only as far as it is ASCII.
    Code,
}

impl Content {
    /// Of a file whose bytes planning may see.
    #[must_use]
    pub fn of(reads: Reads, bytes: &[u8]) -> Self {
        match reads {
            Reads::Code => Self::Text(text::decode_code(bytes)),
            Reads::Text => text::decode(bytes).map_or_else(Self::NotText, Self::Text),
        }
    }
}

impl Listing {
    /// Of paths relative to the source folder, and of its links to folders.
    #[must_use]
    pub fn new(files: BTreeMap<String, Content>, links: Links) -> Self {
        Self { files, links }
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    fn content(&self, path: &str) -> Option<&Content> {
        self.files.get(&*self.links.follow(path)?)
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.content(path).is_some()
    }

    /// Its text, when planning reads such files and it is text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.content(path)? {
            Content::Text(text) => Some(text),
            Content::NotText(_) | Content::TooLarge(_) | Content::Lost | Content::Other => None,
        }
    }

    /// The text of a file that is not to be ignored when it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn read(&self, path: &str) -> Result<Option<&str>, PlanError> {
        let Some(content) = self.content(path) else { return Ok(None) };
        let (why, hint) = match content {
            Content::Text(text) => return Ok(Some(text)),
            Content::NotText(e) => (e.to_string(), e.hint()),
            Content::TooLarge(bytes) => (
                format!("it has {} MiB, and more than {} MiB are not read", bytes >> 20, MAX_TEXT >> 20),
                "check that it is the right file".to_owned(),
            ),
            Content::Lost => (
                "it is a link that leads nowhere within the project".to_owned(),
                "put the file itself there".to_owned(),
            ),
            Content::Other => ("it is no text file".to_owned(), "check that it is the right file".to_owned()),
        };
        Err(PlanError::new(format!("{path} cannot be read: {why}"), hint))
    }

    /// A file of the top whose name is nearly `name`, one of those that languages read.
    pub(crate) fn misspelt(&self, name: &str, languages: &[Known]) -> Option<&str> {
        let near = |path: &&str| near::meant(path, languages) == Some(name);
        if self.has(name) { None } else { self.paths().find(near) }
    }

    /// What lies below a folder, as seen from there.
    pub(crate) fn below(&self, folder: &str) -> Self {
        let Some(real) = self.links.follow(folder) else { return Self::default() };
        let prefix = format!("{real}/");
        let inside = |path: &str| Some(path.strip_prefix(&prefix)?.to_owned());
        let files = self.files.iter().filter_map(|(path, content)| Some((inside(path)?, content.clone())));
        let mut links = Links::default();
        for (path, target) in self.links.iter() {
            if let (Some(path), Some(target)) = (inside(path), inside(target)) {
                links.add(path, target);
            }
        }
        Self { files: files.collect(), links }
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Listing {
    fn from(files: [(&str, &str); N]) -> Self {
        let files = files.map(|(path, text)| (path.to_owned(), Content::Text(text.to_owned())));
        Self { files: files.into(), links: Links::default() }
    }
}

#[cfg(test)]
impl Listing {
    /// The same with one more file, of any bytes.
    pub(crate) fn and(mut self, path: &str, bytes: &[u8]) -> Self {
        let reads = crate::language::reads(Path::new(path)).unwrap_or(Reads::Text);
        self.files.insert(path.to_owned(), Content::of(reads, bytes));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_or_refused() {
        let mut listing = Listing::from([("reqs/base.txt", "fastapi"), ("Procfile", "web: x")])
            .and("latin.txt", b"caf\xe9")
            .and("latin.py", b"# caf\xe9\nimport x");
        listing.files.insert("big.lock".to_owned(), Content::TooLarge(9 << 20));
        listing.files.insert("gone.txt".to_owned(), Content::Lost);
        listing.links.add("requirements", "reqs");
        let read = |path: &str| match listing.read(path) {
            Ok(text) => format!("{text:?}"),
            Err(e) => e.to_string(),
        };
        for (path, want) in [
            ("Procfile", "Some(\"web: x\")"),
            ("procfile", "None"),
            ("requirements/base.txt", "Some(\"fastapi\")"),
            ("latin.py", "Some(\"# caf\u{fffd}\\nimport x\")"),
            (
                "latin.txt",
                "latin.txt cannot be read: line 1 is not text: byte 4 of the file is 0xE9, which is not UTF-8 here\n  hint: \
                 save it as UTF-8; in Latin-1 this byte is `é`",
            ),
            (
                "big.lock",
                "big.lock cannot be read: it has 9 MiB, and more than 8 MiB are not read\n  hint: check that it is the right file",
            ),
            (
                "gone.txt",
                "gone.txt cannot be read: it is a link that leads nowhere within the project\n  hint: put the file itself there",
            ),
        ] {
            assert_eq!(read(path), want, "{path}");
        }
        assert_eq!(listing.misspelt("Procfile", &[]), None);
        assert_eq!(Listing::from([("procfile", "")]).misspelt("Procfile", &[]), Some("procfile"));
        assert_eq!(listing.below("requirements").text("base.txt"), Some("fastapi"));
    }
}
