//! Cohere's embedding models on Amazon Bedrock.

use aws_sdk_bedrockruntime::primitives::Blob;
use finrag_engine::embed::BoxFuture;
use finrag_engine::{EmbedError, Embedder};
use serde::Deserialize;
use serde_json::json;

use super::openai::checked;
use crate::llm::{Bedrock, error_chain};

/// The most texts Cohere takes in one request.
const BATCH: usize = 96;

/// Embeds through `InvokeModel` with Cohere's body.
pub struct BedrockEmbedder {
    bedrock: Bedrock,
    model: String,
    dims: usize,
}

#[derive(Deserialize)]
struct Reply {
    embeddings: Embeddings,
}

/// Version 3 answers a plain list, version 4 one list for each type asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Embeddings {
    Plain(Vec<Vec<f32>>),
    Typed { float: Vec<Vec<f32>> },
}

/// Cohere embeds questions and documents differently.
#[derive(Clone, Copy)]
enum Input {
    Query,
    Document,
}

impl BedrockEmbedder {
    /// An embedder whose vectors must have `dims` numbers.
    pub fn new(bedrock: Bedrock, model: String, dims: usize) -> Self {
        Self { bedrock, model, dims }
    }

    async fn embed(&self, texts: &[&str], input: Input) -> Result<Vec<Vec<f32>>, EmbedError> {
        let input_type = match input {
            Input::Query => "search_query",
            Input::Document => "search_document",
        };
        let body = json!({ "texts": texts, "input_type": input_type, "truncate": "END" });
        let failed = |reason: String| EmbedError::Failed { reason };
        let reply = self
            .bedrock
            .client()
            .invoke_model()
            .model_id(&self.model)
            .content_type("application/json")
            .accept("application/json")
            .body(Blob::new(body.to_string()))
            .send()
            .await
            .map_err(|e| failed(error_chain(&e)))?;
        let reply: Reply = serde_json::from_slice(reply.body.as_ref()).map_err(|e| failed(e.to_string()))?;
        let (Embeddings::Plain(vectors) | Embeddings::Typed { float: vectors }) = reply.embeddings;
        checked(vectors, texts.len(), self.dims)
    }
}

impl Embedder for BedrockEmbedder {
    fn name(&self) -> &str {
        &self.model
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed_query<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { Ok(self.embed(&[question], Input::Query).await?.swap_remove(0)) })
    }

    fn embed_documents<'a>(
        &'a self,
        sentences: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(async move {
            let mut vectors = Vec::with_capacity(sentences.len());
            for batch in sentences.chunks(BATCH) {
                vectors.extend(self.embed(batch, Input::Document).await?);
            }
            Ok(vectors)
        })
    }
}
