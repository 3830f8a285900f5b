//! Where a symbolic link leads, and whether it can go along.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use dormouse_model::source::within;

/// What becomes of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes along with this target, which is relative.
    Kept(PathBuf),
    /// It leads out of the folder.
    Outside(PathBuf),
    /// What it points to is not there, or it leads in a circle.
    Nowhere(PathBuf),
}

/// Decide of the link at `path`, relative to `root`, which is canonical.
pub(super) fn fate(root: &Path, path: &Path) -> std::io::Result<Fate> {
    let link = root.join(path);
    let target = fs::read_link(&link)?;
    let Ok(real) = link.canonicalize() else { return Ok(Fate::Nowhere(target)) };
    let Ok(inside) = real.strip_prefix(root) else { return Ok(Fate::Outside(target)) };
    let folder = path.parent().unwrap_or(Path::new(""));
    // By its letters it has to stay inside, and lead to the same: folders on its way may be links too.
    let by_letters = within(folder, &target).and_then(|path| root.join(path).canonicalize().ok());
    if by_letters.is_some_and(|path| path == real) {
        return Ok(Fate::Kept(target));
    }
    // It comes back in, after a detour or by an absolute path: elsewhere only the short way exists.
    let direct: PathBuf =
        folder.components().map(|_| Component::ParentDir).chain(inside.components()).collect();
    Ok(Fate::Kept(if direct.as_os_str().is_empty() { ".".into() } else { direct }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn fates() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let root = top.join("shop");
        for folder in ["shop/reqs", "shop/web/pages", "shop/real/deep", "other"] {
            fs::create_dir_all(top.join(folder)).unwrap();
        }
        for file in ["shop/reqs/base.txt", "shop/web/x", "shop/real/deep/y", "other/secret"] {
            fs::write(top.join(file), "").unwrap();
        }
        symlink(&root, top.join("other/back")).unwrap();
        symlink(&root, top.join("alias")).unwrap();
        symlink("real/deep", root.join("short")).unwrap();
        let alias = top.join("alias/reqs/base.txt");
        let absolute = root.join("reqs/base.txt");
        let mut table = String::new();
        for (path, target) in [
            ("requirements.txt", "reqs/base.txt"),
            ("./dotted", "./reqs/../reqs/base.txt"),
            ("web/up", "../reqs"),
            ("web/pages/far", "../../reqs/base.txt"),
            ("self", "."),
            ("web/top", ".."),
            ("chain", "requirements.txt"),
            // What `..` means depends on where `short` leads.
            ("through", "short/../deep/y"),
            ("through-link", "short/y"),
            ("absolute", absolute.to_str().unwrap()),
            ("web/absolute", absolute.to_str().unwrap()),
            ("web/all", root.to_str().unwrap()),
            ("alias", alias.to_str().unwrap()),
            ("detour", "../other/back/reqs"),
            ("web/detour", "../../shop/reqs"),
            ("out", "../other/secret"),
            ("web/out", "/etc/passwd"),
            ("up", ".."),
            ("dangling", "not/there"),
            ("dangling-out", "../not/there"),
            ("loop", "loop"),
        ] {
            let link = root.join(path);
            symlink(target, &link).unwrap();
            let fate = format!("{:?}", fate(&root, Path::new(path)).unwrap());
            table += &format!("{path}: {}\n", fate.replace(top.to_str().unwrap(), ""));
        }
        expect_test::expect![[r#"
            requirements.txt: Kept("reqs/base.txt")
            ./dotted: Kept("./reqs/../reqs/base.txt")
            web/up: Kept("../reqs")
            web/pages/far: Kept("../../reqs/base.txt")
            self: Kept(".")
            web/top: Kept("..")
            chain: Kept("requirements.txt")
            through: Kept("real/deep/y")
            through-link: Kept("short/y")
            absolute: Kept("reqs/base.txt")
            web/absolute: Kept("../reqs/base.txt")
            web/all: Kept("..")
            alias: Kept("reqs/base.txt")
            detour: Kept("reqs")
            web/detour: Kept("../reqs")
            out: Outside("../other/secret")
            web/out: Outside("/etc/passwd")
            up: Outside("..")
            dangling: Nowhere("not/there")
            dangling-out: Nowhere("../not/there")
            loop: Nowhere("loop")
        "#]]
        .assert_eq(&table);
    }
}
