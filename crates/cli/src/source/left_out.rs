//! What is left out of a source although nobody asked for that.

use std::{
    fmt::Write as _,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// Names told at most; the rest is counted.
const TOLD: usize = 50;

/// Everything left out, in the order it was met.
#[derive(Debug, Default)]
pub(super) struct LeftOut(Vec<(PathBuf, Why)>);

/// Why it is.
#[derive(Debug)]
pub(super) enum Why {
    /// A link whose target is not there.
    Nowhere(PathBuf),
    /// A link out of the folder.
    Outside(PathBuf),
    /// Neither a file, a folder nor a link.
    Special(&'static str),
}

impl Why {
    /// What a thing that is neither is.
    pub(super) fn special(kind: std::fs::FileType) -> Self {
        Self::Special(match kind {
            k if k.is_socket() => "a socket",
            k if k.is_fifo() => "a pipe",
            _ => "a device",
        })
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere(target) => write!(f, "leads nowhere ({})", target.display()),
            Self::Outside(target) => write!(f, "leads out of the folder ({})", target.display()),
            Self::Special(kind) => write!(f, "is {kind}"),
        }
    }
}

impl LeftOut {
    pub(super) fn add(&mut self, path: &Path, why: Why) {
        self.0.push((path.to_owned(), why));
    }

    /// Names at the folder's top, each with the reason.
    pub(super) fn tops(&self) -> impl Iterator<Item = (&str, &Why)> {
        self.0.iter().filter_map(|(path, why)| Some((path.to_str().filter(|p| !p.contains('/'))?, why)))
    }

    /// What to tell of it, if anything is.
    pub(super) fn warning(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = "left out of the source:".to_owned();
        for (path, why) in self.0.iter().take(TOLD) {
            let _ = write!(text, "\n    {} {why}", path.display());
        }
        if self.0.len() > TOLD {
            let _ = write!(text, "\n    and {} more", self.0.len() - TOLD);
        }
        text += "\n  hint: a source has to be complete in itself: copy what a link points to, or remove it";
        Some(text)
    }
}
