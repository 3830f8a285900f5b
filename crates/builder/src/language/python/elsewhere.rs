//! Where projects keep the list of their Python packages when it is no `requirements.txt` at the top.

/// Paths in a source folder, in the order in which they are looked for: what is meant for production, then what is meant
/// for everywhere. What is for tests and for development is none of them.
pub(crate) const ELSEWHERE: [&str; 22] = [
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements_production.txt",
    "requirements_prod.txt",
    "requirements.prod.txt",
    "requirements/requirements.txt",
    "requirements/main.txt",
    "requirements/app.txt",
    "requirements/base.txt",
    "requirements/common.txt",
    "requirements/default.txt",
    "requirements-main.txt",
    "requirements-app.txt",
    "requirements-base.txt",
    "requirements_base.txt",
    "requirements.base.txt",
    "requirements/production.in",
    "requirements/prod.in",
    "requirements/base.in",
    "requirements.in",
];

/// Whether a path in a project is one of these in some source folder.
pub(super) fn is_elsewhere(path: &str) -> bool {
    ELSEWHERE
        .iter()
        .any(|end| path.strip_suffix(end).is_some_and(|above| above.is_empty() || above.ends_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, yes) in [
            ("requirements/prod.txt", true),
            ("api/requirements/base.txt", true),
            ("requirements.in", true),
            ("my-requirements.in", false),
            ("requirements/dev.txt", false),
            ("requirements.txt", false),
            ("base.txt", false),
        ] {
            assert_eq!(is_elsewhere(path), yes, "{path}");
        }
    }
}
