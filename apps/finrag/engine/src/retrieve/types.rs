//! What retrieval takes and gives.

use serde::{Deserialize, Serialize};

/// Which rows compete for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Only rows of the companies, years and items named in the question.
    Filtered,
    /// All rows of recent years; what the question names weighs, and excludes nothing.
    Open,
}

/// How retrieval is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrieveOptions {
    /// The regimes to run; their lists are fused.
    pub regimes: Vec<Regime>,
    /// Hits to keep.
    pub top: usize,
    /// Hits that are expanded into passages of the context.
    pub in_context: usize,
    /// Sentences taken on either side of a hit.
    pub radius: usize,
    /// Upper bound of the assembled context, in characters.
    pub context_limit: usize,
}

impl Default for RetrieveOptions {
    fn default() -> Self {
        Self {
            regimes: vec![Regime::Filtered, Regime::Open],
            top: 30,
            in_context: 12,
            radius: 3,
            context_limit: 40_000,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Retrieval {
    /// The ranked hits, best first.
    pub hits: Vec<Hit>,
    /// The best hits with the sentences around them, merged, in reading order.
    pub passages: Vec<Passage>,
    /// The passages as text, each under its header.
    pub context: String,
    /// What it took.
    pub stats: RetrievalStats,
}

/// One found sentence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// The sentence's id, unique in the data.
    pub sentence_id: String,
    /// The fused score; only its order means something.
    pub score: f32,
    /// The company's name as filed.
    pub company: String,
    /// Its ticker.
    pub ticker: String,
    /// Report year.
    pub year: i32,
    /// The filing.
    pub doc_id: String,
    /// The item, as in `ITEM_1A`.
    pub section: String,
    /// Place within the section.
    pub position: i32,
    /// The sentence.
    pub text: String,
}

/// Consecutive sentences of one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// `=== [TICKER] NAME | FY | Doc | Section | Sentences a - b ===`.
    pub header: String,
    /// Ticker.
    pub ticker: String,
    /// The company's name as filed.
    pub company: String,
    /// Report year.
    pub year: i32,
    /// The filing.
    pub doc_id: String,
    /// The item.
    pub section: String,
    /// The sentences in order of position.
    pub sentences: Vec<PassageSentence>,
}

/// A sentence of a passage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassageSentence {
    /// The sentence's id.
    pub sentence_id: String,
    /// Place within the section.
    pub position: i32,
    /// The sentence.
    pub text: String,
    /// Whether it was found, rather than being beside one that was.
    pub is_hit: bool,
}

/// What retrieval took and saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalStats {
    /// Duration of each stage.
    pub timings: StageTimings,
    /// Regimes that ran.
    pub regimes: Vec<Regime>,
    /// Rows that BM25 matched and ranked, over all regimes.
    pub bm25_candidates: usize,
    /// Rows that vectors ranked, over all regimes; 0 without.
    pub dense_candidates: usize,
    /// Distinct rows after fusion.
    pub fused: usize,
    /// Rows dropped because another row says the same.
    pub duplicates: usize,
    /// Hits returned.
    pub hits: usize,
    /// Passages assembled.
    pub passages: usize,
    /// Sentences in them.
    pub sentences: usize,
    /// Characters of the context.
    pub context_chars: usize,
    /// Whether a filter excluded everything and was dropped.
    pub filter_relaxed: bool,
}

/// Durations in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimings {
    /// BM25 over all regimes.
    pub bm25_us: u64,
    /// Vectors over all regimes.
    pub dense_us: u64,
    /// Fusion, dedupe, cap.
    pub fuse_us: u64,
    /// Expansion and merging.
    pub expand_us: u64,
    /// Writing the context.
    pub assemble_us: u64,
    /// All of it.
    pub total_us: u64,
}
