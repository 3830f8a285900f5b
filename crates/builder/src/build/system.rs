//! Debian packages: those that the manifest asks for, and those that builds need.

use std::fs;

use dormouse_backend::BuildError;
use dormouse_images::{CacheKey, LayerDraft, LayerId};

use super::{Job, Stack, command::Command, phase::io_error};

impl Job<'_> {
    /// Debian packages that the manifest asks for.
    pub(crate) async fn packages(&self, stack: &mut Stack) -> Result<(), BuildError> {
        let wanted = &self.request.spec.packages;
        if wanted.is_empty() {
            return Ok(());
        }
        if let Some(bad) = wanted.iter().find(|p| !is_package(p)) {
            return Err(BuildError::Phase {
                phase: "packages".to_owned(),
                why: format!(
                    "`{bad}` is not the name of a Debian package\n  hint: check `packages` in dormouse.toml"
                ),
            });
        }
        let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let key = below(CacheKey::new("packages 1"), stack).with("names", names.join(" "));
        let layer = self
            .phase("packages", key, async |draft| self.apt(stack, draft, "packages", &names).await)
            .await?;
        stack.layers.push(layer);
        Ok(())
    }

    /// Install Debian packages into `draft`, with the lists and archives left outside.
    pub(crate) async fn apt(
        &self,
        stack: &Stack,
        draft: &LayerDraft,
        phase: &str,
        names: &[&str],
    ) -> Result<(), BuildError> {
        let (lists, archives) = (draft.work_path().join("lists"), draft.work_path().join("archives"));
        for dir in [&lists, &archives] {
            fs::create_dir_all(dir).map_err(|e| io_error(phase, "making", dir, e))?;
        }
        let install = ["apt-get", "install", "--yes", "--no-install-recommends", "--"];
        for argv in [&["apt-get", "update"] as &[&str], &[&install, names].concat()] {
            let command = Command::new(phase, argv)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .mount(lists.clone(), "/var/lib/apt/lists", false)
                .mount(archives.clone(), "/var/cache/apt/archives", false);
            self.command(stack, draft, command).await?;
        }
        Ok(())
    }
}

/// A key that depends on every layer so far.
pub(crate) fn below(key: CacheKey, stack: &Stack) -> CacheKey {
    stack.layers.iter().fold(key, |key, layer: &LayerId| key.on(layer))
}

/// Debian Policy §5.6.1, with a version or architecture as apt takes them.
fn is_package(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:=~".contains(c))
}

#[cfg(test)]
mod tests {
    #[test]
    fn packages_are_never_options() {
        for (name, ok) in [
            ("libpq-dev", true),
            ("g++", true),
            ("ffmpeg=7:5.1", true),
            ("-o", false),
            ("a b", false),
            ("", false),
            ("A", false),
        ] {
            assert_eq!(super::is_package(name), ok, "{name}");
        }
    }
}
