//! One served query.

use jiff::Timestamp;
use serde::Serialize;

/// One served query, answered or failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// When the answer (or error) was ready.
    pub timestamp: Timestamp,
    /// The question.
    pub query: String,
    /// The key of the model asked for.
    pub model_key: String,
    /// The provider's name for it.
    pub model_id: String,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// Why writing stopped; empty after an error.
    pub stop_reason: String,
    /// From request to answer, in milliseconds.
    pub total_ms: f64,
    /// Understanding, figures and retrieval, in milliseconds.
    pub retrieval_ms: f64,
    /// The model, in milliseconds.
    pub llm_ms: f64,
    /// Stage names and milliseconds, as a JSON object.
    pub stages: String,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// What went wrong, if anything did.
    pub trouble: Option<Trouble>,
}

/// An error as it was told to the asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// `error_type`.
    pub kind: String,
    /// `stage`.
    pub stage: String,
    /// `error`.
    pub message: String,
}
