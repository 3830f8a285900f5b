//! What below a host belongs to a registry.

use percent_encoding::percent_decode_str;

use crate::hostnet::{Ecosystem, Reach, Registry};

/// How files of Python packages end (the last part of a link is the file's name, PEP 503), with their metadata (PEP 658).
const PYTHON: [&str; 9] =
    [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".egg", ".metadata", ".provenance"];

/// Whether a path, of a URL whose dots have been resolved, belongs to it.
pub(super) fn belongs(path: &str, registry: &Registry) -> bool {
    let root = registry.root.path();
    let is_below = path.starts_with(root) || path == root.trim_end_matches('/');
    is_below
        && match registry.reach {
            Reach::Whole => true,
            Reach::Packages => is_package(path, registry.of),
        }
}

fn is_package(path: &str, of: Ecosystem) -> bool {
    let ends = |end: &str| path.ends_with(end);
    match of {
        Ecosystem::Pip => PYTHON.into_iter().any(ends),
        Ecosystem::Npm => ends(".tgz") || ends(".tar.gz"),
        // Where is what the index says, which is not known here.
        Ecosystem::Cargo => true,
        Ecosystem::Apt | Ecosystem::Proxy => false,
    }
}

/// Whether servers can only read a path in one way: some decode a part once more, or take what is behind a semicolon off.
pub(super) fn is_plain(path: &str) -> bool {
    let mut text = path.to_owned();
    // Each time one layer of encoding less.
    for _ in 0..4 {
        let steps_up = |part: &str| part.split(';').next().unwrap_or_default().trim() == "..";
        let is_odd = |c: char| c.is_control() || c == '\\';
        if text.contains(is_odd) || text.split('/').any(steps_up) {
            return false;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return true;
        }
        text = decoded;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths() {
        for (path, want) in [
            ("/simple/six/", true),
            ("/@scope%2fname", true),
            ("/x/a..b/..c/-/d-1.0+b.tgz", true),
            ("/pool/main/a%2bb_1%3a2.deb", true),
            ("/debian/./Packages", true),
            ("/simple/%2e%2e/x", false),
            ("/simple/..%2fx", false),
            ("/simple/%252e%252e%252fx", false),
            ("/simple/..;/x", false),
            ("/simple/..;a=b/x", false),
            ("/simple/..%3b/x", false),
            ("/simple/%5c..%5cx", false),
            ("/simple/a%00b", false),
            ("/simple/a%0d%0ab", false),
            ("/%25252525252e", false),
        ] {
            assert_eq!(is_plain(path), want, "{path}");
        }
    }
}
