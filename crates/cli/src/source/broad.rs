//! Folders that hold so much that they can be nobody's project: a slip would send all of a machine, or of a person.

use std::path::Path;

use dormouse_model::manifest::MANIFEST;

/// Why this folder cannot be meant, if so; `home` is the person's own. A manifest in it says that it is.
pub(super) fn too_broad(root: &Path, home: Option<&Path>) -> Option<String> {
    let what = if root.parent().is_none() {
        "everything on this machine"
    } else if home == Some(root) {
        "your home folder"
    } else if home.is_some_and(|home| home.starts_with(root)) {
        "a folder of home folders"
    } else {
        return None;
    };
    let meant = root.parent().is_some() && root.join(MANIFEST).exists();
    (!meant).then(|| {
        format!(
            "{} is {what}, not a project\n  hint: name the project's own folder: `dormouse deploy DIR`",
            root.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant() {
        let dir = tempfile::tempdir().unwrap();
        let meant = dir.path().join("meant");
        std::fs::create_dir(&meant).unwrap();
        std::fs::write(meant.join(MANIFEST), "").unwrap();
        let meant = meant.to_str().unwrap();
        for (root, home, said) in [
            ("/", Some("/home/ada"), "/ is everything on this machine, not a project"),
            ("/", Some("/"), "/ is everything on this machine, not a project"),
            ("/", None, "/ is everything on this machine, not a project"),
            ("/home/ada", Some("/home/ada"), "/home/ada is your home folder, not a project"),
            ("/home", Some("/home/ada"), "/home is a folder of home folders, not a project"),
            ("/home/ada/shop", Some("/home/ada"), ""),
            ("/home/adam", Some("/home/ada"), ""),
            ("/srv/shop", None, ""),
            (meant, Some(meant), ""),
        ] {
            let why = too_broad(Path::new(root), home.map(Path::new)).unwrap_or_default();
            assert_eq!(why.split('\n').next(), Some(said), "{root} for {home:?}");
        }
    }
}
