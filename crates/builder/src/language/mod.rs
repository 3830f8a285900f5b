//! Languages, one folder each. Nothing outside of its folder knows one, but for the table in `all.rs`.

mod all;
mod python;
mod rust;
#[cfg(test)]
mod tests;
mod unsupported;

use std::{any::Any, fmt, path::Path, pin::Pin};

use dormouse_backend::BuildError;
use dormouse_model::manifest::{Keys, Languages};

pub use all::{LANGUAGES, plan};
pub(crate) use all::{advice, in_base, names, no_package, reads, signs};

use crate::{
    build::{Job, Stack},
    hostnet::Ecosystem,
    plan::{Listing, Plan, PlanError, Reads, Wishes},
    source::Source,
};

/// A language, or another way to make an image of a folder.
///
/// What the manifest's reader asks of it is [`Languages`]: all of a language that is known before it is planned.
pub(crate) trait Language: Languages {
    /// What it is called, as in `python`.
    fn name(&self) -> &'static str;

    /// How sure it is that a service is written in it, by the files at the top of its folder and the manifest's keys.
    fn claims(&self, has: &dyn Fn(&str) -> bool, keys: Keys<'_>) -> Claim;

    /// How planning looks into a file, if it does.
    fn reads(&self, path: &Path) -> Option<Reads>;

    /// Decide how to build what is listed, from the files alone.
    fn plan(&self, listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError>;

    /// The version that a base has of itself, if it has it.
    fn in_base(&self, _base: &Path) -> Option<String> {
        None
    }

    /// What to do about a service that ended, when the last lines it wrote tell.
    fn advice(&self, _said: &[String]) -> Option<String> {
        None
    }

    /// What to do about a package that its registry does not have, when the name tells.
    fn no_package(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Health routes people write, the likeliest first.
pub(crate) const HEALTH_ROUTES: [&str; 4] = ["/health", "/healthz", "/api/health", "/livez"];

/// How sure a language is of a folder. Of two that are equally sure the first of the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// It is none of it.
    Nothing,
    /// Somebody has to have it: who tells best what is missing.
    Rest,
    /// A file says how to build it.
    Found,
    /// The manifest has a key that only it understands, and that decides.
    Asked,
}

/// What is planned, to be carried out.
pub(crate) trait Recipe: Any + fmt::Debug + Send + Sync {
    /// Whose credentials of this host would concern its build.
    fn ecosystem(&self) -> Ecosystem;

    /// Environment of the image.
    fn env(&self) -> &'static [(&'static str, &'static str)];

    /// Everything above the base and the Debian packages that the manifest asks for, the source included.
    fn phases<'a>(&'a self, job: &'a Job<'a>, stack: &'a mut Stack, source: Source) -> Phases<'a>;
}

/// Phases under way.
pub(crate) type Phases<'a> = Pin<Box<dyn Future<Output = Result<(), BuildError>> + Send + 'a>>;
