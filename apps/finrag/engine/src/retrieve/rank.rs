//! Ranking the candidates of one regime.

use std::ops::Range;

use super::filter::{Filter, Wanted};
use super::query::LexicalQuery;
use super::rerank::{BEFORE, Features, Reader};
use crate::Regime;
use crate::engine::Engine;
use crate::index::lexical::{Lexical, Weighted};
use crate::index::top::Top;
use crate::tables::nature::Nature;

/// Candidates of BM25 that are read word by word.
const CANDIDATES: usize = 160;

/// Rows whose scores are looked at together.
const CHUNK: usize = 64;

/// How much of a neighbour's score a sentence gets: what the sentence before it says is often its subject.
const NEIGHBOUR: f32 = 0.15;

/// Candidates whose following sentences are looked at for reasons.
const FOLLOWED: usize = 60;

/// A candidate: its BM25 with a share of its neighbours'.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: u32,
    bm25: f32,
}

/// Scores rows by BM25, the same ranges once: both regimes look at what a question names.
pub(crate) struct Scorer<'e> {
    lexical: &'e Lexical,
    terms: Vec<Weighted>,
    done: Vec<(Vec<Range<u32>>, Vec<f32>)>,
}

impl<'e> Scorer<'e> {
    pub(crate) fn new(lexical: &'e Lexical, query: &LexicalQuery) -> Self {
        Self { lexical, terms: query.weighted(), done: Vec::new() }
    }

    /// The scores of the ranges' rows, end to end.
    fn scores(&mut self, ranges: &[Range<u32>]) -> &[f32] {
        let at = self.done.iter().position(|(known, _)| known == ranges).unwrap_or_else(|| {
            self.done.push((ranges.to_vec(), self.lexical.score(&self.terms, ranges)));
            self.done.len() - 1
        });
        &self.done[at].1
    }
}

/// The rows of a regime, ranked; and how many were candidates.
pub(crate) fn rank(
    engine: &Engine,
    query: &LexicalQuery,
    wanted: &Wanted,
    filters: &[Filter],
    regime: Regime,
    scorer: &mut Scorer<'_>,
    reader: &mut Reader<'_>,
) -> (Vec<(f32, u32)>, usize) {
    let mut candidates: Vec<Candidate> = Vec::new();
    // Several companies share the candidates, each with enough of its own.
    let most = (CANDIDATES / wanted.companies.len().max(1)).max(CANDIDATES / 2);
    for filter in filters {
        candidates.extend(gather(engine, scorer.scores(&filter.ranges), filter, most));
    }
    if query.wants_reason {
        reasons(engine, &mut candidates, filters);
    }
    candidates.sort_unstable_by(|a, b| a.row.cmp(&b.row).then(b.bm25.total_cmp(&a.bm25)));
    candidates.dedup_by_key(|candidate| candidate.row);
    let most = candidates.iter().fold(f32::MIN_POSITIVE, |most, candidate| most.max(candidate.bm25));
    let mut ranked: Vec<(f32, u32)> = candidates
        .iter()
        .map(|candidate| {
            let features = reader.features(candidate.row);
            let nature = engine.sentences.nature(candidate.row);
            let own = candidate.bm25 / most;
            let score = own_score(own, &features, nature, query)
                * setting(engine, candidate.row, wanted)
                * named(engine, candidate.row, wanted, regime);
            (score, candidate.row)
        })
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let found = ranked.len();
    (ranked, found)
}

fn gather(engine: &Engine, scores: &[f32], filter: &Filter, most: usize) -> Vec<Candidate> {
    let mut top = Top::new(most);
    let mut rest = scores;
    for range in &filter.ranges {
        let (own, others) = rest.split_at(range.len());
        rest = others;
        for (chunk, row) in own.chunks(CHUNK).zip(range.clone().step_by(CHUNK)) {
            let floor = top.floor();
            // Most rows score less than the best by far; a chunk of them is passed over at once.
            if !chunk.iter().fold(false, |any, score| any | (*score > floor)) {
                continue;
            }
            for (score, row) in chunk.iter().zip(row..) {
                if *score > top.floor() && filter.allows(row, engine) {
                    top.offer(*score, row);
                }
            }
        }
    }
    let score_of = |row: u32| place(&filter.ranges, row).map_or(0.0, |at| scores[at]);
    top.into_sorted()
        .into_iter()
        .map(|(score, row)| {
            let beside = |other: u32| {
                if (other as usize) < engine.sentences.len() && engine.sentences.same_section(row, other) {
                    score_of(other)
                } else {
                    0.0
                }
            };
            let before = row.checked_sub(1).map_or(0.0, beside);
            Candidate { row, bm25: score + NEIGHBOUR * before.max(beside(row + 1)) }
        })
        .collect()
}

/// Adds the sentences that follow the best candidates: they give the reasons for what those only name.
fn reasons(engine: &Engine, candidates: &mut Vec<Candidate>, filters: &[Filter]) {
    candidates.sort_unstable_by(|a, b| b.bm25.total_cmp(&a.bm25).then(a.row.cmp(&b.row)));
    let mut added = Vec::new();
    for candidate in candidates.iter().take(FOLLOWED) {
        for row in candidate.row + 1..=candidate.row + BEFORE {
            let inside = (row as usize) < engine.sentences.len()
                && engine.sentences.same_section(candidate.row, row)
                && filters
                    .iter()
                    .any(|filter| place(&filter.ranges, row).is_some() && filter.allows(row, engine));
            if inside {
                added.push(Candidate { row, bm25: candidate.bm25 * NEIGHBOUR * 2.0 });
            }
        }
    }
    candidates.extend(added);
}

/// Where a row's score lies among those of all ranges.
fn place(ranges: &[Range<u32>], row: u32) -> Option<usize> {
    let mut base = 0;
    for range in ranges {
        if range.contains(&row) {
            return Some(base + (row - range.start) as usize);
        }
        base += range.len();
    }
    None
}

/// From the sentence's own words.
fn own_score(bm25: f32, features: &Features, nature: Nature, query: &LexicalQuery) -> f32 {
    let mut score = 0.6 * bm25
        + 0.45 * features.coverage * features.coverage
        + 0.2 * features.proximity
        + 0.08 * features.subject;
    if query.wants_figure && nature.has_figure {
        score *= 1.08;
    }
    if query.wants_reason && nature.has_reason {
        score *= 1.08;
    }
    if query.wants_definition && nature.defines {
        score *= 1.0 + 0.12 * features.subject;
    }
    if nature.leads_on {
        score *= 0.8;
    }
    if nature.is_fragment {
        score *= 0.55;
    }
    if nature.is_long {
        score *= 0.85;
    }
    score
}

/// From where it stands.
fn setting(engine: &Engine, row: u32, wanted: &Wanted) -> f32 {
    let section = engine.sentences.section(row);
    let mut weight = 1.0;
    if wanted.likely.contains(&section) {
        weight *= 1.15;
    }
    if wanted.sections.contains(&section) {
        weight *= 1.2;
    }
    if engine.sections.get(section).item == "ITEM_15" && !wanted.sections.contains(&section) {
        weight *= 0.9;
    }
    weight
}

/// From what the question names: it filters in one regime, and weighs in the other.
fn named(engine: &Engine, row: u32, wanted: &Wanted, regime: Regime) -> f32 {
    let year = engine.sentences.year(row);
    let text = engine.sentences.text(row);
    let mut weight = 1.0;
    if !wanted.years.is_empty() {
        if wanted.year_names.iter().any(|year| year.find(text.as_bytes()).is_some()) {
            weight *= 1.05;
        }
        if regime == Regime::Open {
            let apart = wanted.years.iter().map(|wanted| wanted.abs_diff(year)).min().unwrap_or(0);
            weight *= match apart {
                0 => 1.5,
                1 => 1.05,
                2 => 0.9,
                _ => 0.78,
            };
        }
    }
    if regime == Regime::Open && !wanted.companies.is_empty() {
        weight *= if wanted.companies.contains(&engine.sentences.company(row)) { 1.5 } else { 0.45 };
    }
    weight
}
