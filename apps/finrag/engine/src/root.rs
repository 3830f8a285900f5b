//! Where the tables are: a folder, or a bucket and prefix of any S3-compatible store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use thiserror::Error;

/// A folder or an S3 prefix that holds the tables.
#[derive(Clone)]
pub struct DataRoot {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    label: String,
}

/// Why a data root cannot be used as typed.
#[derive(Debug, Error)]
pub enum RootError {
    /// Neither a folder nor `s3://bucket/prefix`.
    #[error("`{given}` is no data root\nhint: give a folder, or s3://bucket/prefix")]
    Unreadable {
        /// What was given.
        given: String,
    },
    /// The store's client could not be set up.
    #[error("failed to set up the store of `{given}`")]
    Client {
        /// What was given.
        given: String,
        /// What the client said.
        #[source]
        source: object_store::Error,
    },
    /// The folder cannot be made or found.
    #[error("failed to open the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl DataRoot {
    /// Reads `s3://bucket/prefix`, `file:///folder` or a folder's path. For S3 the environment's usual variables count:
    /// `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`, `AWS_REGION`, the key pair; an `http://` endpoint is
    /// allowed, and any endpoint given is addressed path-style, as S3-compatible stores want it.
    pub fn parse(given: &str) -> Result<Self, RootError> {
        if let Some(rest) = given.strip_prefix("s3://") {
            return Self::s3(given, rest);
        }
        let folder = given.strip_prefix("file://").unwrap_or(given);
        if folder.is_empty() || folder.contains("://") {
            return Err(RootError::Unreadable { given: given.to_owned() });
        }
        let path = PathBuf::from(folder);
        std::fs::create_dir_all(&path).map_err(|source| RootError::Folder { path: path.clone(), source })?;
        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(|source| RootError::Client { given: given.to_owned(), source })?;
        Ok(Self { store: Arc::new(store), prefix: Path::default(), label: given.to_owned() })
    }

    fn s3(given: &str, rest: &str) -> Result<Self, RootError> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(RootError::Unreadable { given: given.to_owned() });
        }
        // The first to ask decides for the process; a provider that is already there serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(RetryConfig {
                max_retries: 2,
                retry_timeout: std::time::Duration::from_secs(10),
                ..RetryConfig::default()
            })
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(true)
                    .with_connect_timeout(std::time::Duration::from_secs(3))
                    .with_timeout(std::time::Duration::from_secs(60)),
            );
        if std::env::var("AWS_REGION").is_err() && std::env::var("AWS_DEFAULT_REGION").is_err() {
            builder = builder.with_region("us-east-1");
        }
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        let store =
            builder.build().map_err(|source| RootError::Client { given: given.to_owned(), source })?;
        Ok(Self { store: Arc::new(store), prefix: Path::from(prefix), label: given.to_owned() })
    }

    /// A root over a store made elsewhere, for tests and for embedding.
    pub fn with_store(store: Arc<dyn ObjectStore>, prefix: Path, label: impl Into<String>) -> Self {
        Self { store, prefix, label: label.into() }
    }

    /// The store itself, for what else lives beside the tables (the query log).
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The full path of a file below the root; `name` may have slashes.
    pub fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The root as it was typed.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Debug for DataRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DataRoot").field(&self.label).finish()
    }
}

impl fmt::Display for DataRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_root_is_refused() {
        for given in ["", "gs://bucket", "s3://"] {
            let error = DataRoot::parse(given).expect_err(given);
            assert!(error.to_string().contains("hint:"), "{error}");
        }
    }

    #[test]
    fn a_file_lies_below_the_prefix() {
        let store = Arc::new(object_store::memory::InMemory::new());
        let root = DataRoot::with_store(store, Path::from("a/b"), "memory");
        assert_eq!(root.path("sentences/1.parquet").as_ref(), "a/b/sentences/1.parquet");
    }
}
