//! What a manifest asks for besides its folder: variables of the shell, files that it names, and folders above it.
//!
//! Only the manifest knows what it refers to, so it is read here too, as often as what it names names more.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use dormouse_api::Given;
use dormouse_model::{
    manifest::{self, ManifestInput, Wanted},
    source::text,
};

use crate::args::DeployArgs;

/// How often a file may name another.
const MOST_ROUNDS: usize = 32;

/// Largest file that is sent, in bytes; none that a manifest names comes near.
const MAX_FILE: u64 = 1 << 20;

/// Where a project's source is, and what goes with it.
#[derive(Debug)]
pub(super) struct Asked {
    /// The folder to pack.
    pub(super) root: PathBuf,
    /// What of it to pack, relative to it; `None` for all of it.
    pub(super) sources: Option<Vec<PathBuf>>,
    pub(super) given: Given,
    /// What of it may not be as meant.
    pub(super) warnings: Vec<String>,
}

/// Read the manifest, and gather what it asks for.
pub(super) fn ask(args: &DeployArgs) -> Result<Asked> {
    // A missing folder is told of where it is packed.
    let Some(dir) = home(args)? else {
        let (given, warnings) = (Given::default(), Vec::new());
        return Ok(Asked { root: args.dir.clone(), sources: None, given, warnings });
    };
    let mut warnings = Vec::new();
    let named = |files: &[PathBuf]| files.iter().map(|file| relative(&dir, file)).collect::<Result<Vec<_>>>();
    let mut given = Given {
        manifests: named(&args.files)?,
        profiles: args.profiles.clone(),
        env_files: named(&args.env_files)?,
        ..Given::default()
    };
    for _ in 0..MOST_ROUNDS {
        let wanted = wanted(&given);
        if wanted.files.is_empty() && wanted.scripts.is_empty() && wanted.variables.is_empty() {
            return Ok(Asked { warnings, ..place(&dir, &wanted, given, args)? });
        }
        for file in wanted.files {
            let text = read(&dir.join(&file), &mut warnings)?;
            given.files.insert(file, text);
        }
        for file in wanted.scripts {
            let text = script(&dir.join(&file));
            given.files.entry(file).or_insert(text);
        }
        for name in wanted.variables {
            let value = std::env::var_os(&name).map(|value| {
                value
                    .into_string()
                    .map_err(|_| anyhow::anyhow!("the variable {name} of this shell is not UTF-8"))
            });
            given.variables.insert(name, value.transpose()?);
        }
    }
    bail!("the manifest in {} names files that name files without an end", dir.display())
}

fn wanted(given: &Given) -> Wanted {
    let Given { base, manifests, profiles, env_files, variables, files } = given.clone();
    let mut input = ManifestInput::new("");
    input.give(manifest::Given { base, manifests, profiles, env_files, variables, files });
    manifest::inspect(&input)
}

/// The manifest's folder; `None` when there is none.
fn home(args: &DeployArgs) -> Result<Option<PathBuf>> {
    let Some(first) = args.files.first() else {
        return Ok(args.dir.canonicalize().ok().filter(|d| d.is_dir()));
    };
    if !first.is_file() {
        bail!("there is no file {}", first.display());
    }
    let file = first.canonicalize().with_context(|| format!("cannot open {}", first.display()))?;
    Ok(file.parent().map(Path::to_owned))
}

/// A file's path from a folder.
fn relative(folder: &Path, file: &Path) -> Result<String> {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = parent.canonicalize().with_context(|| format!("cannot open {}", file.display()))?;
    let file = parent.join(file.file_name().unwrap_or_default());
    let same = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(same).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(file.components().skip(same)).collect();
    path.to_str().map(str::to_owned).with_context(|| format!("the path {} is not UTF-8", file.display()))
}

/// The text of a file, if it is there. One that is only read for hints may be too large to be one.
fn read(path: &Path, warnings: &mut Vec<String>) -> Result<Option<String>> {
    let cannot = || format!("cannot read {}", path.display());
    let meta = match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Ok(None),
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(e).with_context(cannot),
    };
    if meta.len() > MAX_FILE && is_dockerfile(path) {
        let why = "it is larger than a megabyte, which no Dockerfile is";
        warnings.push(format!("{} is not read: {why}", path.display()));
        return Ok(None);
    }
    if meta.len() > MAX_FILE {
        bail!("{} is larger than a megabyte, which no manifest and no file of variables is", path.display());
    }
    let bytes = fs::read(path).with_context(cannot)?;
    match text::decode(&bytes) {
        Ok(text) => Ok(Some(text)),
        // Whether it is one that counts, whoever reads the whole folder decides.
        Err(_) if path.file_name().and_then(|n| n.to_str()).is_some_and(manifest::is_manifest) => Ok(None),
        Err(e) => bail!("{} cannot be read: {e}\n  hint: {}", path.display(), e.hint()),
    }
}

/// The text of a file that may be a script.
fn script(path: &Path) -> Option<String> {
    let is_small = fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_FILE);
    let text = text::decode(&fs::read(path).ok().filter(|_| is_small)?).ok()?;
    text.starts_with("#!").then_some(text)
}

fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.split(['.', '-', '_']).any(|part| part == "dockerfile" || part == "containerfile")
}

/// The folder that holds all sources.
fn place(dir: &Path, wanted: &Wanted, mut given: Given, args: &DeployArgs) -> Result<Asked> {
    if wanted.up == 0 && args.files.is_empty() {
        return Ok(Asked { root: args.dir.clone(), sources: None, given, warnings: Vec::new() });
    }
    let Some(root) = dir.ancestors().nth(wanted.up).filter(|root| root.parent().is_some()) else {
        bail!(
            "the manifest in {} has a source that begins at /, and a whole machine is not sent\n  hint: move the project into a folder of its own",
            dir.display()
        );
    };
    let below = dir.strip_prefix(root).unwrap_or(Path::new(""));
    given.base = below.to_str().context("the path of the manifest's folder is not UTF-8")?.to_owned();
    let inside = |source: &String| -> PathBuf {
        let mut path = below.to_owned();
        for part in source.split('/').filter(|p| *p != ".") {
            match part {
                ".." => _ = path.pop(),
                part => path.push(part),
            }
        }
        path
    };
    let sources: BTreeSet<_> = wanted.sources.iter().map(inside).collect();
    let all = sources.is_empty() || sources.contains(Path::new(""));
    let sources = (!all).then(|| sources.into_iter().collect());
    // That it is a project, the manifest says.
    let sources = sources.or(Some(vec![PathBuf::new()]));
    Ok(Asked { root: root.to_owned(), sources, given, warnings: Vec::new() })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn args(dir: &Path, files: &[&str]) -> DeployArgs {
        DeployArgs {
            project: None,
            dir: dir.to_owned(),
            files: files.iter().map(|f| dir.join(f)).collect(),
            profiles: Vec::new(),
            env_files: Vec::new(),
            verbose: false,
        }
    }

    fn shown(dir: &Path, asked: &Asked) -> String {
        let given = &asked.given;
        let found: Vec<_> =
            given.files.iter().filter(|(_, t)| t.is_some()).map(|(f, _)| f.as_str()).collect();
        let root = asked.root.strip_prefix(dir.canonicalize().unwrap()).unwrap_or(&asked.root);
        format!(
            "pack {:?} of {:?}, the manifest in {:?}; read {found:?}; asked for {:?}",
            asked.sources,
            root.display().to_string().replace(&dir.display().to_string(), "DIR"),
            given.base,
            given.variables.keys().collect::<Vec<_>>(),
        )
    }

    #[test]
    fn only_what_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "dormouse.toml",
                "[services.web]\nenv_file = 'web.env'\nenv = { A = '${PATH}', B = '${NO_SUCH:-x}' }",
            ),
            ("web.env", "C=d"),
            ("other.env", "E=f"),
            (".env", "G=h"),
        ] {
            fs::write(dir.path().join(path), text).unwrap();
        }
        let asked = ask(&args(dir.path(), &[])).unwrap();
        expect![[r#"pack None of "", the manifest in ""; read [".env", "dormouse.toml", "web.env"]; asked for ["COMPOSE_FILE", "NO_SUCH", "PATH"]"#]]
            .assert_eq(&shown(dir.path(), &asked));
        let set: Vec<_> = asked.given.variables.values().map(Option::is_some).collect();
        assert_eq!(set, [false, false, true]);
    }

    #[test]
    fn what_a_service_in_a_folder_of_its_own_names() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("a/dormouse.toml", "[services.w]\nsource = 'web'\nenv_file = 'w.env'\nenv = { A = '${PATH}' }"),
            ("b/compose.yaml", "services: {w: {build: ../web, env_file: w.env, environment: [B]}}"),
            ("c/compose.yaml", "services: {w: {build: .}}"),
            ("c/Dockerfile", "FROM python\nWORKDIR /app/web\nCOPY deps.txt .\nRUN pip install -r deps.txt\n"),
            ("c/deps.txt", "flask\n"),
        ] {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        }
        for (folder, expected) in [
            (
                "a",
                expect![[
                    r#"pack None of "a", the manifest in ""; read ["dormouse.toml", "w.env"]; asked for ["COMPOSE_FILE", "PATH"]"#
                ]],
            ),
            (
                "b",
                expect![[
                    r#"pack Some(["web"]) of "", the manifest in "b"; read ["compose.yaml", "w.env"]; asked for ["B", "COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#
                ]],
            ),
            // Bug: the server reads files of certain names only, and did not find what a Dockerfile installs.
            (
                "c",
                expect![[
                    r#"pack None of "c", the manifest in ""; read ["Dockerfile", "compose.yaml", "deps.txt"]; asked for ["COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#
                ]],
            ),
        ] {
            fs::write(dir.path().join(folder).join("w.env"), "C=d").unwrap();
            let args = DeployArgs { dir: dir.path().join(folder), ..args(dir.path(), &[]) };
            expected.assert_eq(&shown(dir.path(), &ask(&args).unwrap()));
        }
    }

    #[test]
    fn sources_above_the_manifest() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("deploy")).unwrap();
        let compose = dir.path().join("deploy/docker-compose.yml");
        for (contexts, expected) in [
            (
                &[".."][..],
                expect![[
                    r#"pack Some([""]) of "", the manifest in "deploy"; read ["docker-compose.yml"]; asked for ["COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#
                ]],
            ),
            (
                &["../api", "../page", "."],
                expect![[
                    r#"pack Some(["api", "deploy", "page"]) of "", the manifest in "deploy"; read ["docker-compose.yml"]; asked for ["COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#
                ]],
            ),
            (
                &["./api"],
                expect![[
                    r#"pack None of "deploy", the manifest in ""; read ["docker-compose.yml"]; asked for ["COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#
                ]],
            ),
        ] {
            let services: Vec<_> =
                contexts.iter().enumerate().map(|(i, c)| format!("  s{i}: {{build: {c}}}\n")).collect();
            fs::write(&compose, format!("services:\n{}", services.concat())).unwrap();
            let args = DeployArgs { dir: dir.path().join("deploy"), ..args(dir.path(), &[]) };
            let shown = shown(dir.path(), &ask(&args).unwrap());
            expected.assert_eq(&shown);
        }
        // Named, the file decides, wherever one stands.
        let asked = ask(&args(dir.path(), &["deploy/docker-compose.yml"])).unwrap();
        expect![[r#"pack Some(["api"]) of "deploy", the manifest in ""; read ["docker-compose.yml"]; asked for ["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]"#]]
        .assert_eq(&shown(dir.path(), &asked));
    }

    /// Bug: such a file, of which nothing but hints is taken, ended the deploy.
    #[test]
    fn a_huge_dockerfile_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("compose.yaml"),
            "services: {w: {build: {context: ., dockerfile: web.Dockerfile}}}",
        )
        .unwrap();
        fs::write(dir.path().join("web.Dockerfile"), "x".repeat(usize::try_from(MAX_FILE).unwrap() + 1))
            .unwrap();
        let asked = ask(&args(dir.path(), &[])).unwrap();
        assert_eq!(asked.warnings.len(), 1, "{:?}", asked.warnings);
        assert!(
            asked.warnings[0].ends_with(
                "web.Dockerfile is not read: it is larger than a megabyte, which no Dockerfile is"
            )
        );
        fs::write(dir.path().join("big.env"), "x".repeat(usize::try_from(MAX_FILE).unwrap() + 1)).unwrap();
        fs::write(dir.path().join("compose.yaml"), "services: {w: {build: ., env_file: big.env}}").unwrap();
        assert!(ask(&args(dir.path(), &[])).is_err());
    }

    #[test]
    fn refusals() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("compose.yaml"),
            format!("services: {{w: {{build: {}}}}}", "../".repeat(40)),
        )
        .unwrap();
        let wrong = |args: &DeployArgs| {
            let error = format!("{:#}", ask(args).unwrap_err());
            error
                .replace(&dir.path().canonicalize().unwrap().display().to_string(), "DIR")
                .replace(&dir.path().display().to_string(), "DIR")
        };
        expect![[r#"
            the manifest in DIR has a source that begins at /, and a whole machine is not sent
              hint: move the project into a folder of its own"#]]
        .assert_eq(&wrong(&args(dir.path(), &[])));
        expect!["there is no file DIR/no.yaml"].assert_eq(&wrong(&args(dir.path(), &["no.yaml"])));
        fs::write(dir.path().join("compose.yaml"), "services: {w: {build: ., env_file: a.env}}").unwrap();
        fs::write(dir.path().join("a.env"), b"# caf\xe9\n").unwrap();
        assert!(wrong(&args(dir.path(), &[])).starts_with("DIR/a.env cannot be read: line 1 is not text"));
    }

    /// Bug: a script that a Dockerfile starts was not looked at unless its name ended in `.sh`; a program that is none must
    /// not be an error.
    #[test]
    fn scripts_by_whatever_name() {
        let dir = tempfile::tempdir().unwrap();
        let sh = "#!/bin/sh\nexec gunicorn a:b\n";
        for (bytes, want) in
            [(sh.as_bytes(), Some(sh)), (b"\x7fELF\x02\xff\xfe\x00", None), (b"plain text", None)]
        {
            let path = dir.path().join("start");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(script(&path).as_deref(), want);
        }
        assert_eq!(script(dir.path()), None);
        assert_eq!(script(&dir.path().join("gone")), None);
    }
}
