//! The folder that is deployed: which of its files are the project's source.

mod broad;
mod git;
mod left_out;
mod links;
mod rules;
mod walk;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dormouse_model::{
    manifest::{self, Languages, Role, Sign},
    source::near,
};
use ignore::gitignore::gitconfig_excludes_path;

use self::{left_out::LeftOut, rules::Rules};

/// More than this is probably not all source, in bytes.
const HUGE: u64 = 200 << 20;

/// The file of what is not to be sent.
const IGNORE: &str = ".dormouseignore";

/// A folder's source files.
#[derive(Debug)]
pub(crate) struct SourceFolder {
    /// Absolute.
    pub(crate) root: PathBuf,
    /// The folder's own name.
    pub(crate) name: String,
    pub(crate) files: Vec<SourceFile>,
    /// What of it may not be as meant.
    pub(crate) warnings: Vec<String>,
    languages: &'static dyn Languages,
}

/// A file, folder or symbolic link.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    Folder,
    File,
    /// With its target, which is relative and lies in the folder too.
    Link(PathBuf),
}

impl SourceFolder {
    /// List the source files of `dir`. `state` is left out when it lies inside.
    pub(crate) fn scan(dir: &Path, state: &Path, languages: &'static dyn Languages) -> Result<Self> {
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
        if let Some(why) = broad::too_broad(&root, std::env::home_dir().as_deref()) {
            bail!(why);
        }
        let (folder, left_out) = Self::list(root, state, languages)?;
        let lost = left_out.tops().find(|(name, _)| folder.is_mark(name));
        if let Some((name, why)) = lost {
            bail!("{} {why}\n  hint: put the file itself there", folder.root.join(name).display());
        }
        if !folder.is_project() {
            bail!("{} does not look like a project: {}", dir.display(), folder.why_none());
        }
        Ok(folder.told(&left_out))
    }

    /// List the source files of some of a folder's folders, which a manifest names.
    pub(crate) fn of(
        root: &Path,
        sources: &[PathBuf],
        state: &Path,
        languages: &'static dyn Languages,
    ) -> Result<Self> {
        let (mut folder, left_out) = Self::list(root.to_owned(), state, languages)?;
        folder.files.retain(|f| {
            let leads_to = |s: &PathBuf| f.kind == FileKind::Folder && s.starts_with(&f.path);
            sources.iter().any(|s| f.path.starts_with(s) || leads_to(s))
        });
        Ok(folder.told(&left_out))
    }

    fn list(root: PathBuf, state: &Path, languages: &'static dyn Languages) -> Result<(Self, LeftOut)> {
        let name = root.file_name().map_or_else(|| "app".to_owned(), |n| n.to_string_lossy().into_owned());
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let rules = Rules::above(&root, gitconfig_excludes_path())?;
        let found = walk::walk(&root, &state, rules)?;
        let warnings = found.bad_lines.into_iter().map(|line| format!("no ignore rule: {line}")).collect();
        Ok((Self { root, name, files: found.files, warnings, languages }, found.left_out))
    }

    /// With what is to be told of it.
    fn told(mut self, left_out: &LeftOut) -> Self {
        let ignore = self.nearly().filter(|(_, right)| *right == IGNORE);
        let ignore: Vec<_> = ignore
            .map(|(near, right)| format!("{near} is not read: its name would have to be {right}"))
            .collect();
        let more = left_out.warning().into_iter().chain(ignore).chain(self.too_much());
        self.warnings.extend(more.collect::<Vec<_>>());
        self
    }

    fn is_project(&self) -> bool {
        self.files.iter().any(|f| {
            let depth = f.path.components().count();
            f.kind != FileKind::Folder && depth <= 2 && f.path.to_str().is_some_and(|path| self.is_mark(path))
        })
    }

    fn why_none(&self) -> String {
        let tops = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let names: Vec<_> = tops.filter_map(|e| e.file_name().into_string().ok()).collect();
        let has = |file: &str| names.iter().any(|name| name == file);
        let foreign = self.languages.signs().iter().find(|sign| has(sign.file));
        let foreign =
            foreign.map(|Sign { file, what, hint }| format!("{what} (found {file})\n  hint: {hint}"));
        let near = self.nearly().next().map(|(near, right)| {
            format!("its {near} is not read\n  hint: the name would have to be {right}")
        });
        match names.iter().find(|name| self.is_mark(name)) {
            Some(mark) => format!(
                "its {mark} is left out by an ignore rule\n  hint: a line `!{mark}` in .dormouseignore brings it back"
            ),
            None if near.is_some() || foreign.is_some() => near.or(foreign).unwrap_or_default(),
            None => {
                let mut recipes = self.languages.recipes();
                let last = recipes.pop().unwrap_or_default();
                format!(
                    "there is no dormouse.toml, compose file, {} or {last} in it\n  hint: {} is enough",
                    recipes.join(", "),
                    self.languages.least()
                )
            }
        }
    }

    /// Whether a file at this path makes a folder a project.
    fn is_mark(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        manifest::is_manifest(name) || self.languages.role(path) == Some(Role::Recipe)
    }

    /// Files of the top whose names are nearly those of files that are read, each with the right one.
    fn nearly(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let known = self.languages.names();
        let files = self.files.iter().filter(|f| f.kind != FileKind::Folder).filter_map(|f| f.path.to_str());
        files.filter_map(|name| Some((name, near::meant(name, known)?)))
    }

    /// All files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    /// A warning when there is a lot of it.
    fn too_much(&self) -> Option<String> {
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

    use dormouse_builder::LANGUAGES;
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
        // What encloses the repository has no say in it.
        fs::write(dir.path().join(".gitignore"), "*\n").unwrap();
        let root = dir.path().join("shop");
        let found = SourceFolder::scan(&root, &root.join("state"), LANGUAGES).unwrap();
        let paths: Vec<_> = found.files.iter().map(|f| f.path.display().to_string()).collect();
        expect![".dormouseignore .env .gitignore requirements.txt web web/.gitignore web/main.py"]
            .assert_eq(&paths.join(" "));
        assert_eq!(found.name, "shop");
    }

    #[test]
    fn what_cannot_go_along_is_named_and_the_rest_goes() {
        let dir = folder(&[("requirements.txt", ""), ("shared/base.txt", ""), ("node_modules/x", "")]);
        let root = dir.path().join("shop");
        for (link, target) in [
            ("base.txt", "shared/base.txt"),
            ("all", "shared"),
            ("me", "."),
            ("gone", "not/there"),
            ("shared/out", "/etc/hostname"),
            ("round", "round"),
            ("node_modules/gone", "nowhere"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let socket = std::os::unix::net::UnixListener::bind(root.join("app.sock")).unwrap();
        for n in 0..60 {
            std::os::unix::fs::symlink("/nowhere", root.join(format!("z{n:02}"))).unwrap();
        }
        let found = SourceFolder::scan(&root, &root.join("state"), LANGUAGES).unwrap();
        drop(socket);
        let paths: Vec<_> = found.files.iter().map(|f| f.path.display().to_string()).collect();
        assert_eq!(paths.join(" "), "all base.txt me requirements.txt shared shared/base.txt");
        let warning = found.warnings.join("\n");
        let told: Vec<_> = warning.lines().filter(|l| !l.trim_start().starts_with('z')).collect();
        expect![[r#"
            left out of the source:
                app.sock is a socket
                gone leads nowhere (not/there)
                round leads nowhere (round)
                shared/out leads out of the folder (/etc/hostname)
                and 14 more
              hint: a source has to be complete in itself: copy what a link points to, or remove it"#]]
        .assert_eq(&told.join("\n"));
        assert_eq!(warning.lines().count() - told.len(), 46);
    }

    #[test]
    fn a_manifest_is_never_left_out_in_silence() {
        for (name, target) in
            [("dormouse.toml", "gone.toml"), ("compose.yaml", "/etc/hostname"), ("requirements.txt", "..")]
        {
            let dir = folder(&[("pyproject.toml", "")]);
            let root = dir.path().join("shop");
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
            let e = SourceFolder::scan(&root, &root.join("state"), LANGUAGES).unwrap_err().to_string();
            assert!(e.contains(&format!("{name} leads ")), "{e}");
        }
        let dir = folder(&[(".gitignore", "*"), ("dormouse.toml", ""), ("main.py", "")]);
        let root = dir.path().join("shop");
        let found = SourceFolder::scan(&root, &root.join("state"), LANGUAGES).unwrap();
        assert_eq!(found.files.len(), 1, "the manifest, although a rule ignores it");
        fs::remove_file(root.join("dormouse.toml")).unwrap();
        fs::write(root.join("requirements.txt"), "").unwrap();
        let e = SourceFolder::scan(&root, &root.join("state"), LANGUAGES).unwrap_err();
        assert!(e.to_string().contains("its requirements.txt is left out by an ignore rule"), "{e}");
    }

    /// Bug: such a folder was said to be no project.
    #[test]
    fn a_project_whose_requirements_lie_in_a_folder() {
        for (file, yes) in
            [("requirements/prod.txt", true), ("requirements.in", true), ("notes/prod.txt", false)]
        {
            let dir = folder(&[("main.py", ""), (file, "")]);
            let found = SourceFolder::scan(&dir.path().join("shop"), &dir.path().join("state"), LANGUAGES);
            assert_eq!(found.is_ok(), yes, "{file}");
        }
    }

    /// Bug: they were passed over in silence.
    #[test]
    fn names_that_are_nearly_right() {
        for (file, want) in [
            (
                "dormouse.yaml",
                "its dormouse.yaml is not read\n  hint: the name would have to be dormouse.toml",
            ),
            ("requirement.txt", "the name would have to be requirements.txt"),
            ("docker_compose.yml", "the name would have to be docker-compose.yml"),
        ] {
            let dir = folder(&[("main.py", ""), (file, "")]);
            let e = SourceFolder::scan(&dir.path().join("shop"), &dir.path().join("state"), LANGUAGES)
                .unwrap_err();
            assert!(e.to_string().contains(want), "{e}");
        }
        for (file, yes) in [(".dormousignore", true), ("dormouse_ignore", true), (".dormouseignore", false)] {
            let dir = folder(&[("requirements.txt", ""), (file, "data")]);
            let found =
                SourceFolder::scan(&dir.path().join("shop"), &dir.path().join("state"), LANGUAGES).unwrap();
            let want = format!("{file} is not read: its name would have to be .dormouseignore");
            assert_eq!(found.warnings.contains(&want), yes, "{file}: {:?}", found.warnings);
        }
    }

    /// Bug: all that was said was which files there are not.
    #[test]
    fn what_cannot_be_built_is_named() {
        for (file, want) in [
            (
                "Pipfile",
                "Pipfiles are not supported (found Pipfile)\n  hint: run `pipenv requirements > requirements.txt`",
            ),
            ("package.json", "Node.js projects are not supported yet"),
            ("Dockerfile", "Dockerfiles are not used"),
            ("environment.yml", "conda environments are not supported"),
        ] {
            let dir = folder(&[("main.py", ""), (file, "")]);
            let e = SourceFolder::scan(&dir.path().join("shop"), &dir.path().join("state"), LANGUAGES)
                .unwrap_err();
            assert!(e.to_string().contains(want), "{e}");
        }
    }

    #[test]
    fn refusals() {
        let dir = folder(&[("main.py", "")]);
        let state = dir.path().join("state");
        let error = |path: &str| {
            let e = SourceFolder::scan(&dir.path().join(path), &state, LANGUAGES).unwrap_err();
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
            /shop does not look like a project: there is no dormouse.toml, compose file, requirements.txt, pyproject.toml, setup.py or Cargo.toml in it
              hint: a requirements.txt beside a main.py is enough"#]]
        .assert_eq(&error("shop"));
    }
}
