//! From an understood question to sentences, each with where it came from.

mod assemble;
mod diversify;
mod expand;
mod filter;
mod fuse;
pub(crate) mod query;
mod rank;
mod rerank;
pub(crate) mod search;
mod synonyms;
mod types;

pub(crate) use expand::passage_around;
pub(crate) use synonyms::other_words;
pub use types::{
    Hit, Passage, PassageSentence, Regime, Retrieval, RetrievalStats, RetrieveOptions, StageTimings,
};
