//! Why the store cannot serve.

use std::{io, path::PathBuf};

use crate::vault::Unsealable;

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error(
        "the database refused: {0}\n  hint: check that the disk is not full and the state folder writable"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// A row does not hold what this version expects.
    #[error("the database holds something this version cannot read: {0}")]
    Content(#[from] serde_json::Error),
    /// A row was sealed with another key than ours.
    #[error(
        "the database holds something that cannot be read ({what}): {why}\n  hint: secret.key beside it belongs to another database; put the right one back and start the server again, or set anew what it sealed"
    )]
    Sealed {
        /// What.
        what: String,
        /// Why not.
        why: Unsealable,
    },
    /// A body is of a newer version.
    #[error(
        "the database holds something that a newer release wrote (version {found} of it, this one knows {known})"
    )]
    NewerBody {
        /// What it says of itself.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// A name in a row is not one.
    #[error("the database holds something this version cannot read: {0}")]
    Name(#[from] dormouse_model::NameError),
    /// It was written by a newer version.
    #[error(
        "the database was written by a newer version (schema {found}, this one knows {known})\n  hint: use the newer version, or another state folder"
    )]
    Newer {
        /// What it says of itself.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// Its file is damaged.
    #[error(
        "{} is damaged ({source}), and there is no copy beside it that could be used\n  hint: put a copy of yours in its place; or rename it and start again with an empty one: apps that run go on, and `dormouse ps` shows them",
        path.display()
    )]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        source: rusqlite::Error,
    },
    /// A file beside it could not be read or written.
    #[error(
        "cannot use the files of the database: {0}\n  hint: check that the disk is not full and the state folder writable"
    )]
    File(#[from] io::Error),
    /// The writer has ended.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// What is wrong with a row, if it is that and not the database. Says nothing of what the row holds: that may be secret.
    pub(super) fn of_row(&self) -> Option<String> {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        match self {
            Self::Sqlite(
                error @ (FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)),
            ) => Some(error.to_string()),
            Self::Content(error) => Some(match error.to_string() {
                text if text.starts_with("missing field ") => {
                    text.split(" at line ").next().unwrap_or_default().to_owned()
                }
                _ if error.is_data() => format!("another shape at column {}", error.column()),
                _ => format!("no JSON at column {}", error.column()),
            }),
            Self::Sealed { why, .. } => Some(why.to_string()),
            Self::Name(error) => Some(error.to_string()),
            Self::NewerBody { found, known } => {
                Some(format!("a newer release wrote it (version {found}, this one knows {known})"))
            }
            Self::Sqlite(_) | Self::Newer { .. } | Self::Damaged { .. } | Self::File(_) | Self::Closed => {
                None
            }
        }
    }
}
