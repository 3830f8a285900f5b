//! From a source folder to what has to be done: pure, and the same every time.

mod error;
mod listing;
pub(crate) mod procfile;

use std::collections::{BTreeMap, BTreeSet};

use dormouse_model::{Origin, ServiceKind, ServiceSpec, manifest::MANIFEST};

use crate::language::Recipe;

pub use error::PlanError;
pub(crate) use listing::MAX_TEXT;
pub use listing::{Content, Listing, Reads};

/// What the manifest and the base say that planning has to respect.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// The service's name.
    pub service: &'a str,
    /// What kind of process it is.
    pub kind: ServiceKind,
    /// The start command, when the manifest names one.
    pub start: Option<&'a [String]>,
    /// Where it does.
    pub start_origin: Option<&'a Origin>,
    /// The port it is to listen on.
    pub port: u16,
    /// The requirements file, when the manifest names one.
    pub requirements: Option<&'a str>,
    /// Commands that install what it needs, when the manifest names some.
    pub install: &'a [Vec<String>],
    /// Where it does.
    pub install_origin: Option<&'a Origin>,
    /// The folder below the source folder that it is started in, when it is another.
    pub workdir: Option<&'a str>,
    /// The Cargo package, when the manifest names one.
    pub package: Option<&'a str>,
    /// Debian packages the manifest asks for.
    pub packages: &'a BTreeSet<String>,
    /// Full versions of what the base has itself.
    pub in_base: &'a BTreeMap<&'static str, String>,
    /// The compose file that describes the service, if one does: what people are told to write goes there.
    pub compose: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    /// Those of a service, on a base that has `in_base`.
    pub(crate) fn of(spec: &'a ServiceSpec, in_base: &'a BTreeMap<&'static str, String>) -> Self {
        Self {
            service: spec.name.as_str(),
            kind: spec.kind,
            start: spec.start.as_deref(),
            start_origin: spec.origins.start.as_ref(),
            port: spec.port,
            requirements: spec.requirements.as_deref(),
            install: &spec.install,
            install_origin: spec.origins.install.as_ref(),
            workdir: spec.workdir.as_deref(),
            package: spec.package.as_deref(),
            packages: &spec.packages,
            in_base,
            compose: spec.origins.compose.as_deref(),
        }
    }

    /// The file that describes the service, or would.
    pub(crate) fn file(&self) -> &str {
        self.compose.unwrap_or(MANIFEST)
    }

    /// Its key for the start command.
    pub(crate) fn start_key(&self) -> &'static str {
        if self.compose.is_some() { "command" } else { "start" }
    }

    /// Its key for the source folder.
    pub(crate) fn source_key(&self) -> &'static str {
        if self.compose.is_some() { "build" } else { "source" }
    }

    /// A start command as it is written there.
    pub(crate) fn as_start(&self, command: &str) -> String {
        match self.compose {
            Some(_) => format!("command: {command}"),
            None => format!("start = \"{command}\""),
        }
    }
}

#[cfg(test)]
impl Wishes<'_> {
    /// Those of a service of which the manifest says nothing.
    pub(crate) fn nothing() -> Self {
        static NONE: BTreeSet<String> = BTreeSet::new();
        static IN_BASE: std::sync::LazyLock<BTreeMap<&str, String>> =
            std::sync::LazyLock::new(|| [("python", "3.11.2".to_owned())].into());
        Wishes {
            service: "web",
            kind: ServiceKind::Web,
            start: None,
            start_origin: None,
            port: 8000,
            requirements: None,
            install: &[],
            install_origin: None,
            workdir: None,
            package: None,
            packages: &NONE,
            in_base: &IN_BASE,
            compose: None,
        }
    }
}

/// What has to be done.
#[derive(Debug)]
pub struct Plan {
    /// How the image comes to hold what is started.
    pub(crate) recipe: Box<dyn Recipe>,
    /// The start command, `$PORT` still in it.
    pub start: Vec<String>,
    /// What that needs in its environment, beside the manifest's.
    pub env: BTreeMap<String, String>,
    /// What was decided and where that comes from.
    pub decisions: Vec<Decision>,
    /// Things worth saying in the build log.
    pub notes: Vec<String>,
}

/// Something that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `python`, `dependencies`, `start`.
    pub about: &'static str,
    /// What was.
    pub value: String,
    /// The place in the project's files that decided it; `None` when none did.
    pub origin: Option<Origin>,
}

impl Plan {
    /// Where the start command comes from.
    #[must_use]
    pub fn start_origin(&self) -> Option<&Origin> {
        self.decisions.iter().find(|d| d.about == "start")?.origin.as_ref()
    }
}

pub(crate) fn is_named(path: &str, name: &str) -> bool {
    path == name || path.strip_suffix(name).is_some_and(|p| p.ends_with('/'))
}

/// Where in a file a parser stopped, to be looked at.
pub(crate) fn see(file: &str, text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let line = span.and_then(|s| text.get(..s.start)).map_or(1, |before| before.matches('\n').count() + 1);
    format!("see line {line} of {file}")
}
