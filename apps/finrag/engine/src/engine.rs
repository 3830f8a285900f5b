//! One loaded, immutable snapshot of the data, and what can be asked of it.

use crate::{
    DataRoot, KpiBlock, LoadError, Passage, Retrieval, RetrievalStats, RetrieveOptions, Scope, Summary,
    Understanding,
};

/// A loaded snapshot: `Send + Sync`, cheap to share in an `Arc`, never changed. A refresh loads another.
pub struct Engine {
    fingerprint: String,
}

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Leave vectors alone even when they are there.
    pub without_vectors: bool,
}

impl Engine {
    /// Fetches the tables concurrently and indexes them.
    pub async fn load(from: &DataRoot, options: LoadOptions) -> Result<Self, LoadError> {
        let _ = (from, options);
        Ok(Self { fingerprint: String::new() })
    }

    /// What the store says of its files now (names, sizes, entity tags), without reading them: when it differs from
    /// [`Engine::fingerprint`], a load would give something new.
    pub async fn probe(from: &DataRoot) -> Result<String, LoadError> {
        let _ = from;
        Ok(String::new())
    }

    /// The probe's answer as of this snapshot's load.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Finds what a question asks for. No I/O.
    pub fn understand(&self, question: &str) -> Understanding {
        Understanding {
            question: question.to_owned(),
            companies: Vec::new(),
            years: Vec::new(),
            items: Vec::new(),
            topics: Vec::new(),
            metrics: Vec::new(),
            scope: Scope::In,
            terms: question.to_owned(),
        }
    }

    /// Finds sentences. Blocks the thread for some milliseconds. `embedding` is the question's, by the embedder the
    /// vectors came from; without it, or without vectors, BM25 works alone.
    pub fn retrieve(&self, understanding: &Understanding, embedding: Option<&[f32]>) -> Retrieval {
        self.retrieve_with(understanding, embedding, &RetrieveOptions::default())
    }

    /// [`Engine::retrieve`] with options.
    pub fn retrieve_with(
        &self,
        understanding: &Understanding,
        embedding: Option<&[f32]>,
        options: &RetrieveOptions,
    ) -> Retrieval {
        let _ = (understanding, embedding, options);
        Retrieval {
            hits: Vec::new(),
            passages: Vec::new(),
            context: String::new(),
            stats: RetrievalStats::default(),
        }
    }

    /// Looks up and computes the figures a question asks for; `None` when it asks for none.
    pub fn kpi(&self, understanding: &Understanding) -> Option<KpiBlock> {
        let _ = understanding;
        None
    }

    /// The sentences around one, at most `radius` positions away in its section; `None` when there is no such sentence.
    pub fn neighbours(&self, sentence_id: &str, radius: usize) -> Option<Passage> {
        let _ = (sentence_id, radius);
        None
    }

    /// What is in the data.
    pub fn summary(&self) -> Summary {
        Summary {
            rows: 0,
            facts: 0,
            vectors: 0,
            dims: 0,
            embedder: None,
            companies: Vec::new(),
            sections: Vec::new(),
            metrics: Vec::new(),
        }
    }
}
