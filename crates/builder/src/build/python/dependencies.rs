//! The phases of Python packages.

use std::{fs, path::Path};

use dormouse_backend::BuildError;
use dormouse_images::{CacheKey, LayerDraft};

use super::{Command, Job, Stack, below, blocking, interpreter::FETCHED, io_error};
use crate::{
    plan::{Install, Interpreter, Python},
    source::Source,
};

const VENV: &str = "/app/.venv";

impl Job<'_> {
    /// The virtual environment, with everything that can be installed without the source.
    pub(super) async fn dependencies(
        &self,
        stack: &mut Stack,
        source: &Source,
        python: &Python,
    ) -> Result<(), BuildError> {
        let (files, install): (&[String], &[&str]) = match &python.install {
            Install::Nothing => return Ok(()),
            Install::Requirements { after_source: true, .. } | Install::Project { dynamic: true, .. } => {
                (&[], &[])
            }
            Install::Requirements { files, after_source: false } => {
                (files, &["uv", "pip", "install", "-r", "requirements.txt"])
            }
            Install::Locked { files, .. } => (
                files,
                &[
                    "uv",
                    "sync",
                    "--frozen",
                    "--no-dev",
                    "--no-editable",
                    "--no-install-project",
                    "--no-install-workspace",
                    "--no-install-local",
                ],
            ),
            Install::Project { files, .. } => (files, &["uv", "pip", "install", "-r", "pyproject.toml"]),
        };
        // Whatever a project's packages do while they are installed, only that project's layers and cache see it.
        let mut key = below(CacheKey::new("dependencies 1"), stack)
            .with("project", self.request.key.project.as_str())
            .with("python", format!("{:?}", python.interpreter))
            .with("index", self.builder.net.index_key())
            .with("command", install.join(" "));
        for file in files {
            key = key.with(file, source.listing.text(file).unwrap_or_default());
        }
        let make = async |draft: &LayerDraft| {
            let manifests = draft.work_path().join("manifests");
            write_manifests(source, files, &manifests)
                .map_err(|e| io_error("dependencies", "writing", &manifests, e))?;
            let venv = ["uv", "venv", "--no-project", "--python", interpreter(&python.interpreter), VENV];
            self.uv(stack, draft, "dependencies", &venv, Some(&manifests)).await?;
            if !install.is_empty() {
                self.uv(stack, draft, "dependencies", install, Some(&manifests)).await?;
            }
            Ok(())
        };
        let layer = self.phase("dependencies", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }

    /// What has to be installed out of the source.
    pub(super) async fn install(&self, stack: &mut Stack, python: &Python) -> Result<(), BuildError> {
        let install: &[&str] = match &python.install {
            Install::Nothing
            | Install::Requirements { after_source: false, .. }
            | Install::Locked { package: false, .. }
            | Install::Project { package: false, .. } => return Ok(()),
            Install::Requirements { after_source: true, .. } => {
                &["uv", "pip", "install", "-r", "requirements.txt"]
            }
            Install::Locked { package: true, .. } => &["uv", "sync", "--frozen", "--no-dev", "--no-editable"],
            Install::Project { package: true, dynamic: false, .. } => {
                &["uv", "pip", "install", "--no-deps", "."]
            }
            Install::Project { package: true, dynamic: true, .. } => &["uv", "pip", "install", "."],
        };
        let key = below(CacheKey::new("install 1"), stack)
            .with("project", self.request.key.project.as_str())
            .with("index", self.builder.net.index_key())
            .with("command", install.join(" "));
        let layer = self
            .phase("install", key, async |draft| self.uv(stack, draft, "install", install, None).await)
            .await?;
        stack.layers.push(layer);
        Ok(())
    }

    /// Run uv in the folder of manifests, or in the source when there is none.
    async fn uv(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        phase: &str,
        argv: &[&str],
        manifests: Option<&Path>,
    ) -> Result<(), BuildError> {
        let cache = self.cache(phase, "uv")?;
        let mut command = Command::new(phase, argv)
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
            .mount(cache.path().to_owned(), "/var/cache/uv", false)
            .in_folder("/app");
        if let Some(manifests) = manifests {
            command = command.mount(manifests.to_owned(), "/mnt/manifests", true).in_folder("/mnt/manifests");
        }
        self.command(stack, draft, command).await?;
        let (path, max) = (cache.path().to_owned(), self.builder.settings.max_cache);
        let bounded = blocking(move || cache.bound(cache.path(), max)).await;
        bounded.map_err(|e| io_error(phase, "emptying", &path, e))
    }
}

fn interpreter(interpreter: &Interpreter) -> &str {
    match interpreter {
        Interpreter::Base => "/usr/bin/python3",
        Interpreter::Fetched(request) => request,
    }
}

fn write_manifests(source: &Source, files: &[String], to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in files {
        let path = to.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, source.listing.text(file).unwrap_or_default())?;
    }
    Ok(())
}
