//! What all languages tell together.

use dormouse_model::{manifest::is_relevant, source::near::meant};

use super::{LANGUAGES, names};

#[test]
fn files_that_are_nearly_called_right() {
    for (name, want) in [
        ("requirement.txt", Some("requirements.txt")),
        ("Requirements.txt", Some("requirements.txt")),
        ("requirments.txt", Some("requirements.txt")),
        ("requirements", Some("requirements.txt")),
        ("requirements.txt.txt", Some("requirements.txt")),
        ("requirements.in", None),
        ("requirements-dev.txt", None),
        ("pyproject.tml", Some("pyproject.toml")),
        ("python-version", Some(".python-version")),
        (".python_version", Some(".python-version")),
        ("runtimes.txt", None),
        ("cargo.toml", Some("Cargo.toml")),
        ("setups.py", None),
        ("Setup.py", Some("setup.py")),
    ] {
        assert_eq!(meant(name, names()), want, "{name}");
    }
}

#[test]
fn files_that_matter() {
    for (path, relevant) in [
        ("requirements.txt", true),
        ("backend/requirements.txt", true),
        ("a/b/c/d/e/main.py", true),
        ("a/b/c/d/e/f/main.py", false),
        ("Cargo.toml", true),
        ("crates/web/src/main.rs", true),
        ("sub/requirement.txt", true),
        ("data.csv", false),
    ] {
        assert_eq!(is_relevant(path, LANGUAGES), relevant, "{path}");
    }
}
