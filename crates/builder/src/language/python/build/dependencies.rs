//! The phases of Python packages.

use std::{fs, path::Path};

use dormouse_backend::BuildError;
use dormouse_images::{CacheKey, LayerDraft};

use super::{
    Command, Job, PATH, Sees, Stack, below, blocking, explain, interpreter::FETCHED, io_error, times,
};
use crate::{
    language::python::plan::{Install, Interpreted, Interpreter},
    source::Source,
};

const VENV: &str = "/app/.venv";

/// The environment's interpreter. Named, because uv would look for another if a `.python-version` asked for a patch release that
/// the base does not have.
const PYTHON: &str = "/app/.venv/bin/python";

/// What [`Install::Written`] is written down as.
const REQUIREMENTS: &str = "requirements.txt";
const CONSTRAINTS: &str = "constraints.txt";

/// Where the manifests are while something is installed: each as text in UTF-8, whatever it was in.
const MANIFESTS: &str = "/mnt/manifests";

impl Job<'_> {
    /// The virtual environment, with everything that can be installed without the source.
    pub(super) async fn dependencies(
        &self,
        stack: &mut Stack,
        source: &Source,
        python: &Interpreted,
    ) -> Result<(), BuildError> {
        if python.install == Install::Nothing {
            return Ok(());
        }
        let install = if needs_source(&python.install) { Vec::new() } else { command(&python.install, None) };
        let mut venv = vec!["uv", "venv", "--no-project", "--python", interpreter(&python.interpreter), VENV];
        if matches!(python.install, Install::Commands(_)) {
            // People's own commands say pip.
            venv.push("--seed");
        }
        let mut key = Sees::Manifests
            .within(below(CacheKey::new("dependencies 2"), stack), &self.request.key.project)
            .with("uv", &self.builder.settings.uv)
            .with("venv", venv.join(" "))
            .with("host", self.builder.net.install_key())
            .with("command", install.join(" "));
        let files = if install.is_empty() { Vec::new() } else { manifests(source, &python.install) };
        for (file, text) in &files {
            key = key.with(file, text);
        }
        let make = async |draft: &LayerDraft| {
            let manifests = draft.work_path().join("manifests");
            write(&files, &manifests).map_err(|e| io_error("dependencies", "writing", &manifests, e))?;
            self.uv(stack, draft, Sees::Manifests, &venv, &manifests).await?;
            if !install.is_empty() {
                let install: Vec<&str> = install.iter().map(String::as_str).collect();
                self.uv(stack, draft, Sees::Manifests, &install, &manifests).await?;
            }
            let tree = draft.path().to_owned();
            let levelled = blocking(move || times::level(&tree)).await;
            levelled.map_err(|e| io_error("dependencies", "giving one time to", draft.path(), e))
        };
        let layer = self.phase("dependencies", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }

    /// What has to be installed out of the source.
    pub(super) async fn install(
        &self,
        stack: &mut Stack,
        source: &Source,
        python: &Interpreted,
    ) -> Result<(), BuildError> {
        let commands = from_source(&python.install);
        if commands.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = commands.iter().map(|c| c.join(" ")).collect();
        let mut key = Sees::Source
            .within(below(CacheKey::new("install 2"), stack), &self.request.key.project)
            .with("uv", &self.builder.settings.uv)
            .with("host", self.builder.net.install_key())
            .with("command", lines.join("\n"));
        let files = manifests(source, &python.install);
        if matches!(python.install, Install::Written { .. }) {
            for (file, text) in &files {
                key = key.with(file, text);
            }
        }
        let make = async |draft: &LayerDraft| {
            let manifests = draft.work_path().join("manifests");
            write(&files, &manifests).map_err(|e| io_error("install", "writing", &manifests, e))?;
            for command in &commands {
                let argv: Vec<&str> = command.iter().map(String::as_str).collect();
                self.uv(stack, draft, Sees::Source, &argv, &manifests).await?;
            }
            Ok(())
        };
        let layer = self.phase("install", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }

    /// Run uv, or what may run it, where it sees what it may.
    async fn uv(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        sees: Sees,
        argv: &[&str],
        manifests: &Path,
    ) -> Result<(), BuildError> {
        let (phase, cwd) = match sees {
            Sees::Manifests => ("dependencies", MANIFESTS),
            Sees::Source => ("install", "/app"),
        };
        let cache = self.cache(phase, sees.uv_cache()).await?;
        let command = Command::new(phase, argv)
            .env("PATH", PATH)
            .env("VIRTUAL_ENV", VENV)
            .env("UV_PROJECT_ENVIRONMENT", VENV)
            .env("UV_PYTHON_INSTALL_DIR", FETCHED)
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_CACHE_DIR", "/var/cache/uv")
            // The cache is another mount, so links to it cannot be made.
            .env("UV_LINK_MODE", "copy")
            // Cold starts then need not compile anything.
            .env("UV_COMPILE_BYTECODE", "1")
            .env("UV_NO_PROGRESS", "1")
            .env("PIP_NO_CACHE_DIR", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .mount(cache.path().to_owned(), "/var/cache/uv", false)
            .mount(manifests.to_owned(), MANIFESTS, true)
            .explained(explain::reason)
            .in_folder(cwd);
        self.command(stack, draft, command).await.map(drop)
    }
}

/// Whether nothing can be installed before the source is there.
fn needs_source(install: &Install) -> bool {
    match install {
        Install::Requirements { after_source, .. } | Install::Written { after_source, .. } => *after_source,
        Install::Project { dynamic, .. } => *dynamic,
        Install::Commands(_) => true,
        Install::Nothing | Install::Venv | Install::Locked { .. } => false,
    }
}

/// What installs the dependencies; `above` is the folder of manifests as seen from elsewhere.
fn command(install: &Install, above: Option<&str>) -> Vec<String> {
    let at = |file: &str| above.map_or_else(|| file.to_owned(), |folder| format!("{folder}/{file}"));
    let uv = |words: &[&str]| ["uv"].iter().chain(words).map(|w| (*w).to_owned()).collect::<Vec<_>>();
    match install {
        Install::Requirements { file, .. } => uv(&["pip", "install", "-r", &at(file)]),
        Install::Locked { .. } => uv(&[
            "sync",
            "--frozen",
            "--no-dev",
            "--no-editable",
            "--no-install-project",
            "--no-install-workspace",
            "--no-install-local",
            "--python",
            PYTHON,
        ]),
        Install::Project { groups, .. } => {
            with_groups(uv(&["pip", "install", "-r", &at("pyproject.toml")]), groups)
        }
        Install::Written { constraints, .. } => {
            let held = if constraints.is_empty() { &[][..] } else { &["-c", &at(CONSTRAINTS)] };
            uv(&[&["pip", "install", "-r", &at(REQUIREMENTS)], held].concat())
        }
        Install::Nothing | Install::Venv | Install::Commands(_) => Vec::new(),
    }
}

/// Groups are those of the `pyproject.toml` where the command is run.
fn with_groups(mut command: Vec<String>, groups: &[String]) -> Vec<String> {
    command.extend(groups.iter().flat_map(|group| ["--group".to_owned(), group.clone()]));
    command
}

/// What is installed where the source is.
fn from_source(install: &Install) -> Vec<Vec<String>> {
    let itself = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let only_itself = || itself(&["uv", "pip", "install", "--no-deps", "."]);
    match install {
        Install::Nothing
        | Install::Venv
        | Install::Locked { package: false, .. }
        | Install::Project { package: false, .. } => Vec::new(),
        Install::Requirements { after_source, .. } => {
            if *after_source {
                vec![command(install, Some(MANIFESTS))]
            } else {
                Vec::new()
            }
        }
        Install::Written { after_source, package, .. } => {
            let dependencies = after_source.then(|| command(install, Some(MANIFESTS)));
            dependencies.into_iter().chain(package.then(only_itself)).collect()
        }
        Install::Locked { package: true, .. } => {
            vec![itself(&["uv", "sync", "--frozen", "--no-dev", "--no-editable", "--python", PYTHON])]
        }
        Install::Project { package: true, dynamic: false, .. } => vec![only_itself()],
        Install::Project { package: true, dynamic: true, groups, .. } => {
            vec![with_groups(itself(&["uv", "pip", "install", "."]), groups)]
        }
        Install::Commands(commands) => commands.clone(),
    }
}

fn interpreter(interpreter: &Interpreter) -> &str {
    match interpreter {
        Interpreter::Base => "/usr/bin/python3",
        Interpreter::Fetched(request) => request,
    }
}

/// The files that say what to install, each with its text.
fn manifests(source: &Source, install: &Install) -> Vec<(String, String)> {
    let files = match install {
        Install::Nothing | Install::Venv | Install::Commands(_) => return Vec::new(),
        Install::Requirements { files, .. }
        | Install::Locked { files, .. }
        | Install::Project { files, .. } => files,
        Install::Written { requirements, constraints, .. } => {
            return [(REQUIREMENTS, requirements), (CONSTRAINTS, constraints)]
                .map(|(file, lines)| (file.to_owned(), lines.join("\n")))
                .into();
        }
    };
    let text = |file: &String| source.listing.text(file).unwrap_or_default().to_owned();
    files.iter().map(|file| (file.clone(), text(file))).collect()
}

fn write(files: &[(String, String)], to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for (file, text) in files {
        let path = to.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text)?;
    }
    Ok(())
}
