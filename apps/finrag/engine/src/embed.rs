//! Turning text into vectors. Who does it is the backend's choice; here is only what retrieval needs of it.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

/// A future that can be kept behind `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that embeds text. Vectors need not be normalised; the engine does that.
pub trait Embedder: Send + Sync {
    /// The name stored beside the vectors; vectors of another name are not comparable.
    fn name(&self) -> &str;
    /// The length of every vector.
    fn dims(&self) -> usize;
    /// Embeds a question.
    fn embed_query<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>>;
    /// Embeds sentences, one vector each, in order.
    fn embed_documents<'a>(
        &'a self,
        sentences: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>>;
}

/// Why text could not be embedded.
#[derive(Debug, Error)]
pub enum EmbedError {
    /// The model's files are missing or unreadable.
    #[error("failed to load the embedding model: {reason}")]
    Model {
        /// What is wrong.
        reason: String,
    },
    /// The service or model failed on this text.
    #[error("failed to embed: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
    /// The answer has another shape than asked for.
    #[error("the embedding has {found} dimensions, {wanted} expected")]
    Dims {
        /// What was promised.
        wanted: usize,
        /// What came.
        found: usize,
    },
}
