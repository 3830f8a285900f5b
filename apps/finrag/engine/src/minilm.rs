//! A sentence encoder of the MiniLM class on this machine's CPU, from a folder with `model.safetensors`, `tokenizer.json` and `config.json` as
//! sentence-transformers lays them out: BERT, mean pooling over the attended tokens, unit length.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

use crate::embed::BoxFuture;
use crate::{EmbedError, Embedder};

/// Tokens of a text that are read, as the model was trained with.
const LONGEST: usize = 256;

/// The encoder; clones share the weights.
#[derive(Clone)]
pub struct MiniLm {
    inner: Arc<Inner>,
}

struct Inner {
    model: BertModel,
    tokenizer: Tokenizer,
    dims: usize,
    name: String,
}

impl MiniLm {
    /// Loads the model; blocks for as long as its files take to read.
    pub fn load(folder: &Path) -> Result<Self, EmbedError> {
        let failed = |file: &str, reason: &dyn std::fmt::Display| EmbedError::Model {
            reason: format!("{}: {reason}", folder.join(file).display()),
        };
        let read = |file: &str| std::fs::read(folder.join(file)).map_err(|error| failed(file, &error));
        let config: Config =
            serde_json::from_slice(&read("config.json")?).map_err(|error| failed("config.json", &error))?;
        let mut tokenizer = Tokenizer::from_bytes(read("tokenizer.json")?)
            .map_err(|error| failed("tokenizer.json", &error))?;
        tokenizer.with_padding(Some(PaddingParams::default()));
        let truncation = TruncationParams { max_length: LONGEST, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| failed("tokenizer.json", &error))?;
        let weights = "model.safetensors";
        let variables = VarBuilder::from_buffered_safetensors(read(weights)?, DTYPE, &Device::Cpu)
            .map_err(|error| failed(weights, &error))?;
        let model = BertModel::load(variables, &config).map_err(|error| failed(weights, &error))?;
        let name = format!("minilm-{}x{}", config.num_hidden_layers, config.hidden_size);
        let inner = Inner { model, tokenizer, dims: config.hidden_size, name };
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn encode(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let inner = Arc::clone(&self.inner);
        let encoded = tokio::task::spawn_blocking(move || inner.encode(&texts)).await;
        encoded.unwrap_or_else(|panicked| Err(EmbedError::Failed { reason: panicked.to_string() }))
    }
}

impl Inner {
    fn encode(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let encodings = self
            .tokenizer
            .encode_batch(texts.iter().map(String::as_str).collect::<Vec<_>>(), true)
            .map_err(|error| EmbedError::Failed { reason: error.to_string() })?;
        let rows = encodings.len();
        let length = encodings[0].get_ids().len();
        let ids: Vec<u32> = encodings.iter().flat_map(|encoding| encoding.get_ids().to_vec()).collect();
        let mask: Vec<u32> =
            encodings.iter().flat_map(|encoding| encoding.get_attention_mask().to_vec()).collect();
        self.forward(ids, mask, (rows, length))
            .map_err(|error| EmbedError::Failed { reason: error.to_string() })
    }

    fn forward(
        &self,
        ids: Vec<u32>,
        mask: Vec<u32>,
        shape: (usize, usize),
    ) -> candle_core::Result<Vec<Vec<f32>>> {
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let weights = mask.to_dtype(DTYPE)?.unsqueeze(2)?;
        let sum = hidden.broadcast_mul(&weights)?.sum(1)?;
        let mean = sum.broadcast_div(&weights.sum(1)?)?;
        let unit = mean.broadcast_div(&mean.sqr()?.sum_keepdim(1)?.sqrt()?)?;
        unit.to_vec2::<f32>()
    }
}

impl Embedder for MiniLm {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn dims(&self) -> usize {
        self.inner.dims
    }

    fn embed_query<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move {
            let vectors = self.encode(vec![question.to_owned()]).await?;
            vectors
                .into_iter()
                .next()
                .ok_or_else(|| EmbedError::Failed { reason: "no vector came".to_owned() })
        })
    }

    fn embed_documents<'a>(
        &'a self,
        sentences: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(self.encode(sentences.iter().map(|text| (*text).to_owned()).collect()))
    }
}

impl std::fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MiniLm").field("name", &self.inner.name).field("dims", &self.inner.dims).finish()
    }
}
