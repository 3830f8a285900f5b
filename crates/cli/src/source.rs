//! The folder that is deployed: which of its files are the project's source.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ignore::WalkBuilder;

/// Never part of the source, whatever the ignore files say.
const ALWAYS_OUT: [&str; 4] = [".git", ".venv", "node_modules", "__pycache__"];

/// Files that make a folder a project.
const MARKS: [&str; 8] = [
    "dormouse.toml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "requirements.txt",
    "pyproject.toml",
    "Cargo.toml",
];

/// More than this is probably not all source, in bytes.
const HUGE: u64 = 200 << 20;

/// A folder's source files.
#[derive(Debug)]
pub(crate) struct SourceFolder {
    /// Absolute.
    pub(crate) root: PathBuf,
    /// The folder's own name.
    pub(crate) name: String,
    pub(crate) files: Vec<SourceFile>,
}

/// A file, folder or symbolic link.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Folder,
    File,
    Link,
}

impl SourceFolder {
    /// List the source files of `dir`. `state` is left out when it lies inside.
    pub(crate) fn scan(dir: &Path, state: &Path) -> Result<Self> {
        let meta = match std::fs::metadata(dir) {
            Ok(meta) => meta,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                bail!("there is no folder {}{}", dir.display(), near(dir))
            }
            Err(e) => return Err(e).with_context(|| format!("cannot open {}", dir.display())),
        };
        if !meta.is_dir() {
            bail!("{} is not a folder\n  hint: name the folder that it lies in", dir.display());
        }
        let root = dir.canonicalize().with_context(|| format!("cannot open {}", dir.display()))?;
        let name = root.file_name().map_or_else(|| "app".to_owned(), |n| n.to_string_lossy().into_owned());
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let files = list(&root, &state)?;
        let folder = Self { root, name, files };
        if !folder.is_project() {
            bail!(
                "{} does not look like a project: there is no dormouse.toml, compose file, requirements.txt, pyproject.toml or Cargo.toml in it\n  hint: a requirements.txt beside a main.py is enough",
                dir.display()
            );
        }
        Ok(folder)
    }

    fn is_project(&self) -> bool {
        self.files.iter().any(|f| {
            let depth = f.path.components().count();
            let name = f.path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            f.kind == FileKind::File && depth <= 2 && MARKS.contains(&name)
        })
    }

    /// All files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    /// A warning when there is a lot of it.
    pub(crate) fn too_much(&self) -> Option<String> {
        let total = self.bytes();
        if total < HUGE {
            return None;
        }
        let mut tops = std::collections::BTreeMap::<&Path, u64>::new();
        for f in &self.files {
            if let Some(top) = f.path.components().next() {
                *tops.entry(Path::new(top.as_os_str())).or_default() += f.bytes;
            }
        }
        let (top, bytes) = tops.into_iter().max_by_key(|(_, n)| *n)?;
        Some(format!(
            "the source is {}, of which `{}` is {}\n  hint: what the app does not need can be left out with a line in .dormouseignore",
            crate::human::bytes(total),
            top.display(),
            crate::human::bytes(bytes),
        ))
    }
}

fn list(root: &Path, state: &Path) -> Result<Vec<SourceFile>> {
    let state = state.to_owned();
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .add_custom_ignore_filename(".dormouseignore")
        .filter_entry(move |e| {
            let out = e.depth() > 0 && e.file_name().to_str().is_some_and(|n| ALWAYS_OUT.contains(&n));
            !out && !is_cache(e.path()) && e.path() != state
        })
        .sort_by_file_path(Ord::cmp)
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.context("cannot read the source folder")?;
        if entry.depth() == 0 {
            continue;
        }
        let meta = entry.metadata().with_context(|| format!("cannot read {}", entry.path().display()))?;
        let (kind, bytes) = match meta.file_type() {
            t if t.is_dir() => (FileKind::Folder, 0),
            t if t.is_file() => (FileKind::File, meta.len()),
            t if t.is_symlink() => (FileKind::Link, 0),
            // Sockets, pipes and devices are not source.
            _ => continue,
        };
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
        files.push(SourceFile { path, kind, bytes });
    }
    Ok(files)
}

/// Whether a folder says of itself that it can be made again, as cargo's `target` does
/// (<https://bford.info/cachedir/>).
fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    tag.symlink_metadata().is_ok_and(|m| m.is_file() && m.len() < 1 << 16)
        && std::fs::read(tag).is_ok_and(|t| t.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"))
}

/// The folder beside the missing one whose name is nearest.
fn near(dir: &Path) -> String {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(parent)
        .map(|entries| {
            let folders = entries.flatten().filter(|e| e.path().is_dir());
            folders.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    let wanted = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    crate::human::nearest(&wanted, names.iter().map(String::as_str))
        .map(|n| format!("\n  hint: did you mean {}?", dir.with_file_name(n).display()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::expect;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("shop").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn ignore_rules() {
        let dir = folder(&[
            ("requirements.txt", ""),
            (".env", ""),
            (".gitignore", "*.log\n/build/\n"),
            (".dormouseignore", "data\n"),
            ("a.log", ""),
            ("build/x", ""),
            ("data/big.csv", ""),
            ("web/main.py", ""),
            ("web/.gitignore", "local.py\n"),
            ("web/local.py", ""),
            ("web/__pycache__/main.pyc", ""),
            ("web/node_modules/x/index.js", ""),
            (".git/config", ""),
            (".venv/bin/python", ""),
            ("state/dormouse.db", ""),
            ("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by cargo"),
            ("target/release/app", ""),
        ]);
        // What encloses the project has no say in it.
        fs::write(dir.path().join(".gitignore"), "*\n").unwrap();
        let root = dir.path().join("shop");
        let found = SourceFolder::scan(&root, &root.join("state")).unwrap();
        let paths: Vec<_> = found.files.iter().map(|f| f.path.display().to_string()).collect();
        expect![".dormouseignore .env .gitignore requirements.txt web web/.gitignore web/main.py"]
            .assert_eq(&paths.join(" "));
        assert_eq!(found.name, "shop");
    }

    #[test]
    fn refusals() {
        let dir = folder(&[("main.py", "")]);
        let state = dir.path().join("state");
        let error = |path: &str| {
            let e = SourceFolder::scan(&dir.path().join(path), &state).unwrap_err();
            e.to_string().replace(dir.path().to_str().unwrap(), "")
        };
        expect![[r#"
            there is no folder /shpo
              hint: did you mean /shop?"#]]
        .assert_eq(&error("shpo"));
        expect![[r#"
            /shop/main.py is not a folder
              hint: name the folder that it lies in"#]]
        .assert_eq(&error("shop/main.py"));
        expect![[r#"
            /shop does not look like a project: there is no dormouse.toml, compose file, requirements.txt, pyproject.toml or Cargo.toml in it
              hint: a requirements.txt beside a main.py is enough"#]]
        .assert_eq(&error("shop"));
    }
}
