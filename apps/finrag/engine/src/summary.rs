//! What is in the data, for people and for the answer to a question out of scope.

use serde::{Deserialize, Serialize};

/// What a loaded snapshot holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// What the data is, in its maker's words.
    pub about: Option<String>,
    /// Number of sentences.
    pub rows: usize,
    /// Number of distinct facts (after merging repeated rows).
    pub facts: usize,
    /// Number of vectors; 0 when retrieval is BM25 alone.
    pub vectors: usize,
    /// Length of each vector, 0 without.
    pub dims: usize,
    /// The embedder the vectors came from.
    pub embedder: Option<String>,
    /// Companies, by ticker.
    pub companies: Vec<CompanySummary>,
    /// Sections in filing order.
    pub sections: Vec<SectionSummary>,
    /// Metrics the facts have, by label.
    pub metrics: Vec<MetricSummary>,
}

/// A company in the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompanySummary {
    /// Ticker, as in `GOOGL`.
    pub ticker: String,
    /// Name as filed.
    pub name: String,
    /// Central index key.
    pub cik: u64,
    /// Years with sentences or facts, ascending.
    pub years: Vec<i32>,
    /// Number of sentences.
    pub rows: usize,
}

/// A 10-K item in the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SectionSummary {
    /// The item's key, as in `ITEM_1A`.
    pub item: String,
    /// Its name, as in `Item 1A: Risk Factors`.
    pub name: String,
    /// Number of sentences.
    pub rows: usize,
}

/// A metric in the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MetricSummary {
    /// The key, as in `net_income`.
    pub key: String,
    /// The label, as in `Net Income`.
    pub label: String,
    /// The unit most facts of it have.
    pub unit: String,
    /// Number of facts.
    pub facts: usize,
}
