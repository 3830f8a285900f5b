//! The interpreter: which one the base has, and fetching another.

use std::{fs, path::Path};

use dormouse_backend::BuildError;
use dormouse_images::CacheKey;

use super::{Command, Job, Stack, below};
use crate::language::python::plan::Interpreter;

/// Where fetched interpreters are, in the image too.
pub(super) const FETCHED: &str = "/opt/python";

impl Job<'_> {
    /// The interpreter, when it is not the base's own.
    pub(super) async fn interpreter(
        &self,
        stack: &mut Stack,
        interpreter: &Interpreter,
    ) -> Result<(), BuildError> {
        let Interpreter::Fetched(request) = interpreter else { return Ok(()) };
        let key = below(CacheKey::new("python 1"), stack).with("version", request);
        let make = async |draft: &_| {
            let command = Command::new("python", &["uv", "python", "install", "--no-bin", request])
                .env("UV_PYTHON_INSTALL_DIR", FETCHED)
                .env("UV_CACHE_DIR", "/tmp/uv")
                .env("UV_NO_PROGRESS", "1");
            self.command(stack, draft, command).await.map(drop).map_err(|e| not_fetched(request, e))
        };
        let layer = self.phase("python", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }
}

fn not_fetched(request: &str, e: BuildError) -> BuildError {
    match e {
        BuildError::Phase { phase, why } => {
            let why = why.split("\n  hint: ").next().unwrap_or_default().to_owned();
            BuildError::Phase {
                phase,
                why: format!(
                    "Python {request} is not in the base, and could not be fetched: {why}\n  hint: ask for a version \
                     that the base has, or name a mirror of Python builds as UV_PYTHON_INSTALL_MIRROR where the \
                     server starts"
                ),
            }
        }
        BuildError::Unknown { .. } | BuildError::Limit { .. } | BuildError::Host { .. } => e,
    }
}

/// Full version of a base's own `python3`, from its package database.
pub(crate) fn version_of(base: &Path) -> Option<String> {
    let status = fs::read_to_string(base.join("var/lib/dpkg/status")).ok()?;
    status.split("\n\n").find_map(|package| {
        let field = |name: &str| package.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        let minor = field("Package")?.strip_prefix("python3.")?.strip_suffix("-minimal")?;
        minor.parse::<u32>().ok()?;
        (field("Status") == Some("install ok installed")).then_some(())?;
        // 3.11.2-6+deb12u5, 3.13.5~rc1-1
        Some(field("Version")?.split(['-', '~', '+']).next()?.to_owned())
    })
}

/// Whether a base's `python3 -m venv` works: Debian packages its parts separately.
pub(super) fn can_make_venvs(base: &Path) -> bool {
    base.join("usr/bin/python3").symlink_metadata().is_ok()
        && fs::read_dir(base.join("usr/lib")).into_iter().flatten().flatten().any(|dir| {
            dir.file_name().to_string_lossy().starts_with("python3.") && dir.path().join("ensurepip").is_dir()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_tells_its_python() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/lib/dpkg")).unwrap();
        let status = |text: &str| {
            fs::write(dir.path().join("var/lib/dpkg/status"), text).unwrap();
            version_of(dir.path())
        };
        let package =
            "Package: python3.11-minimal\nStatus: install ok installed\nVersion: 3.11.2-6+deb12u5\n";
        assert_eq!(status(&format!("Package: bash\nVersion: 5\n\n{package}\n")), Some("3.11.2".to_owned()));
        assert_eq!(
            status("Package: python3-minimal\nStatus: install ok installed\nVersion: 3.11.2-1\n"),
            None
        );
        assert_eq!(status(&package.replace("install ok installed", "deinstall ok config-files")), None);
        assert!(!can_make_venvs(dir.path()));
    }
}
