//! Embeddings as OpenAI defined them and many others serve them.

use finrag_engine::embed::BoxFuture;
use finrag_engine::{EmbedError, Embedder};
use serde::Deserialize;
use serde_json::json;

use crate::llm::{OpenAiSettings, error_chain};

/// Sentences sent in one request.
const BATCH: usize = 128;

/// Embeds through `POST {base}/embeddings`.
pub struct OpenAiEmbedder {
    http: reqwest::Client,
    settings: OpenAiSettings,
    model: String,
    dims: usize,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAiEmbedder {
    /// An embedder whose vectors must have `dims` numbers.
    pub fn new(http: reqwest::Client, settings: OpenAiSettings, model: String, dims: usize) -> Self {
        Self { http, settings, model, dims }
    }

    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |e: reqwest::Error| EmbedError::Failed { reason: error_chain(&e.without_url()) };
        let mut request = self
            .http
            .post(format!("{}/embeddings", self.settings.base_url))
            .json(&json!({ "model": self.model, "input": texts }));
        if let Some(key) = &self.settings.api_key {
            request = request.bearer_auth(key);
        }
        let reply = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        let mut entries = reply.json::<Reply>().await.map_err(failed)?.data;
        entries.sort_by_key(|entry| entry.index);
        checked(entries.into_iter().map(|entry| entry.embedding).collect(), texts.len(), self.dims)
    }
}

/// As many vectors as were asked for, each of the promised length.
pub(super) fn checked(
    vectors: Vec<Vec<f32>>,
    wanted: usize,
    dims: usize,
) -> Result<Vec<Vec<f32>>, EmbedError> {
    if vectors.len() != wanted {
        let reason = format!("{} vectors came for {wanted} texts", vectors.len());
        return Err(EmbedError::Failed { reason });
    }
    match vectors.iter().find(|vector| vector.len() != dims) {
        Some(vector) => Err(EmbedError::Dims { wanted: dims, found: vector.len() }),
        None => Ok(vectors),
    }
}

impl Embedder for OpenAiEmbedder {
    fn name(&self) -> &str {
        &self.model
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed_query<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { Ok(self.embed(&[question]).await?.swap_remove(0)) })
    }

    fn embed_documents<'a>(
        &'a self,
        sentences: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(async move {
            let mut vectors = Vec::with_capacity(sentences.len());
            for batch in sentences.chunks(BATCH) {
                vectors.extend(self.embed(batch).await?);
            }
            Ok(vectors)
        })
    }
}
