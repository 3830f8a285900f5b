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
        let mut filters = match regime {
            Regime::Filtered => Filter::each(&wanted, engine),
            Regime::Open => vec![Filter::of(*regime, &wanted, engine)],
        };
        stats.filter_relaxed |= filters.iter().any(|filter| filter.relaxed);
        let own = filters.len();
        if *regime == Regime::Open && !wanted.is_empty() {
            // Rows of what is named are candidates even where the rest of the corpus outdoes them by BM25.
            let named = Filter::each(&wanted, engine).into_iter();
            filters.extend(named.map(|filter| Filter { sections: Vec::new(), ..filter }));
        }
        let stage = Instant::now();
        let (ranked, candidates) =
            rank::rank(engine, &query, &wanted, &filters, *regime, &mut scorer, &mut reader);
        stats.bm25_candidates += candidates;
        stats.timings.bm25_us += micros(stage);
        let ranked = ranked.into_iter().map(|(_, row)| row);
        lists.push((weight, diversify::first_of_each(engine, ranked, &wanted, LIST)));
        if let (Some(vectors), Some(embedding)) = (&engine.vectors, embedding) {
            let stage = Instant::now();
            let mut near = Vec::new();
            // Nearness knows no names: where some are, only their rows are looked at in either regime.
            let named = if filters.len() > own { own.. } else { 0.. };
            for filter in &filters[named] {
                near.extend(
                    vectors.nearest(embedding, &filter.ranges, LIST, &|row| filter.allows(row, engine)),
                );
            }
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            stats.dense_candidates += near.len();
            stats.timings.dense_us += micros(stage);
            let near = near.into_iter().map(|(_, row)| row);
            lists.push((weight * DENSE_WEIGHT, diversify::first_of_each(engine, near, &wanted, LIST)));
        }
    }
    let stage = Instant::now();
    let mut fused = fuse::fuse(&lists);
    if both && wanted.only_theirs(&understanding.question) {
        // Another company's sentence answers no question about this one.
        fused.retain(|(_, row)| wanted.companies.contains(&engine.sentences.company(*row)));
    }
    if !understanding.things.is_empty() {
        // The whole company's sales would pass for the product's.
        let names: Vec<String> = understanding.things.iter().map(|thing| thing.to_lowercase()).collect();
        let speaks_of_it = |row: u32| {
            let text = engine.sentences.text(row).to_lowercase();
            names.iter().any(|name| text.contains(name))
        };
        if fused.iter().any(|(_, row)| speaks_of_it(*row)) {
            fused.retain(|(_, row)| speaks_of_it(*row));
        }
    }
    stats.fused = fused.len();
    // Turns first, and cut then: else a company that says much leaves no place for one that says little.
    let limit = options.top.max(options.in_context);
    let turns = diversify::take_turns(engine, fused, &wanted);
    let (ranked, duplicates) = diversify::without_repeats(engine, turns, limit);
    stats.duplicates = duplicates;
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
