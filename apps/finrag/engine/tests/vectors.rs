//! Dense retrieval beside BM25, with an embedder that anyone can follow.

mod common;

use common::{engine, ingested, submission};
use finrag_engine::embed::BoxFuture;
use finrag_engine::{EmbedError, Embedder, Regime, RetrieveOptions, ingest};

/// Embeds by meaning as a table knows it: words of one meaning share a dimension.
struct Meanings;

const MEANINGS: [&[&str]; 4] = [
    &["flood", "deluge", "rivers"],
    &["timber", "wood", "lumber"],
    &["founded", "established", "carpenters"],
    &["bridges", "spans"],
];

impl Meanings {
    fn vector(text: &str) -> Vec<f32> {
        let lower = text.to_lowercase();
        let mut vector: Vec<f32> = MEANINGS
            .iter()
            .map(|words| words.iter().filter(|word| lower.contains(**word)).count() as f32)
            .collect();
        vector.push(0.1);
        vector
    }
}

impl Embedder for Meanings {
    fn name(&self) -> &str {
        "meanings"
    }
    fn dims(&self) -> usize {
        MEANINGS.len() + 1
    }
    fn embed_query<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { Ok(Self::vector(question)) })
    }
    fn embed_documents<'a>(
        &'a self,
        sentences: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(async move { Ok(sentences.iter().map(|text| Self::vector(text)).collect()) })
    }
}

#[tokio::test]
async fn a_word_that_no_sentence_has_is_found_by_its_meaning() {
    let (_folder, root, _) =
        ingested(&[("a.txt", submission(11, "BRIDGE CO", 2020, "Rivers may flood."))]).await;
    assert_eq!(ingest::embed(&root, &Meanings, &|_| {}).await.unwrap(), engine(&root).await.summary().rows);
    assert_eq!(ingest::embed(&root, &Meanings, &|_| {}).await.unwrap(), 0, "every sentence has its vector");
    let engine = engine(&root).await;
    assert_eq!(engine.summary().embedder.as_deref(), Some("meanings"));
    let read = engine.understand("Could a deluge hurt Bridge Co in 2020?");
    let has = |hits: &[finrag_engine::Hit]| hits.iter().take(3).any(|hit| hit.text == "Rivers may flood.");
    let dense = engine.retrieve(&read, Some(&Meanings::vector("deluge")));
    assert!(has(&dense.hits) && dense.stats.dense_candidates > 0, "{:?}", dense.hits);
    let without = engine.retrieve(&read, None);
    assert!(without.stats.dense_candidates == 0 && !has(&without.hits), "{:?}", without.hits);
}

#[tokio::test]
async fn nearness_does_not_look_beyond_what_is_named() {
    let of = |cik, name| submission(cik, name, 2020, "Rivers may flood.");
    let (_folder, root, _) =
        ingested(&[("a.txt", of(11, "BRIDGE CO")), ("b.txt", of(12, "ROAD WORKS INC"))]).await;
    ingest::embed(&root, &Meanings, &|_| {}).await.unwrap();
    let engine = engine(&root).await;
    let looked_at = |question: &str| {
        let options = RetrieveOptions { regimes: vec![Regime::Open], ..RetrieveOptions::default() };
        let read = engine.understand(question);
        engine.retrieve_with(&read, Some(&Meanings::vector("deluge")), &options).stats.dense_candidates
    };
    let all = engine.summary().rows;
    assert_eq!(looked_at("Could a deluge hurt wooden bridges?"), all);
    assert_eq!(looked_at("Could a deluge hurt Bridge Co?"), all / 2);
}

#[tokio::test]
async fn a_vector_of_another_length_is_ignored() {
    let (_folder, root, _) =
        ingested(&[("a.txt", submission(11, "BRIDGE CO", 2020, "Rivers may flood."))]).await;
    ingest::embed(&root, &Meanings, &|_| {}).await.unwrap();
    let engine = engine(&root).await;
    let found = engine.retrieve(&engine.understand("flooding rivers at Bridge Co"), Some(&[1.0, 2.0]));
    assert!(!found.hits.is_empty() && found.stats.dense_candidates == 0);
}
