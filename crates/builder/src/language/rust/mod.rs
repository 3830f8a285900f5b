//! Rust.

mod build;
mod plan;

use self::plan::Crate;
use super::{Claim, Language, Phases, Recipe};
use crate::{
    build::{Job, Stack},
    hostnet::Ecosystem,
    plan::{Listing, Plan, PlanError, Wishes},
    source::Source,
};

/// The language.
#[derive(Debug)]
pub(super) struct Rust;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn claims(&self, listing: &Listing, wishes: &Wishes<'_>) -> Claim {
        match wishes.package {
            Some(_) => Claim::Asked,
            None if listing.has("Cargo.toml") => Claim::Found,
            None => Claim::Nothing,
        }
    }

    fn plan(&self, listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
        plan::plan(listing, wishes)
    }
}

impl Recipe for Crate {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Cargo
    }

    fn env(&self) -> &'static [(&'static str, &'static str)] {
        &build::ENV
    }

    fn phases<'a>(&'a self, job: &'a Job<'a>, stack: &'a mut Stack, source: Source) -> Phases<'a> {
        Box::pin(job.rust(stack, source, self))
    }
}
