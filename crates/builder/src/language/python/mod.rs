//! Python.

mod build;
mod detect;
mod elsewhere;
mod listens;
mod needs;
mod plan;

use std::path::Path;

use dormouse_model::{
    manifest::{Code, Facts, Keys, Languages, Role},
    source::near::{Known, TEXT, TOML, known},
};

use self::plan::Interpreted;
use super::{Claim, Language, Phases, Recipe};
use crate::{
    build::{Job, Stack},
    hostnet::Ecosystem,
    plan::{Listing, Plan, PlanError, Reads, Wishes},
    source::Source,
};

/// The language.
#[derive(Debug)]
pub(super) struct Python;

/// Files that say how to build what lies beside them.
const PYTHON: [&str; 4] = ["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg"];

/// Files that are read by their names.
const NAMES: &[Known] = &[
    known("requirements.txt", 1, TEXT),
    known("pyproject.toml", 1, TOML),
    known("setup.py", 0, &["py"]),
    known("setup.cfg", 0, &["cfg"]),
    known("runtime.txt", 0, TEXT),
    known(".python-version", 1, &["", "txt"]),
    known("uv.lock", 0, &["lock"]),
    known("poetry.lock", 0, &["lock"]),
];

impl Languages for Python {
    fn role(&self, path: &str) -> Option<Role> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            name if PYTHON.contains(&name) || elsewhere::is_elsewhere(path) => Some(Role::Recipe),
            "uv.lock" => Some(Role::Beside),
            name => name.ends_with(".py").then_some(Role::Code),
        }
    }

    fn names(&self) -> &'static [Known] {
        NAMES
    }

    fn recipes(&self) -> Vec<&'static str> {
        // A setup.cfg may hold nothing but the settings of tools.
        PYTHON.into_iter().filter(|file| *file != "setup.cfg").collect()
    }

    fn least(&self) -> &'static str {
        "a requirements.txt beside a main.py"
    }

    fn mark(&self) -> String {
        "a requirements.txt".to_owned()
    }

    fn can_build(&self, code: &Code<'_>) -> bool {
        detect::is_python(code)
    }

    fn is_at_top(&self, code: &Code<'_>) -> bool {
        code.ending(".py").any(|(path, _)| !path.contains('/'))
    }

    fn look(&self, code: &Code<'_>) -> Facts {
        detect::look(code)
    }

    fn script(&self, code: &Code<'_>, start: &[String]) -> Option<Option<u16>> {
        listens::script(code, start)
    }

    fn port(&self, code: &Code<'_>, start: &[String], folder: &str) -> Option<u16> {
        listens::port(code, start, folder)
    }

    fn needs(&self, code: &Code<'_>, folder: &str) -> bool {
        needs::needs(code, folder)
    }
}

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    /// Packages of Python that are written in other languages have the files of both; whoever means the other says so.
    fn claims(&self, has: &dyn Fn(&str) -> bool, keys: Keys<'_>) -> Claim {
        let says_how = || ["requirements.txt", "pyproject.toml", "setup.py"].into_iter().any(has);
        if keys.requirements || keys.install || says_how() {
            return Claim::Found;
        }
        // A script needs no file beside it, and a command nothing at all.
        Claim::Rest
    }

    fn reads(&self, path: &Path) -> Option<Reads> {
        let is = |ending: &str| path.extension().is_some_and(|e| e == ending);
        if is("py") {
            return Some(Reads::Code);
        }
        let is_text = ["txt", "in", "toml", "lock", "cfg"].into_iter().any(is);
        (is_text || path.file_name().is_some_and(|n| n == ".python-version")).then_some(Reads::Text)
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
