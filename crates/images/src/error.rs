//! What can go wrong in the store.

use std::{
    io,
    path::{Path, PathBuf},
};

use dormouse_model::ImageId;

use crate::LayerId;

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The filesystem refused.
    #[error("cannot {what} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was being done, as a verb.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No image has this id.
    #[error("image {0} is not in the store\n  hint: deploy the project again to rebuild it")]
    NoSuchImage(ImageId),
    /// No layer has this id.
    #[error("layer {0} is not in the store\n  hint: build the project again to make it")]
    NoSuchLayer(LayerId),
    /// A file of the store does not hold what its name promises.
    #[error(
        "{} is damaged: {why}\n  hint: remove it and deploy again; what it described is rebuilt",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn hint(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\n  hint: free some space on that filesystem, or move the state folder with --state"
        }
        io::ErrorKind::PermissionDenied => "\n  hint: the server has to run as root to own its layers",
        _ => "",
    }
}

/// Names the path in an IO error.
pub(crate) trait At<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, ImageError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, ImageError> {
        self.map_err(|source| ImageError::Io { what, path: path.to_owned(), source })
    }
}

impl<T> At<T> for nix::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, ImageError> {
        self.map_err(io::Error::from).at(what, path)
    }
}
