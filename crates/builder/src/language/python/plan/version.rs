//! Which Python a project runs on.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use super::{Listing, Origin, PlanError};

/// The oldest that is built for uv to fetch.
const OLDEST: [u64; 2] = [3, 8];

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interpreter {
    /// The base's own `python3`.
    Base,
    /// Fetched, because the base's own does not do: a version or specifiers, as `uv python install` takes them.
    Fetched(String),
}

impl std::fmt::Display for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Base => f.write_str("the base's own"),
            Self::Fetched(version) => f.write_str(version),
        }
    }
}

/// Which one, and where that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) interpreter: Interpreter,
    pub(crate) origin: Option<Origin>,
    pub(crate) note: Option<String>,
}

/// The Pythons that a project says it runs on, as PEP 440 writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requires {
    pub(crate) specifiers: String,
    pub(crate) origin: Origin,
}

/// Decide, from `.python-version`, `runtime.txt` and what the project requires, in this order.
///
/// `base` is the version of the base's own Python, if it has one.
pub(crate) fn choose(
    listing: &Listing,
    requires: Option<&Requires>,
    base: Option<&str>,
) -> Result<Chosen, PlanError> {
    let base = base.and_then(|v| Version::from_str(v).ok());
    for file in [".python-version", "runtime.txt"] {
        let Some(text) = listing.read(file)? else { continue };
        let says = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
        let mut lines = text.lines().map(says).enumerate();
        let Some((at, asked)) = lines.find(|(_, line)| !line.is_empty()) else { continue };
        let origin = Origin::written(file, at + 1);
        let short = bare(&asked);
        if asked.starts_with(['<', '>', '=', '~', '!']) {
            return by_specifiers(&Requires { specifiers: asked, origin }, base.as_ref());
        }
        // pyenv's word for the one that is there anyway.
        if short == "system" {
            let interpreter = base.map_or(Interpreter::Fetched("3".to_owned()), |_| Interpreter::Base);
            return Ok(Chosen { interpreter, origin: Some(origin), note: None });
        }
        let version = Version::from_str(&short).map_err(|_| {
            PlanError::new(
                format!("{file} asks for Python `{asked}`, which is not a version (line {})", at + 1),
                "write a version of CPython there, such as 3.12",
            )
        })?;
        if version.release() < OLDEST.as_slice() && !OLDEST.starts_with(version.release()) {
            return Err(PlanError::new(
                format!("{file} asks for Python {short}, which cannot be had any more (line {})", at + 1),
                format!("ask for {}.{} or newer", OLDEST[0], OLDEST[1]),
            ));
        }
        let (interpreter, note) = by_version(file, &short, &version, base.as_ref());
        return Ok(Chosen { interpreter, origin: Some(origin), note });
    }
    let Some(requires) = requires else {
        let own = if base.is_some() { Interpreter::Base } else { Interpreter::Fetched("3".to_owned()) };
        return Ok(Chosen { interpreter: own, origin: None, note: None });
    };
    by_specifiers(requires, base.as_ref())
}

fn by_specifiers(requires: &Requires, base: Option<&Version>) -> Result<Chosen, PlanError> {
    let Requires { specifiers: requires, origin } = requires;
    let specifiers = VersionSpecifiers::from_str(requires).map_err(|_| {
        PlanError::new(
            format!("{origin} requires Python \"{requires}\", which are not version specifiers"),
            "write it as PEP 440 does, such as \">=3.11\"",
        )
    })?;
    let interpreter = match base {
        Some(base) if specifiers.contains(base) => Interpreter::Base,
        Some(_) | None => Interpreter::Fetched(requires.replace(' ', "")),
    };
    Ok(Chosen { interpreter, origin: Some(origin.clone()), note: None })
}

/// The version in `Python-3.11.9`, `cpython@3.12`, `v3.12` or `3.11.x`.
fn bare(asked: &str) -> String {
    let mut version = asked.to_ascii_lowercase();
    for prefix in ["cpython", "python", "-", "@", "v"] {
        if let Some(rest) = version.strip_prefix(prefix) {
            version = rest.to_owned();
        }
    }
    // `cpython-3.12.1-linux-x86_64-gnu`, as uv has it.
    let version = version.split("-linux").next().unwrap_or_default().trim();
    let short = version.strip_suffix(".x").or_else(|| version.strip_suffix(".*"));
    short.unwrap_or(version).to_owned()
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

    fn shown(listing: &Listing, requires: Option<&str>, base: Option<&str>) -> String {
        let requires = requires
            .map(|r| Requires { specifiers: r.to_owned(), origin: Origin::written("pyproject.toml", 3) });
        match choose(listing, requires.as_ref(), base) {
            Ok(Chosen { interpreter, origin, note }) => {
                let origin = origin.map(|o| format!(" {o}")).unwrap_or_default();
                format!("{interpreter:?}{origin} {}", note.unwrap_or_default()).trim_end().to_owned()
            }
            Err(e) => format!("{}; {}", e.why, e.hint),
        }
    }

    #[test]
    fn versions() {
        let mut out = String::new();
        for (version_file, requires, base) in [
            ("", None, Some("3.11.2")),
            ("", None, None),
            ("3.11", None, Some("3.11.2")),
            ("3.11.9\n", None, Some("3.11.2")),
            ("3.1", None, Some("3.11.2")),
            ("# why\n3.12 # so\n", Some(">=3.11"), Some("3.11.2")),
            ("cpython-3.13.1", None, Some("3.11.2")),
            ("3.10.x", None, Some("3.11.2")),
            ("3", None, Some("3.11.2")),
            ("\n# nothing\n", None, Some("3.11.2")),
            ("pypy3.10", None, Some("3.11.2")),
            ("system", None, Some("3.11.2")),
            (">=3.12,<3.14", None, Some("3.11.2")),
            (">=3.9", Some(">=3.12"), Some("3.11.2")),
            ("cpython-3.12.1-linux-x86_64-gnu", None, Some("3.11.2")),
            ("2.7", None, Some("3.11.2")),
            ("3.6.1", None, Some("3.11.2")),
            ("\nmy-env", None, Some("3.11.2")),
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
            let got = shown(&listing, requires, base);
            out += &format!("{version_file:?} {requires:?} on {base:?}: {got}\n");
        }
        expect![[r##"
            "" None on Some("3.11.2"): Base
            "" None on None: Fetched("3")
            "3.11" None on Some("3.11.2"): Base .python-version:1
            "3.11.9\n" None on Some("3.11.2"): Base .python-version:1 .python-version asks for Python 3.11.9; using Python 3.11.2 of the base
            "3.1" None on Some("3.11.2"): .python-version asks for Python 3.1, which cannot be had any more (line 1); ask for 3.8 or newer
            "# why\n3.12 # so\n" Some(">=3.11") on Some("3.11.2"): Fetched("3.12") .python-version:2
            "cpython-3.13.1" None on Some("3.11.2"): Fetched("3.13.1") .python-version:1
            "3.10.x" None on Some("3.11.2"): Fetched("3.10") .python-version:1
            "3" None on Some("3.11.2"): Base .python-version:1
            "\n# nothing\n" None on Some("3.11.2"): Base
            "pypy3.10" None on Some("3.11.2"): .python-version asks for Python `pypy3.10`, which is not a version (line 1); write a version of CPython there, such as 3.12
            "system" None on Some("3.11.2"): Base .python-version:1
            ">=3.12,<3.14" None on Some("3.11.2"): Fetched(">=3.12,<3.14") .python-version:1
            ">=3.9" Some(">=3.12") on Some("3.11.2"): Base .python-version:1
            "cpython-3.12.1-linux-x86_64-gnu" None on Some("3.11.2"): Fetched("3.12.1") .python-version:1
            "2.7" None on Some("3.11.2"): .python-version asks for Python 2.7, which cannot be had any more (line 1); ask for 3.8 or newer
            "3.6.1" None on Some("3.11.2"): .python-version asks for Python 3.6.1, which cannot be had any more (line 1); ask for 3.8 or newer
            "\nmy-env" None on Some("3.11.2"): .python-version asks for Python `my-env`, which is not a version (line 2); write a version of CPython there, such as 3.12
            "" Some(">=3.10,<3.14") on Some("3.11.2"): Base pyproject.toml:3
            "" Some(">= 3.12, <4") on Some("3.11.2"): Fetched(">=3.12,<4") pyproject.toml:3
            "" Some("==3.11.*") on Some("3.11.2"): Base pyproject.toml:3
            "" Some("~=3.11") on Some("3.11.2"): Base pyproject.toml:3
            "" Some("^3.11") on Some("3.11.2"): pyproject.toml:3 requires Python "^3.11", which are not version specifiers; write it as PEP 440 does, such as ">=3.11"
        "##]].assert_eq(&out);
    }

    /// Bug: `Python-3.11.9`, `3.10.4` and UTF-16 in a runtime.txt were ignored, a mark before a version was refused.
    #[test]
    fn whatever_wrote_it() {
        let mut out = String::new();
        let utf16: Vec<u8> =
            [0xFEFF].into_iter().chain("python-3.12.1".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (file, bytes) in [
            ("runtime.txt", &b"python-3.11.9"[..]),
            ("runtime.txt", b"Python-3.11.9\r\n"),
            ("runtime.txt", b"3.10.4"),
            ("runtime.txt", &utf16),
            ("runtime.txt", b"python3"),
            ("runtime.txt", b"node-20"),
            (".python-version", b"\xEF\xBB\xBF3.12\n"),
            (".python-version", &utf16),
            (".python-version", b"3\x001\x002\x00"),
        ] {
            let got = shown(&Listing::default().and(file, bytes), None, Some("3.11.2"));
            out += &format!("{file} {:?}: {got}\n", String::from_utf8_lossy(bytes));
        }
        expect![[r#"
            runtime.txt "python-3.11.9": Base runtime.txt:1 runtime.txt asks for Python 3.11.9; using Python 3.11.2 of the base
            runtime.txt "Python-3.11.9\r\n": Base runtime.txt:1 runtime.txt asks for Python 3.11.9; using Python 3.11.2 of the base
            runtime.txt "3.10.4": Fetched("3.10.4") runtime.txt:1
            runtime.txt "��p\0y\0t\0h\0o\0n\0-\03\0.\01\02\0.\01\0": Fetched("3.12.1") runtime.txt:1
            runtime.txt "python3": Base runtime.txt:1
            runtime.txt "node-20": runtime.txt asks for Python `node-20`, which is not a version (line 1); write a version of CPython there, such as 3.12
            .python-version "\u{feff}3.12\n": Fetched("3.12") .python-version:1
            .python-version "��p\0y\0t\0h\0o\0n\0-\03\0.\01\02\0.\01\0": Fetched("3.12.1") .python-version:1
            .python-version "3\01\02\0": .python-version cannot be read: line 1 is not text: byte 2 of the file is NUL; save it as UTF-8; it looks like UTF-16 without a byte order mark
        "#]].assert_eq(&out);
    }
}
