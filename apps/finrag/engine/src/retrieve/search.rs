//! The whole of retrieval, stage by stage, timed.

use std::time::Instant;

use super::filter::{Filter, Wanted};
use super::query::LexicalQuery;
use super::rank::Scorer;
use super::rerank::Reader;
use super::{assemble, diversify, expand, fuse, rank};
use crate::engine::Engine;
use crate::understand::asked::wording;
use crate::{Hit, Regime, Retrieval, RetrievalStats, RetrieveOptions, Understanding};

/// Rows of a list that take part in fusion.
const LIST: usize = 120;
/// What the open list counts beside the filtered one.
const OPEN_WEIGHT: f32 = 0.5;
/// What the dense list counts beside BM25's.
const DENSE_WEIGHT: f32 = 0.8;

/// Runs every regime asked for and fuses them.
pub(crate) fn retrieve(
    engine: &Engine,
    understanding: &Understanding,
    embedding: Option<&[f32]>,
    options: &RetrieveOptions,
) -> Retrieval {
    let start = Instant::now();
    let mut stats = RetrievalStats::default();
    let wanted = Wanted::of(understanding, engine);
    let mut with = engine.analyzer.clone();
    let topics = understanding.topics.iter().map(|topic| topic.search_terms());
    // Of two companies, one's filings may speak of the other.
    let names = understanding.companies.iter().map(|company| company.matched.as_str());
    let names = names.filter(|_| understanding.companies.len() > 1);
    let extra: Vec<&str> =
        topics.chain(names).chain(understanding.metrics.iter().map(|metric| wording(&metric.key))).collect();
    let query =
        LexicalQuery::new(&understanding.question, &understanding.terms, &extra, &engine.lexical, &mut with);
    // Without anything named, both regimes see the same rows but for the year; one of them is enough.
    let both = options.regimes.contains(&Regime::Filtered) && options.regimes.contains(&Regime::Open);
    let regimes: Vec<Regime> = options
        .regimes
        .iter()
        .copied()
        .filter(|regime| !(both && wanted.is_empty() && *regime == Regime::Filtered))
        .collect();
    let mut scorer = Scorer::new(&engine.lexical, &query);
    let mut reader = Reader::new(&query, &engine.sentences, with);
    let mut lists = Vec::new();
    for regime in &regimes {
        let weight = if both && *regime == Regime::Open && !wanted.is_empty() { OPEN_WEIGHT } else { 1.0 };
        let own = Filter::of(*regime, &wanted, engine);
        stats.filter_relaxed |= own.relaxed;
        let mut filters = vec![own];
        if *regime == Regime::Open && !wanted.is_empty() {
            // Rows of what is named are candidates even where the rest of the corpus outdoes them by BM25.
            filters.push(Filter { sections: Vec::new(), ..Filter::of(Regime::Filtered, &wanted, engine) });
        }
        let stage = Instant::now();
        let (ranked, candidates) =
            rank::rank(engine, &query, &wanted, &filters, *regime, &mut scorer, &mut reader);
        stats.bm25_candidates += candidates;
        stats.timings.bm25_us += micros(stage);
        lists.push((weight, ranked.into_iter().map(|(_, row)| row).take(LIST).collect()));
        if let (Some(vectors), Some(embedding)) = (&engine.vectors, embedding) {
            let stage = Instant::now();
            let filter = &filters[0];
            let near = vectors.nearest(embedding, &filter.ranges, LIST, &|row| filter.allows(row, engine));
            stats.dense_candidates += near.len();
            stats.timings.dense_us += micros(stage);
            lists.push((weight * DENSE_WEIGHT, near.into_iter().map(|(_, row)| row).collect()));
        }
    }
    let stage = Instant::now();
    let fused = fuse::fuse(&lists);
    stats.fused = fused.len();
    let (kept, duplicates) = diversify::without_repeats(engine, fused, options.top.max(options.in_context));
    stats.duplicates = duplicates;
    let ranked = diversify::take_turns(engine, kept, &wanted);
    stats.timings.fuse_us = micros(stage);
    let stage = Instant::now();
    let in_context: Vec<u32> = ranked.iter().take(options.in_context).map(|(_, row)| *row).collect();
    let passages = expand::passages(engine, &in_context, options.radius);
    stats.timings.expand_us = micros(stage);
    let stage = Instant::now();
    let context = assemble::assemble(&passages, options.context_limit);
    stats.timings.assemble_us = micros(stage);
    let hits: Vec<Hit> =
        ranked.iter().take(options.top).map(|(score, row)| hit(engine, *score, *row)).collect();
    stats.regimes = regimes;
    stats.hits = hits.len();
    stats.passages = passages.len();
    stats.sentences = passages.iter().map(|passage| passage.sentences.len()).sum();
    stats.context_chars = context.chars().count();
    stats.timings.total_us = micros(start);
    Retrieval { hits, passages, context, stats }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn hit(engine: &Engine, score: f32, row: u32) -> Hit {
    let rows = &engine.sentences;
    let company = engine.companies.get(rows.company(row));
    Hit {
        sentence_id: rows.id(row).to_owned(),
        score,
        company: company.name.clone(),
        ticker: company.ticker.clone(),
        year: rows.year(row),
        doc_id: rows.doc(row).to_owned(),
        section: engine.sections.get(rows.section(row)).item.clone(),
        position: rows.position(row),
        text: rows.text(row).to_owned(),
    }
}
