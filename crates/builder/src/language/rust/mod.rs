//! Rust.

mod build;
mod detect;
mod plan;

use std::path::Path;

use dormouse_model::{
    manifest::{Code, Facts, Keys, Languages, Role},
    source::near::{Known, TOML, known},
};

use self::plan::Crate;
use super::{Claim, Language, Phases, Recipe};
use crate::{
    build::{Job, Stack},
    hostnet::Ecosystem,
    plan::{Listing, Plan, PlanError, Reads, Wishes},
    source::Source,
};

/// The language.
#[derive(Debug)]
pub(super) struct Rust;

impl Languages for Rust {
    fn role(&self, path: &str) -> Option<Role> {
        match path.rsplit('/').next().unwrap_or(path) {
            "Cargo.toml" => Some(Role::Recipe),
            name => name.ends_with(".rs").then_some(Role::Code),
        }
    }

    fn names(&self) -> &'static [Known] {
        const NAMES: &[Known] = &[known("Cargo.toml", 0, TOML)];
        NAMES
    }

    fn recipes(&self) -> Vec<&'static str> {
        vec!["Cargo.toml"]
    }

    fn mark(&self) -> String {
        "a Cargo.toml".to_owned()
    }

    fn can_build(&self, code: &Code<'_>) -> bool {
        detect::can_build(code)
    }

    /// What a workspace holds is one service: nothing says which others of its programs are.
    fn is_at_top(&self, code: &Code<'_>) -> bool {
        code.has("Cargo.toml")
    }

    fn look(&self, code: &Code<'_>) -> Facts {
        detect::look(code)
    }

    fn needs(&self, code: &Code<'_>, folder: &str) -> bool {
        detect::needs(code, folder)
    }
}

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn claims(&self, has: &dyn Fn(&str) -> bool, keys: Keys<'_>) -> Claim {
        match keys.package {
            Some(_) => Claim::Asked,
            None if has("Cargo.toml") => Claim::Found,
            None => Claim::Nothing,
        }
    }

    fn reads(&self, path: &Path) -> Option<Reads> {
        let is = |ending: &str| path.extension().is_some_and(|e| e == ending);
        (is("toml") || is("lock") || path.file_name().is_some_and(|n| n == "rust-toolchain"))
            .then_some(Reads::Text)
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
