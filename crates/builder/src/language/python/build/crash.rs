//! What the last lines of a Python service that ended mean.

use crate::build::libraries;

/// Modules whose package has another name.
const MODULES: &[(&str, &str)] = &[
    ("bs4", "beautifulsoup4"),
    ("Crypto", "pycryptodome"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("dotenv", "python-dotenv"),
    ("fitz", "pymupdf"),
    ("jose", "python-jose"),
    ("jwt", "pyjwt"),
    ("magic", "python-magic"),
    ("MySQLdb", "mysqlclient"),
    ("PIL", "pillow"),
    ("psycopg2", "psycopg2-binary"),
    ("serial", "pyserial"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("uvicorn.workers", "uvicorn-worker"),
    ("yaml", "pyyaml"),
];

/// Modules of Python's own that people list among their packages.
const STANDARD: [&str; 20] = [
    "abc",
    "base64",
    "collections",
    "csv",
    "ctypes",
    "functools",
    "hashlib",
    "io",
    "itertools",
    "json",
    "math",
    "os",
    "re",
    "shutil",
    "socket",
    "sqlite3",
    "sys",
    "tempfile",
    "threading",
    "tkinter",
];

/// What to do about a package that there is not, when its name tells.
pub(crate) fn no_package(name: &str) -> Option<String> {
    if STANDARD.contains(&name) {
        return Some(format!("`{name}` comes with Python: leave it out of the dependencies"));
    }
    let (module, package) = MODULES.iter().find(|(module, _)| module.eq_ignore_ascii_case(name))?;
    Some(format!("the package that has the module `{module}` is called `{package}`"))
}

/// What to do about it, when that can be told.
pub(crate) fn advice(lines: &[String]) -> Option<String> {
    // The last one is what ended it.
    lines.iter().rev().find_map(|line| one(line))
}

fn one(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some((_, rest)) = line.split_once("No module named ") {
        let name = rest.trim_start_matches(['\'', '"']).split(['\'', '"']).next()?.trim();
        let top = name.split('.').next()?;
        if top == "pkg_resources" {
            return Some(
                "newer versions of setuptools have no pkg_resources any more: add `setuptools<81` to the dependencies, or \
                 use a newer version of what imports it (gunicorn 21 does without)"
                    .to_owned(),
            );
        }
        let package = MODULES.iter().find(|(module, _)| *module == name || *module == top);
        return Some(match package {
            Some((_, package)) => format!("add `{package}` to the dependencies: it has the module `{top}`"),
            None => format!(
                "if `{top}` is a package, add it to the dependencies; if it is code of the app, look whether it was deployed \
                 and where the app is started from"
            ),
        });
    }
    if let Some(advice) = libraries::advice(line) {
        return Some(advice);
    }
    if line.contains("No module named") || !line.contains("Failed to find attribute") {
        return None;
    }
    // gunicorn's words: Failed to find attribute 'app' in 'main'.
    Some("check the name behind the `:` in the start command: the module has no such variable".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words() {
        for (line, want) in [
            ("ModuleNotFoundError: No module named 'pkg_resources'", Some("`setuptools<81`")),
            ("ModuleNotFoundError: No module named 'nope'", Some("if `nope` is a package, add it")),
            ("ModuleNotFoundError: No module named 'yaml'", Some("add `pyyaml`")),
            ("ModuleNotFoundError: No module named 'PIL.Image'", Some("add `pillow`")),
            ("/app/.venv/bin/python: No module named flask", Some("if `flask` is a package")),
            (
                "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
                Some("packages = [\"libgl1\", \"libglib2.0-0\"]"),
            ),
            ("Failed to find attribute 'app' in 'main'.", Some("behind the `:`")),
            ("KeyError: 'x'", None),
        ] {
            let lines = [
                "Traceback (most recent call last):".to_owned(),
                line.to_owned(),
                "[INFO] Shutting down".to_owned(),
            ];
            let hint = advice(&lines);
            match want {
                Some(want) => assert!(hint.as_ref().is_some_and(|h| h.contains(want)), "{line}: {hint:?}"),
                None => assert_eq!(hint, None, "{line}"),
            }
        }
    }
}
