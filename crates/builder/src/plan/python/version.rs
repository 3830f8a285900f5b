//! Which Python a project runs on.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use super::{Listing, PlanError};

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interpreter {
    /// The base's own `python3`.
    Base,
    /// Fetched, because the base's own does not do: a version or specifiers, as `uv python install` takes them.
    Fetched(String),
}

/// Decide, from `.python-version`, `runtime.txt` and `requires-python`, in this order.
///
/// `base` is the version of the base's own Python, if it has one.
pub(crate) fn choose(
    listing: &Listing,
    requires: Option<&str>,
    base: Option<&str>,
) -> Result<(Interpreter, Option<String>), PlanError> {
    let base = base.and_then(|v| Version::from_str(v).ok());
    for (file, prefix) in [(".python-version", ""), ("runtime.txt", "python-")] {
        let Some(text) = listing.text(file) else { continue };
        let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
        let Some(asked) = line.and_then(|l| l.strip_prefix(prefix)) else { continue };
        let asked =
            asked.trim_start_matches("cpython-").trim_start_matches("cpython@").trim_start_matches('v');
        let version = Version::from_str(asked).map_err(|_| {
            PlanError::new(
                format!("{file} asks for Python `{asked}`, which is not a version"),
                "write a version of CPython there, such as 3.12",
            )
        })?;
        return Ok(by_version(file, asked, &version, base.as_ref()));
    }
    let Some(requires) = requires else {
        return Ok((
            if base.is_some() { Interpreter::Base } else { Interpreter::Fetched("3".to_owned()) },
            None,
        ));
    };
    let specifiers = VersionSpecifiers::from_str(requires).map_err(|_| {
        PlanError::new(
            format!("pyproject.toml has requires-python = \"{requires}\", which are not version specifiers"),
            "write it as PEP 440 does, such as \">=3.11\"",
        )
    })?;
    match base {
        Some(base) if specifiers.contains(&base) => Ok((Interpreter::Base, None)),
        Some(_) | None => Ok((Interpreter::Fetched(requires.replace(' ', "")), None)),
    }
}

/// The same minor version will do: patch releases keep every interface, and Debian ports security fixes back.
fn by_version(
    file: &str,
    asked: &str,
    version: &Version,
    base: Option<&Version>,
) -> (Interpreter, Option<String>) {
    let wanted = version.release();
    match base {
        Some(base) if base.release().starts_with(wanted) => (Interpreter::Base, None),
        Some(base) if wanted.len() > 2 && base.release().get(..2) == wanted.get(..2) => (
            Interpreter::Base,
            Some(format!("{file} asks for Python {asked}; using Python {base} of the base")),
        ),
        Some(_) | None => (Interpreter::Fetched(asked.to_owned()), None),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn versions() {
        let mut out = String::new();
        for (version_file, requires, base) in [
            ("", None, Some("3.11.2")),
            ("", None, None),
            ("3.11", None, Some("3.11.2")),
            ("3.11.9\n", None, Some("3.11.2")),
            ("3.1", None, Some("3.11.2")),
            ("# why\n3.12\n", Some(">=3.11"), Some("3.11.2")),
            ("cpython-3.13.1", None, Some("3.11.2")),
            ("3", None, Some("3.11.2")),
            ("pypy3.10", None, Some("3.11.2")),
            ("", Some(">=3.10,<3.14"), Some("3.11.2")),
            ("", Some(">= 3.12, <4"), Some("3.11.2")),
            ("", Some("==3.11.*"), Some("3.11.2")),
            ("", Some("~=3.11"), Some("3.11.2")),
            ("", Some("^3.11"), Some("3.11.2")),
        ] {
            let listing = if version_file.is_empty() {
                Listing::default()
            } else {
                [(".python-version", version_file)].into()
            };
            let got = match choose(&listing, requires, base) {
                Ok((python, note)) => format!("{python:?} {}", note.unwrap_or_default()),
                Err(e) => format!("{}; {}", e.why, e.hint),
            };
            out += &format!("{version_file:?} {requires:?} on {base:?}: {got}\n");
        }
        expect![[r##"
            "" None on Some("3.11.2"): Base 
            "" None on None: Fetched("3") 
            "3.11" None on Some("3.11.2"): Base 
            "3.11.9\n" None on Some("3.11.2"): Base .python-version asks for Python 3.11.9; using Python 3.11.2 of the base
            "3.1" None on Some("3.11.2"): Fetched("3.1") 
            "# why\n3.12\n" Some(">=3.11") on Some("3.11.2"): Fetched("3.12") 
            "cpython-3.13.1" None on Some("3.11.2"): Fetched("3.13.1") 
            "3" None on Some("3.11.2"): Base 
            "pypy3.10" None on Some("3.11.2"): .python-version asks for Python `pypy3.10`, which is not a version; write a version of CPython there, such as 3.12
            "" Some(">=3.10,<3.14") on Some("3.11.2"): Base 
            "" Some(">= 3.12, <4") on Some("3.11.2"): Fetched(">=3.12,<4") 
            "" Some("==3.11.*") on Some("3.11.2"): Base 
            "" Some("~=3.11") on Some("3.11.2"): Base 
            "" Some("^3.11") on Some("3.11.2"): pyproject.toml has requires-python = "^3.11", which are not version specifiers; write it as PEP 440 does, such as ">=3.11"
        "##]].assert_eq(&out);
    }
}
