//! Paths as manifests write them: relative, separated by `/`.

/// `path` as seen from where `folder` is relative to: without `.`, and with `..` only at its beginning. An absolute
/// path stays. The folder itself is `.`.
pub(super) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            (part, _) => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// How many levels a path leads upwards before anything else.
pub(super) fn levels_up(path: &str) -> usize {
    path.split('/').take_while(|part| *part == "..").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined() {
        for (folder, path, want, up) in [
            (".", "a/b", "a/b", 0),
            ("", ".", ".", 0),
            ("deploy", "..", ".", 0),
            ("deploy", "../backend/", "backend", 0),
            ("", "./a/../b", "b", 0),
            ("", "../x", "../x", 1),
            ("a", "../../x/..", "..", 1),
            ("..", "..", "../..", 2),
            ("a", "/etc", "/etc", 0),
        ] {
            let joined = join(folder, path);
            assert_eq!((joined.as_str(), levels_up(&joined)), (want, up), "{folder} {path}");
        }
    }
}
