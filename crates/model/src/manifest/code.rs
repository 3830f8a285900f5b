//! What the reader asks about code. It knows no language: whoever builds them implements [`Languages`].

use std::{collections::BTreeSet, fmt};

use super::{input::ManifestInput, path};
use crate::{server::Server, source::near::Known};

/// What languages tell of files and folders. Everything left out says that there is no such language.
pub trait Languages: fmt::Debug + Send + Sync {
    /// What the file at a path is to them; `None` when its text tells nothing. Paths are separated by `/`.
    fn role(&self, _path: &str) -> Option<Role> {
        None
    }

    /// Names of files that they read, for those that are nearly right.
    fn names(&self) -> &'static [Known] {
        &[]
    }

    /// Files that are signs of what cannot be built, the most telling first.
    fn signs(&self) -> &'static [Sign] {
        &[]
    }

    /// Names of files at the top of a folder that say how to build it, the usual ones.
    fn recipes(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The likeliest of them, in words: `a Makefile`.
    fn mark(&self) -> String {
        "code".to_owned()
    }

    /// The least that is enough to be built, in words: `a Makefile beside a main.c`.
    fn least(&self) -> &'static str {
        "code"
    }

    /// Whether what a folder holds can be built.
    fn can_build(&self, _code: &Code<'_>) -> bool {
        false
    }

    /// Whether the folder itself holds code of a service, and not only folders in it.
    fn is_at_top(&self, _code: &Code<'_>) -> bool {
        false
    }

    /// What the code of a service shows.
    fn look(&self, _code: &Code<'_>) -> Facts {
        Facts::default()
    }

    /// Whether the script that a start command runs listens, and on which port where that can be told.
    fn script(&self, _code: &Code<'_>, _start: &[String]) -> Option<Option<u16>> {
        None
    }

    /// The port that a file of settings names, which a start command reads when it is run in a folder.
    fn port(&self, _code: &Code<'_>, _start: &[String], _folder: &str) -> Option<u16> {
        None
    }

    /// Whether code of a service needs what lies in a folder below, though that is another service's.
    fn needs(&self, _code: &Code<'_>, _folder: &str) -> bool {
        false
    }
}

/// No languages: where only the manifest matters.
#[derive(Debug)]
pub struct NoLanguages;

impl Languages for NoLanguages {}

/// What a file is to a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It says how to build what lies beside it, or above it in a folder of such files.
    Recipe,
    /// It is read with that.
    Beside,
    /// It is code.
    Code,
}

/// A sign of what cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// The file's name.
    pub file: &'static str,
    /// What is not supported.
    pub what: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// Keys of the manifest that one language or another understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys<'a> {
    /// `package`.
    pub package: Option<&'a str>,
    /// Whether there is a `requirements`.
    pub requirements: bool,
    /// Whether there is an `install`.
    pub install: bool,
}

/// What the code of a service shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// A health route that it defines.
    pub health: Option<&'static str>,
    /// A page that is there for sure, when that is not `/`.
    pub page: Option<&'static str>,
    /// What it serves with, as far as that can be told.
    pub server: Option<Server>,
    /// The port that it most likely listens on when it reads none from its environment.
    pub port: Option<u16>,
    /// Whether it holds pages that people open.
    pub has_pages: bool,
    /// Whether it listens, or may be expected to.
    pub listens: bool,
}

/// The source folder of a service, as far as the manifest's reader knows it.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    input: &'a ManifestInput,
    source: &'a str,
    left_out: Option<&'a BTreeSet<String>>,
    /// What the manifest says of it.
    pub keys: Keys<'a>,
}

impl<'a> Code<'a> {
    /// What lies in a folder of the project; `.` is all of it.
    #[must_use]
    pub fn new(input: &'a ManifestInput, source: &'a str) -> Self {
        Self { input, source, left_out: None, keys: Keys::default() }
    }

    /// With these keys of the manifest.
    #[must_use]
    pub fn with(self, keys: Keys<'a>) -> Self {
        Self { keys, ..self }
    }

    /// Without folders that are other services'.
    #[must_use]
    pub fn without(self, left_out: &'a BTreeSet<String>) -> Self {
        Self { left_out: Some(left_out), ..self }
    }

    /// Whether it holds such a file, readable or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.input.has_file(self.source, name)
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.input.text_in(self.source, name)
    }

    /// The text of a file that is named where the service is started.
    #[must_use]
    pub fn text_from(&self, folder: &str, name: &str) -> Option<&'a str> {
        self.text(&path::join(folder, name))
    }

    /// All files whose names end so: path and text. Those of other services are among them.
    pub fn ending<'e>(&self, end: &'e str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 'e> {
        self.input.ending(self.source, end)
    }

    /// The same without those of other services.
    pub fn own<'e>(&self, end: &'e str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 'e> {
        let left_out = self.left_out;
        let is_in = move |path: &str, out: &String| {
            path.strip_prefix(out.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let is_own = move |path: &str| !left_out.into_iter().flatten().any(|out| is_in(path, out));
        self.ending(end).filter(move |(path, _)| is_own(path))
    }
}
