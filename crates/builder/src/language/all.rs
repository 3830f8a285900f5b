//! The table of languages, and what is asked of all of them.

use std::{collections::BTreeMap, path::Path};

use super::{Language, python::Python, rust::Rust};
use crate::plan::{Listing, Plan, PlanError, Wishes};

/// All that there are: a new one is added here.
const LANGUAGES: [&dyn Language; 2] = [&Python, &Rust];

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
    of(listing, wishes).plan(listing, wishes)
}

/// Which language a service is written in.
pub(crate) fn of(listing: &Listing, wishes: &Wishes<'_>) -> &'static dyn Language {
    let claim = |language: &&dyn Language| language.claims(listing, wishes);
    // Of equals the last has it.
    let surest = LANGUAGES.iter().copied().rev().max_by_key(claim);
    surest.unwrap_or(LANGUAGES[0])
}

/// What the base has of each.
pub(crate) fn in_base(base: &Path) -> BTreeMap<&'static str, String> {
    LANGUAGES.iter().filter_map(|l| Some((l.name(), l.in_base(base)?))).collect()
}

/// What to do about a service that ended, when the last lines it wrote tell.
pub(crate) fn advice(said: &[String]) -> Option<String> {
    LANGUAGES.iter().find_map(|language| language.advice(said))
}

/// What to do about a package that a registry does not have.
pub(crate) fn no_package(name: &str) -> String {
    let told = LANGUAGES.iter().find_map(|language| language.no_package(name));
    told.unwrap_or_else(|| "check its spelling in the dependencies".to_owned())
}
