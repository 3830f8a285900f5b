//! The table of languages, and what is asked of all of them.

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use dormouse_model::{
    manifest::{Code, Facts, Keys, Languages, Role, Sign},
    source::{near::Known, procfile},
};

use super::{Language, python::Python, rust::Rust, unsupported};
use crate::plan::{Listing, Plan, PlanError, Reads, Wishes};

/// All that there are: a new one is added here. Of two that are equally sure of a folder the first has it.
const ALL: [&dyn Language; 2] = [&Python, &Rust];

/// What the languages that can be built tell the manifest's reader.
pub static LANGUAGES: &dyn Languages = &All;

/// All of them together.
#[derive(Debug)]
struct All;

impl Languages for All {
    fn role(&self, path: &str) -> Option<Role> {
        ALL.iter().find_map(|language| language.role(path))
    }

    fn names(&self) -> &'static [Known] {
        names()
    }

    fn signs(&self) -> &'static [Sign] {
        signs()
    }

    fn recipes(&self) -> Vec<&'static str> {
        ALL.iter().flat_map(|language| language.recipes()).collect()
    }

    fn mark(&self) -> String {
        ALL.map(|language| language.mark()).join(" or ")
    }

    fn least(&self) -> &'static str {
        ALL[0].least()
    }

    fn can_build(&self, code: &Code<'_>) -> bool {
        ALL.iter().any(|language| language.can_build(code))
    }

    fn is_at_top(&self, code: &Code<'_>) -> bool {
        ALL.iter().any(|language| language.is_at_top(code))
    }

    fn look(&self, code: &Code<'_>) -> Facts {
        of(&|file| code.has(file), code.keys).look(code)
    }

    fn script(&self, code: &Code<'_>, start: &[String]) -> Option<Option<u16>> {
        ALL.iter().find_map(|language| language.script(code, start))
    }

    fn port(&self, code: &Code<'_>, start: &[String], folder: &str) -> Option<u16> {
        ALL.iter().find_map(|language| language.port(code, start, folder))
    }

    fn needs(&self, code: &Code<'_>, folder: &str) -> bool {
        ALL.iter().any(|language| language.needs(code, folder))
    }
}

/// The language that is surest of a service.
fn of(has: &dyn Fn(&str) -> bool, keys: Keys<'_>) -> &'static dyn Language {
    // Of equals the last has it.
    let surest = ALL.into_iter().rev().max_by_key(|language| language.claims(has, keys));
    surest.unwrap_or(ALL[0])
}

/// Decide how to build what is listed.
///
/// # Errors
/// When it is not something we know how to build or start, with what to do about it.
pub fn plan(listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
    if listing.paths().next().is_none() {
        return Err(PlanError::new(
            "the source folder is empty",
            "check that it is the right one, and that no ignore rule leaves out all that is in it",
        ));
    }
    let keys = Keys {
        package: wishes.package,
        requirements: wishes.requirements.is_some(),
        install: !wishes.install.is_empty(),
    };
    of(&|file| listing.has(file), keys).plan(listing, wishes)
}

/// How planning looks into a file, if it does.
pub(crate) fn reads(path: &Path) -> Option<Reads> {
    if path.file_name().is_some_and(|name| name == procfile::NAME) {
        return Some(Reads::Text);
    }
    ALL.iter().find_map(|language| language.reads(path))
}

/// Names of files that languages read.
pub(crate) fn names() -> &'static [Known] {
    static NAMES: LazyLock<Vec<Known>> =
        LazyLock::new(|| ALL.iter().flat_map(|language| language.names()).copied().collect());
    &NAMES
}

/// Signs of what none of them can build.
pub(crate) fn signs() -> &'static [Sign] {
    unsupported::SIGNS
}

/// What the base has of each.
pub(crate) fn in_base(base: &Path) -> BTreeMap<&'static str, String> {
    ALL.iter().filter_map(|l| Some((l.name(), l.in_base(base)?))).collect()
}

/// What to do about a service that ended, when the last lines it wrote tell.
pub(crate) fn advice(said: &[String]) -> Option<String> {
    ALL.iter().find_map(|language| language.advice(said))
}

/// What to do about a package that a registry does not have.
pub(crate) fn no_package(name: &str) -> String {
    let told = ALL.iter().find_map(|language| language.no_package(name));
    told.unwrap_or_else(|| "check its spelling in the dependencies".to_owned())
}
