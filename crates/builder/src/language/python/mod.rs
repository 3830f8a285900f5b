//! Python.

mod build;
mod plan;

use std::path::Path;

use self::plan::Interpreted;
use super::{Claim, Language, Phases, Recipe};
use crate::{
    build::{Job, Stack},
    hostnet::Ecosystem,
    plan::{Listing, Plan, PlanError, Wishes},
    source::Source,
};

/// The language.
#[derive(Debug)]
pub(super) struct Python;

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    /// Packages of Python that are written in other languages have the files of both; whoever means the other says so.
    fn claims(&self, listing: &Listing, wishes: &Wishes<'_>) -> Claim {
        let named = wishes.requirements.is_some() || !wishes.install.is_empty();
        if named || ["requirements.txt", "pyproject.toml", "setup.py"].iter().any(|f| listing.has(f)) {
            return Claim::Found;
        }
        // A script needs no file beside it, and a command nothing at all.
        Claim::Rest
    }

    fn plan(&self, listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
        plan::plan(listing, wishes)
    }

    fn in_base(&self, base: &Path) -> Option<String> {
        build::interpreter::version_of(base)
    }

    fn advice(&self, said: &[String]) -> Option<String> {
        build::crash::advice(said)
    }

    fn no_package(&self, name: &str) -> Option<String> {
        build::crash::no_package(name)
    }
}

impl Recipe for Interpreted {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Pip
    }

    fn env(&self) -> &'static [(&'static str, &'static str)] {
        &build::ENV
    }

    fn phases<'a>(&'a self, job: &'a Job<'a>, stack: &'a mut Stack, source: Source) -> Phases<'a> {
        Box::pin(job.python(stack, source, self))
    }
}
