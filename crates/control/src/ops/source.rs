//! Source folders: where an upload goes, and what its manifest says.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{
    Limits, ProjectSpec, Stored,
    manifest::{self, Given, Languages, ManifestInput, Role, Unread},
    source::{names_along, secret},
};
use tracing::warn;

use crate::{Asked, Control, ControlSettings, DeployId, OpError, ballast};

/// Where the source of a new deploy is to be put. Dropping it without a deploy removes what is there. It has no number
/// yet: one that is refused, for a slip in its manifest, takes none.
#[derive(Debug)]
pub struct Upload {
    dir: PathBuf,
    pub(crate) kept: bool,
}

impl Upload {
    /// An empty folder of its own.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The deploy is to be accepted under this number; from now on its source lies where that says.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn becomes(&mut self, source: PathBuf) -> Result<(), OpError> {
        std::fs::rename(&self.dir, &source).map_err(|e| OpError::File {
            what: format!("move the source to {}", source.display()),
            source: e,
        })?;
        self.dir = source;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            remove_soon(self.dir.clone());
        }
    }
}

/// Remove a source folder; a large one takes longer than others should wait.
pub(crate) fn remove_soon(dir: PathBuf) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&dir))),
        Err(_) => remove(&dir),
    }
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        warn!(%error, dir = %dir.display(), "cannot remove a source folder");
    }
}

/// Remove source folders that no unfinished deploy needs.
pub(crate) fn sweep_sources(settings: &ControlSettings, unfinished: &[DeployId]) {
    let Ok(entries) = std::fs::read_dir(settings.sources()) else { return };
    for entry in entries.flatten() {
        let needed = unfinished.iter().any(|id| settings.source(*id) == entry.path());
        if !needed {
            remove(&entry.path());
        }
    }
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// A folder for the source of a new deploy.
    ///
    /// # Errors
    /// When the store or the disk refuses, or that is full.
    pub async fn upload(&self) -> Result<Upload, OpError> {
        if let Some((free, needed)) = ballast::lacks_for_a_deploy(&self.settings.state) {
            return Err(OpError::DiskFull { state: self.settings.state.clone(), free, needed });
        }
        // What an earlier control has left there is swept away when one starts.
        static UPLOADS: AtomicU64 = AtomicU64::new(0);
        let name = format!("upload-{}-{}", std::process::id(), UPLOADS.fetch_add(1, Ordering::Relaxed));
        let dir = self.settings.sources().join(name);
        std::fs::create_dir_all(&dir)
            .map_err(|source| OpError::File { what: format!("make {}", dir.display()), source })?;
        Ok(Upload { dir, kept: false })
    }
}

/// What the folder's manifest means, and what in it may not be as meant.
pub(super) fn resolve(
    dir: &Path,
    asked: &Asked,
    languages: &dyn Languages,
    given: Given,
    stored: Stored,
    most: Limits,
) -> Result<(ProjectSpec, Vec<String>), OpError> {
    let root =
        dir.canonicalize().map_err(|source| OpError::File { what: "read the source".to_owned(), source })?;
    let mut input = look(&root, asked, languages)?;
    input.give(given);
    input.store(stored);
    input.bound(most);
    let (spec, warnings) =
        manifest::resolve(&input, languages).map_err(|e| OpError::Manifest(e.to_string()))?;
    Ok((spec, warnings.into_iter().map(|w| w.message).collect()))
}

/// Everything that matters to the manifest.
fn look(root: &Path, asked: &Asked, languages: &dyn Languages) -> Result<ManifestInput, OpError> {
    let mut input = ManifestInput::new(&asked.folder).named(asked.project.clone());
    let mut todo = vec![PathBuf::new()];
    while let Some(below) = todo.pop() {
        let file = |source| OpError::File { what: format!("read {}", below.display()), source };
        for entry in std::fs::read_dir(root.join(&below)).map_err(file)? {
            let entry = entry.map_err(file)?;
            let path = below.join(entry.file_name());
            // No name in a manifest is anything but text.
            let Some(relative) = path.to_str() else { continue };
            let kind = entry.file_type().map_err(file)?;
            let matters = manifest::is_relevant(relative, languages);
            if kind.is_dir() {
                input.add_folder(relative);
                todo.push(path);
            } else if kind.is_symlink() {
                let target = inside(root, &path);
                if let Some(target) = target.as_deref().filter(|target| root.join(target).is_file()) {
                    let names = names_along(relative, |path| std::fs::read_link(root.join(path)).ok());
                    let all = [relative, target].into_iter().chain(names.iter().map(String::as_str));
                    if secret::holds(all, || head(&root.join(target))).map_err(file)? {
                        input.add_secret_link(relative, target);
                    }
                }
                match target {
                    Some(target) if matters && root.join(&target).is_file() => {
                        read(&mut input, relative, &root.join(target), languages).map_err(file)?;
                    }
                    Some(target) => input.add_link(relative, &target),
                    None if matters => input.add_unread(relative, Unread::Link),
                    None => {}
                }
            } else {
                if matters {
                    read(&mut input, relative, &entry.path(), languages).map_err(file)?;
                }
                if kind.is_file() && secret::holds([relative], || head(&entry.path())).map_err(file)? {
                    input.add_secret(relative);
                }
            }
        }
    }
    Ok(input)
}

fn read(
    input: &mut ManifestInput,
    path: &str,
    file: &Path,
    languages: &dyn Languages,
) -> std::io::Result<()> {
    let meta = file.symlink_metadata()?;
    if !meta.is_file() {
        input.add_unread(path, Unread::Special);
    } else if meta.len() > ManifestInput::max_file() {
        input.add_unread(path, Unread::TooLarge(meta.len()));
    } else if languages.role(path) == Some(Role::Code) {
        input.add_code(path, &std::fs::read(file)?);
    } else {
        input.add_bytes(path, &std::fs::read(file)?);
    }
    Ok(())
}

/// The first bytes of a file, as many as tell whether it holds secrets.
fn head(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(file)?.take(secret::HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Where a link leads, when that is within the folder.
fn inside(root: &Path, link: &Path) -> Option<String> {
    let target = root.join(link).canonicalize().ok()?;
    Some(target.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// A service's own source folder, which must lie within the upload whatever links say.
pub(super) fn service_source(dir: &Path, source: &str) -> std::io::Result<PathBuf> {
    let root = dir.canonicalize()?;
    let path = root.join(source).canonicalize()?;
    if path.starts_with(&root) {
        Ok(path)
    } else {
        Err(std::io::Error::other(format!("`{source}` leads out of the uploaded folder")))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use dormouse_model::manifest::NoLanguages;

    use super::*;

    /// Bug: links to secrets came along under names that tell nothing, and no warning named them.
    #[test]
    fn links_to_secrets_are_named() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["web", "conf"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for (file, text) in [
            ("dormouse.toml", "name = 'shop'\n[services.web]\nenv_file = 'vars.txt'\n"),
            ("web/requirements.txt", "flask"),
            ("web/keys.env", "A=b"),
            (".env", "A=b"),
            ("vars.txt", "A=b"),
            ("conf/prod.env", "A=b"),
            ("conf/plain.txt", "text"),
        ] {
            fs::write(dir.path().join(file), text).unwrap();
        }
        for (link, target) in [
            ("web/settings.txt", "../.env"),
            ("web/vv", "../vars.txt"),
            ("web/p.py", "../conf/prod.env"),
            ("web/own.txt", "keys.env"),
            ("web/plain", "../conf/plain.txt"),
        ] {
            symlink(target, dir.path().join(link)).unwrap();
        }
        let asked = Asked { folder: "shop".to_owned(), ..Asked::default() };
        let given =
            Given { files: [("vars.txt".to_owned(), Some("A=b".to_owned()))].into(), ..Given::default() };
        let (_, warnings) =
            resolve(dir.path(), &asked, &NoLanguages, given, Stored::default(), Limits::default()).unwrap();
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        let told = "not in the images, as they hold secrets: `web/keys.env`, `web/p.py`, `web/settings.txt`, `web/vv`\n";
        assert!(warning.starts_with(told), "{warning}");
    }

    #[test]
    fn what_the_folder_says_is_read_through_links_of_its_own_only() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("dormouse.toml"), "name = 'stranger'").unwrap();
        let text = "name = 'größe'\n[services.api]\nenv = { A = 'größe' }\nsource = 'code'\n"
            .replacen("größe", "g", 1);
        let utf16: Vec<u8> =
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let resolved = |manifest: &str| {
            let dir = tempfile::tempdir_in(outer.path()).unwrap();
            for folder in ["config", "src/api"] {
                fs::create_dir_all(dir.path().join(folder)).unwrap();
            }
            fs::write(dir.path().join("config/m.toml"), &utf16).unwrap();
            fs::write(dir.path().join("src/api/requirements.txt"), "fastapi").unwrap();
            symlink("src/api", dir.path().join("code")).unwrap();
            symlink("..", dir.path().join("src/api/around")).unwrap();
            symlink(manifest, dir.path().join("dormouse.toml")).unwrap();
            let asked = Asked { folder: "shop".to_owned(), ..Asked::default() };
            match resolve(
                dir.path(),
                &asked,
                &NoLanguages,
                Given::default(),
                Stored::default(),
                Limits::default(),
            ) {
                Ok((spec, _)) => {
                    let env: Vec<_> = spec.services.values().map(|s| s.env.texts()).collect();
                    format!("{} {:?} {env:?}", spec.name, spec.services)
                }
                Err(e) => e.to_string(),
            }
        };
        let read = resolved("config/m.toml");
        assert!(
            read.starts_with("g ") && read.contains("größe") && read.contains(r#"source: "code""#),
            "{read}"
        );
        for manifest in ["../dormouse.toml", "/etc/hostname", "nowhere", "dormouse.toml"] {
            let refused = resolved(manifest);
            assert!(
                refused.starts_with("dormouse.toml cannot be read: it is a link"),
                "{manifest}: {refused}"
            );
        }
    }
}
