//! Why tables could not be loaded, and whether trying again can help.

use thiserror::Error;

/// Why [`crate::Engine::load`] failed.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The store did not answer, or refused: down, wrong endpoint, no credentials. Trying again may help.
    #[error(
        "failed to read {file} from {root}\nhint: is the store up, and are its endpoint and credentials right?"
    )]
    Unreachable {
        /// The data root as typed.
        root: String,
        /// The file asked for, relative to the root.
        file: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// A table that must be there is not.
    #[error(
        "{root} has no {file}\nhint: `finrag ingest` writes the tables; is FINRAG_DATA the right folder or prefix?"
    )]
    Missing {
        /// The data root as typed.
        root: String,
        /// The file asked for, relative to the root.
        file: String,
    },
    /// A file is there and is not what it should be.
    #[error(
        "{file} cannot be used: {reason}\nhint: write it again with `finrag ingest`, or restore it from a copy"
    )]
    Corrupt {
        /// The file, relative to the root.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A table lacks a column, or has it in a type that cannot be read.
    #[error("{file} has no usable column `{column}` ({wanted} expected, {found} found)")]
    Column {
        /// The file, relative to the root.
        file: String,
        /// The column's name.
        column: String,
        /// What type is wanted.
        wanted: &'static str,
        /// What is there instead.
        found: String,
    },
    /// The index over the sentences could not be built.
    #[error("failed to index the sentences: {reason}")]
    Index {
        /// What the index said.
        reason: String,
    },
}

impl LoadError {
    /// Whether the same call can succeed later with nothing changed here: the store was not reachable.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Missing { .. } => true,
            Self::Corrupt { .. } | Self::Column { .. } | Self::Index { .. } => false,
        }
    }
}
