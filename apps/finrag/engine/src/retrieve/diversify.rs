//! Letting every company and year that a question names have its say, and no sentence twice.

use std::collections::{HashMap, HashSet};

use super::filter::Wanted;
use crate::engine::Engine;
use crate::tables::sentences::digest;

/// Rows that say the same, word for word, in the same company's filing of the same year: this many are kept.
const SAME_YEAR: usize = 1;
/// A sentence that begins alike in more years than this waits until what else there is has had its turn.
const ALL_YEARS: usize = 2;

/// Drops what repeats itself within a year, and lets what repeats itself over years stand back; gives what is left and how many
/// were dropped.
pub(crate) fn without_repeats(
    engine: &Engine,
    ranked: Vec<(f32, u32)>,
    limit: usize,
) -> (Vec<(f32, u32)>, usize) {
    let mut seen_rows = HashSet::new();
    let mut in_year: HashMap<(u16, i32, u64), usize> = HashMap::new();
    let mut in_all: HashMap<(u16, u64), Vec<i32>> = HashMap::new();
    let mut dropped = 0;
    let mut kept = Vec::with_capacity(limit);
    let mut later = Vec::new();
    for (score, row) in ranked {
        if kept.len() >= limit {
            break;
        }
        let company = engine.sentences.company(row);
        let said = digest(engine.sentences.text(row));
        let year = in_year.entry((company, engine.sentences.year(row), said)).or_default();
        let years = in_all.entry((company, beginning(engine.sentences.text(row)))).or_default();
        if *year >= SAME_YEAR || !seen_rows.insert(row) {
            dropped += 1;
            continue;
        }
        *year += 1;
        let own = engine.sentences.year(row);
        let place = years.iter().position(|year| *year == own).unwrap_or_else(|| {
            years.push(own);
            years.len() - 1
        });
        if place >= ALL_YEARS {
            later.push((score, row));
        } else {
            kept.push((score, row));
        }
    }
    kept.extend(later);
    kept.truncate(limit);
    (kept, dropped)
}

/// A digest of how a sentence begins, figures aside: a filing repeats last year's sentence with this year's figures.
fn beginning(text: &str) -> u64 {
    const WORDS: usize = 14;
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).take(WORDS);
    digest(&words.collect::<Vec<_>>().join(" ").to_lowercase())
}

/// The first rows of a ranking: when several companies are named, at least its share of each one's.
pub(crate) fn first_of_each(
    engine: &Engine,
    ranked: impl Iterator<Item = u32>,
    wanted: &Wanted,
    limit: usize,
) -> Vec<u32> {
    if wanted.companies.len() < 2 {
        return ranked.take(limit).collect();
    }
    let share = limit / wanted.companies.len();
    let mut of: HashMap<u16, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(limit);
    for (place, row) in ranked.enumerate() {
        let company = engine.sentences.company(row);
        let count = of.entry(company).or_default();
        *count += 1;
        if place < limit || (*count <= share && wanted.companies.contains(&company)) {
            kept.push(row);
        }
    }
    kept
}

/// When several companies are named, takes turns among them, best first; what names none follows in its own order.
pub(crate) fn take_turns(engine: &Engine, ranked: Vec<(f32, u32)>, wanted: &Wanted) -> Vec<(f32, u32)> {
    if wanted.companies.len() < 2 {
        return ranked;
    }
    let mut queues: Vec<std::collections::VecDeque<(f32, u32)>> =
        vec![Default::default(); wanted.companies.len()];
    let mut rest = Vec::new();
    let mut order: Vec<usize> = Vec::new();
    for (score, row) in ranked {
        match wanted.companies.iter().position(|company| *company == engine.sentences.company(row)) {
            Some(at) => {
                if !order.contains(&at) {
                    order.push(at);
                }
                queues[at].push_back((score, row));
            }
            None => rest.push((score, row)),
        }
    }
    let mut out = Vec::new();
    while queues.iter().any(|queue| !queue.is_empty()) {
        for at in &order {
            out.extend(queues[*at].pop_front());
        }
    }
    out.extend(rest);
    out
}
