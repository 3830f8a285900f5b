//! FinRAG's engine: 10-K sentences and figures from an object store, loaded once; questions understood,
//! sentences retrieved with their provenance, figures looked up and computed. Nothing here talks HTTP to users
//! or to a language model; the backend does.

pub mod embed;
pub mod engine;
pub mod error;
pub mod eval;
mod index;
pub mod ingest;
pub mod kpi;
#[cfg(feature = "minilm")]
pub mod minilm;
pub mod retrieve;
pub mod root;
pub mod summary;
pub mod tables;
pub mod understand;

pub use embed::{EmbedError, Embedder};
pub use engine::{Engine, LoadOptions};
pub use error::LoadError;
pub use kpi::{Conflict, Derived, DerivedKind, Fact, FactSource, KpiBlock, Period};
pub use retrieve::{
    Hit, Passage, PassageSentence, Regime, Retrieval, RetrievalStats, RetrieveOptions, StageTimings,
};
pub use root::{DataRoot, RootError};
pub use summary::{CompanySummary, MetricSummary, SectionSummary, Summary};
pub use tables::span::PeriodKind;
pub use understand::{
    CompanyMention, ItemMention, MentionKind, MetricMention, RiskTopic, Scope, Understanding,
};
