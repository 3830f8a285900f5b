//! The repository that a folder lies in, and what it says of all its files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The nearest folder at or above `dir` that is a repository's top.
pub(super) fn top(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok())
}

/// Where a repository keeps ignore rules that are not committed.
pub(super) fn exclude(top: &Path) -> PathBuf {
    common(&top.join(".git")).join("info/exclude")
}

/// The folder of a repository's data: `.git`, or where a worktree's or a submodule's file of that name leads.
fn common(git: &Path) -> PathBuf {
    let beside = |base: &Path, text: io::Result<String>, prefix: &str| {
        let text = text.ok()?;
        Some(base.join(text.trim().strip_prefix(prefix)?.trim()))
    };
    let top = git.parent().unwrap_or(git);
    let own = beside(top, fs::read_to_string(git), "gitdir:").unwrap_or_else(|| git.to_owned());
    beside(&own, fs::read_to_string(own.join("commondir")), "").unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktrees_and_submodules_have_theirs_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("repo/.git/HEAD", ""),
            ("repo/.git/worktrees/w/commondir", "../..\n"),
            ("w/.git", "gitdir: ../repo/.git/worktrees/w\n"),
            ("repo/lib/.git", "gitdir: ../.git/modules/lib\n"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(dir.path().join("repo/.git/modules/lib")).unwrap();
        fs::create_dir_all(dir.path().join("repo/a/b")).unwrap();
        for (below, want_top, want_git) in [
            ("repo/a/b", "repo", "repo/.git"),
            ("repo", "repo", "repo/.git"),
            ("w", "w", "repo/.git"),
            ("repo/lib", "repo/lib", "repo/.git/modules/lib"),
        ] {
            let below = dir.path().join(below);
            let top = top(&below).unwrap();
            assert_eq!(top, dir.path().join(want_top));
            let exclude = exclude(top);
            let git = exclude.ancestors().nth(2).unwrap().canonicalize().unwrap();
            assert_eq!(git, dir.path().canonicalize().unwrap().join(want_git), "{}", below.display());
        }
    }
}
