//! Where a decision comes from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place in a project's files that decided something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file, relative to the project's or the service's folder.
    pub file: String,
    /// The line, from 1; `None` when the file as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Whether somebody wrote it down there; otherwise it was concluded from what is there.
    pub written: bool,
}

/// Where what a service's manifest leaves open or says comes from. Nothing depends on it but what people are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origins {
    /// The start command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Origin>,
    /// The commands that install what it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<Origin>,
    /// The compose file that describes it, if one does: what people are told to write goes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<String>,
}

impl Origins {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Origin {
    /// It says so there.
    #[must_use]
    pub fn written(file: impl Into<String>, line: usize) -> Self {
        Self { file: file.into(), line: Some(line), written: true }
    }

    /// It was concluded from what is there.
    #[must_use]
    pub fn found(file: impl Into<String>, line: Option<usize>) -> Self {
        Self { file: file.into(), line, written: false }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        Ok(())
    }
}
