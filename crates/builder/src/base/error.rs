//! What can keep us from a base.

use std::{
    io,
    path::{Path, PathBuf},
};

use dormouse_images::ImageError;
use dormouse_runtime::SandboxError;

/// Why there is no base.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The settings cannot be followed.
    #[error("{0}")]
    Settings(String),
    /// No mirror delivered a file.
    #[error(
        "cannot fetch {url}: {why}\n  hint: check the mirror and proxy in this host's apt configuration, or name \
         another mirror in the settings"
    )]
    Fetch {
        /// What, without credentials.
        url: String,
        /// What went wrong last.
        why: String,
    },
    /// A release's signature does not prove who made it.
    #[error("{url} is not to be trusted: {why}\n  hint: {hint}")]
    Signature {
        /// Which release, without credentials.
        url: String,
        /// What is wrong with the signature.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// A signed release cannot be used.
    #[error("{url} cannot be used: {why}\n  hint: {hint}")]
    Release {
        /// Which release, without credentials.
        url: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// A downloaded file is not what the signed release says it is.
    #[error(
        "{what} is not what the signed release says: {why}\n  hint: the mirror or a proxy may be out of step; try again, or use another mirror"
    )]
    Mismatch {
        /// Which file.
        what: String,
        /// How it differs.
        why: String,
    },
    /// A needed package does not exist.
    #[error(
        "cannot put a base together: {0}\n  hint: check the suites and components in this host's apt configuration"
    )]
    Unresolved(String),
    /// A package archive cannot be read.
    #[error("the package {package} cannot be unpacked: {why}")]
    Package {
        /// Which.
        package: String,
        /// What is wrong with it.
        why: String,
    },
    /// The packages' own scripts failed.
    #[error("the base cannot be configured: {0}")]
    Configure(String),
    /// The filesystem refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] ImageError),
    /// The sandbox could not run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Names the path in an IO error.
pub(super) trait At<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, BaseError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, BaseError> {
        self.map_err(|source| BaseError::Io { what, path: path.to_owned(), source })
    }
}
