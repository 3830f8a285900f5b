//! Reading files of the data root, with the store's errors told apart.

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use sha2::{Digest, Sha256};

use crate::{DataRoot, LoadError};

/// Reads a file that must be there.
pub(crate) async fn required(root: &DataRoot, file: &str) -> Result<Bytes, LoadError> {
    optional(root, file)
        .await?
        .ok_or_else(|| LoadError::Missing { root: root.label().to_owned(), file: file.to_owned() })
}

/// Reads a file that may be absent.
pub(crate) async fn optional(root: &DataRoot, file: &str) -> Result<Option<Bytes>, LoadError> {
    let unreachable =
        |source| LoadError::Unreachable { root: root.label().to_owned(), file: file.to_owned(), source };
    match root.store().get(&root.path(file)).await {
        Ok(found) => found.bytes().await.map(Some).map_err(unreachable),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(unreachable(source)),
    }
}

/// The names of the files in a folder of the root that end in `.parquet`, in order.
pub(crate) async fn parts(root: &DataRoot, folder: &str) -> Result<Vec<String>, LoadError> {
    let mut names: Vec<String> = list(root, Some(folder))
        .await?
        .into_iter()
        .filter_map(|meta| meta.location.filename().map(str::to_owned))
        .filter(|name| name.ends_with(".parquet"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    Ok(names)
}

/// A digest over names, sizes and entity tags of the tables.
pub(crate) async fn fingerprint(root: &DataRoot) -> Result<String, LoadError> {
    use super::{COMPANIES, FACTS, SECTIONS, SENTENCES, SENTENCES_FOLDER, VECTORS, VECTORS_META};
    let mut lines = Vec::new();
    let heads = [SENTENCES, FACTS, COMPANIES, SECTIONS, VECTORS_META, VECTORS].map(|file| async move {
        match root.store().head(&root.path(file)).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => {
                Err(LoadError::Unreachable { root: root.label().to_owned(), file: file.to_owned(), source })
            }
        }
    });
    let (heads, parts) = futures_util::future::try_join(
        futures_util::future::try_join_all(heads),
        list(root, Some(SENTENCES_FOLDER)),
    )
    .await?;
    for meta in heads.into_iter().flatten().chain(parts) {
        let tag = meta.e_tag.unwrap_or_else(|| meta.last_modified.to_rfc3339());
        lines.push(format!("{} {} {tag}", meta.location, meta.size));
    }
    lines.sort();
    let digest = Sha256::digest(lines.join("\n").as_bytes());
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn list(root: &DataRoot, folder: Option<&str>) -> Result<Vec<object_store::ObjectMeta>, LoadError> {
    let prefix = folder.map_or_else(|| root.path(""), |folder| root.path(folder));
    match root.store().list(Some(&prefix)).try_collect().await {
        Ok(found) => Ok(found),
        Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
        Err(source) => Err(LoadError::Unreachable {
            root: root.label().to_owned(),
            file: folder.unwrap_or_default().to_owned(),
            source,
        }),
    }
}
