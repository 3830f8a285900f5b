//! Where segments lie.

use bytes::Bytes;
use finrag_engine::DataRoot;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use thiserror::Error;

use super::row::Row;
use super::segment::{self, SegmentError};

/// A folder or prefix below a data root.
#[derive(Debug, Clone)]
pub struct LogPlace {
    root: DataRoot,
    folder: String,
}

/// Why segments could not be written or read.
#[derive(Debug, Error)]
pub enum LogStoreError {
    /// The store refused or did not answer.
    #[error("the query log's store failed at {path}")]
    Store {
        /// The file or folder.
        path: Path,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// A segment is damaged.
    #[error("the query log's segment {path} is damaged")]
    Segment {
        /// The file.
        path: Path,
        /// What is wrong with it.
        #[source]
        source: SegmentError,
    },
}

/// The ending of every segment.
const ENDING: &str = ".parquet";

impl LogPlace {
    /// Segments go to `folder` below `root`; an empty `folder` is the root itself.
    pub fn new(root: DataRoot, folder: &str) -> Self {
        Self { root, folder: folder.trim_matches('/').to_owned() }
    }

    fn path(&self, name: &str) -> Path {
        if self.folder.is_empty() {
            self.root.path(name)
        } else {
            self.root.path(&format!("{}/{name}", self.folder))
        }
    }

    fn prefix(&self) -> Path {
        // `path` joins even empty parts; cutting the file's name off gives the prefix with its root.
        let inside = self.path("x");
        let parts: Vec<_> = inside.parts().collect();
        parts[..parts.len() - 1].iter().cloned().collect()
    }

    /// Writes a segment unless there is one of that name already; then it is ours from an attempt whose answer was
    /// lost, because names are never used twice.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), LogStoreError> {
        let path = self.path(name);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let bytes = Bytes::from(bytes);
        let store = self.root.store();
        match store.put_opts(&path, bytes.clone().into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            // Stores without conditional writes: the name is unique all the same.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                store
                    .put(&path, bytes.into())
                    .await
                    .map(drop)
                    .map_err(|source| LogStoreError::Store { path, source })
            }
            Err(source) => Err(LogStoreError::Store { path, source }),
        }
    }

    /// Names of all segments, oldest first.
    pub(super) async fn list(&self) -> Result<Vec<String>, LogStoreError> {
        let prefix = self.prefix();
        let found: Vec<_> = self
            .root
            .store()
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(|source| LogStoreError::Store { path: prefix, source })?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|file| file.location.filename())
            .filter(|name| name.ends_with(ENDING))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a segment; none when it is gone (compacted away since it was listed).
    pub(super) async fn get(&self, name: &str) -> Result<Option<(Vec<Row>, Vec<String>)>, LogStoreError> {
        let path = self.path(name);
        let bytes = match self.root.store().get(&path).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match bytes {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(LogStoreError::Store { path, source }),
            Ok(bytes) => {
                segment::decode(bytes).map(Some).map_err(|source| LogStoreError::Segment { path, source })
            }
        }
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), LogStoreError> {
        let path = self.path(name);
        match self.root.store().delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(LogStoreError::Store { path, source }),
        }
    }
}
