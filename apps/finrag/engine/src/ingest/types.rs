//! What ingesting takes and gives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::DataRoot;

/// What to ingest, and where to.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Files, or folders that are searched for `.txt`, `.htm` and `.html`.
    pub sources: Vec<PathBuf>,
    /// Where the tables are written.
    pub into: DataRoot,
    /// Ingest again what is unchanged.
    pub force: bool,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Files were found.
    Found {
        /// How many.
        files: usize,
    },
    /// A file was skipped: it is in the tables already.
    Unchanged {
        /// The file.
        file: PathBuf,
    },
    /// A file was read.
    Read {
        /// The file.
        file: PathBuf,
        /// Sentences found in it.
        sentences: usize,
    },
    /// A file could not be used; the others go on.
    Refused {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Sentences were embedded.
    Embedded {
        /// So far.
        done: usize,
        /// In all.
        of: usize,
    },
    /// A table was written.
    Written {
        /// Its name below the data root.
        file: String,
        /// Its rows.
        rows: usize,
    },
}

/// What an ingest did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReport {
    /// Files read.
    pub read: usize,
    /// Files unchanged since they were last read.
    pub unchanged: usize,
    /// Files that could not be used, with the reason.
    pub refused: Vec<(PathBuf, String)>,
    /// Facts read from bulk files of the SEC.
    pub facts: usize,
    /// Files that were read and gave little, with what to know of them.
    pub remarks: Vec<(PathBuf, String)>,
    /// Sentences in the tables now.
    pub sentences: usize,
}

/// Why an ingest failed as a whole.
#[derive(Debug, Error)]
pub enum IngestError {
    /// A source is not there or not readable.
    #[error("failed to read {path}")]
    Source {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The tables that are there cannot be read.
    #[error(transparent)]
    Load(#[from] crate::LoadError),
    /// A table could not be written.
    #[error("failed to write {file} to {root}")]
    Write {
        /// The table's name.
        file: String,
        /// The data root.
        root: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// Embedding failed.
    #[error(transparent)]
    Embed(#[from] crate::EmbedError),
}
