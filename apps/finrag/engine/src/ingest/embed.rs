//! Giving every sentence a vector.

use std::collections::HashMap;

use super::{IngestError, Progress, known, write};
use crate::tables::vectors::{self, ENCODING, VectorsMeta, encode, sentence_digest};
use crate::tables::{SENTENCES, VECTORS, VECTORS_META, fetch};
use crate::{DataRoot, EmbedError, Embedder};

/// Sentences embedded at a time.
const BATCH: usize = 64;

/// Embeds the sentences of a data root that have no vector yet, and drops vectors of sentences that are gone. Vectors of another
/// embedder are all made anew. Gives the number of sentences embedded.
pub async fn embed(
    root: &DataRoot,
    embedder: &dyn Embedder,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<usize, IngestError> {
    let rows = known::rows(fetch::required(root, SENTENCES).await?)?;
    let dims = embedder.dims();
    let old_meta: Option<VectorsMeta> =
        fetch::optional(root, VECTORS_META).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let same = old_meta.is_some_and(|meta| meta.embedder == embedder.name() && meta.dims == dims);
    let old =
        if same { fetch::optional(root, VECTORS).await?.unwrap_or_default() } else { bytes::Bytes::new() };
    let have: HashMap<u64, &[u8]> = vectors::records(&old, dims).collect();
    let wanting: Vec<&known::Row> = rows.iter().filter(|row| !have.contains_key(&digest(row))).collect();
    let mut bytes = Vec::with_capacity(rows.len() * (dims + 12));
    for row in &rows {
        bytes.extend_from_slice(have.get(&digest(row)).copied().unwrap_or_default());
    }
    let mut done = 0;
    for batch in wanting.chunks(BATCH) {
        let texts: Vec<&str> = batch.iter().map(|row| row.sentence.as_str()).collect();
        let made = embedder.embed_documents(&texts).await?;
        if made.len() != batch.len() {
            let reason = format!("{} vectors came for {} sentences", made.len(), batch.len());
            return Err(EmbedError::Failed { reason }.into());
        }
        for (row, vector) in batch.iter().zip(made) {
            if vector.len() != dims {
                return Err(EmbedError::Dims { wanted: dims, found: vector.len() }.into());
            }
            encode(&mut bytes, digest(row), &vector);
        }
        done += batch.len();
        progress(Progress::Embedded { done, of: wanting.len() });
    }
    let meta = VectorsMeta {
        embedder: embedder.name().to_owned(),
        dims,
        rows: rows.len(),
        encoding: ENCODING.to_owned(),
    };
    write::put(root, VECTORS, bytes).await?;
    write::put(root, VECTORS_META, serde_json::to_vec_pretty(&meta).unwrap_or_default()).await?;
    progress(Progress::Written { file: VECTORS.to_owned(), rows: rows.len() });
    Ok(wanting.len())
}

fn digest(row: &known::Row) -> u64 {
    sentence_digest(&row.sentence_id, &row.sentence)
}
