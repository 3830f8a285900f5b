//! A tar that somebody sent, into a folder and nowhere else.

use std::{fs, io::Read, path::Path};

use axum::http::StatusCode;
use dormouse_model::source::within;
use tar::{Archive, EntryType};

/// How much is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of all files together.
    pub(crate) bytes: u64,
    /// Files, folders and links.
    pub(crate) entries: u64,
}

/// Why a source was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("the upload broke off or is not a tar: {0}")]
    Broken(#[source] std::io::Error),
    #[error("cannot write the source to disk: {0}\n  hint: check that the disk is not full")]
    Disk(#[source] std::io::Error),
    #[error(
        "`{0}` leads out of the folder\n  hint: a source has to be complete in itself; copy what the link points to"
    )]
    Escapes(String),
    #[error("`{0}` is neither a file, a folder nor a link\n  hint: exclude it in .dormouseignore")]
    Special(String),
    #[error(
        "the source has more than {limit} {what}\n  hint: exclude data, caches and virtual environments in .dormouseignore"
    )]
    TooMuch {
        /// `bytes` or `entries`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl UnpackError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Broken(_) | Self::Escapes(_) | Self::Special(_) => StatusCode::BAD_REQUEST,
            Self::TooMuch { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// Unpack into `dir`, which is empty. Owners and special permission bits are not taken over.
#[allow(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
pub(crate) fn unpack(tar: impl Read, dir: &Path, limits: Limits) -> Result<(), UnpackError> {
    let root = dir.canonicalize().map_err(UnpackError::Disk)?;
    let mut archive = Archive::new(tar);
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut links = Vec::new();
    for entry in archive.entries().map_err(UnpackError::Broken)? {
        let mut entry = entry.map_err(UnpackError::Broken)?;
        let path = entry.path().map_err(UnpackError::Broken)?.into_owned();
        let shown = || path.display().to_string();
        entries += 1;
        bytes = bytes.saturating_add(entry.size());
        if entries > limits.entries {
            return Err(UnpackError::TooMuch { what: "entries", limit: limits.entries });
        }
        if bytes > limits.bytes {
            return Err(UnpackError::TooMuch { what: "bytes", limit: limits.bytes });
        }
        let inside = within(Path::new(""), &path).ok_or_else(|| UnpackError::Escapes(shown()))?;
        let folder = inside.parent().unwrap_or(Path::new(""));
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader | EntryType::XHeader => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::Directory | EntryType::GNUSparse => {}
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name().map_err(UnpackError::Broken)?.unwrap_or_default().into_owned();
                // A hard link names its target from the root of the archive.
                let base = if kind == EntryType::Link { Path::new("") } else { folder };
                within(base, &target).ok_or_else(|| UnpackError::Escapes(shown()))?;
                links.push(inside.clone());
            }
            // The enum is the library's, and open.
            special if !special.is_file() => return Err(UnpackError::Special(shown())),
            _file => {}
        }
        // Also a chain of links each of which looks harmless may lead out.
        let parent = folder.ancestors().find_map(|above| root.join(above).canonicalize().ok());
        if parent.is_none_or(|p| !p.starts_with(&root)) {
            return Err(UnpackError::Escapes(shown()));
        }
        match entry.unpack_in(&root) {
            Ok(true) => {}
            Ok(false) => return Err(UnpackError::Escapes(shown())),
            Err(error) if is_disk(&error) => return Err(UnpackError::Disk(error)),
            Err(error) => return Err(UnpackError::Broken(error)),
        }
    }
    for link in links {
        // One that leads nowhere leads nowhere else either.
        if let Ok(target) = fs::canonicalize(root.join(&link))
            && !target.starts_with(&root)
        {
            return Err(UnpackError::Escapes(link.display().to_string()));
        }
    }
    Ok(())
}

fn is_disk(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::ReadOnlyFilesystem
            | std::io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests;
