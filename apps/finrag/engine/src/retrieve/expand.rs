//! From hits to passages: the sentences around each, merged where they meet.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::engine::Engine;
use crate::{Passage, PassageSentence};

/// The rows at most `radius` positions from `row` in its section. A gap in positions stays a gap.
fn around(engine: &Engine, row: u32, radius: usize) -> RangeInclusive<u32> {
    let rows = &engine.sentences;
    let near = |other: u32| {
        rows.same_section(row, other) && rows.position(row).abs_diff(rows.position(other)) as usize <= radius
    };
    let (mut first, mut last) = (row, row);
    while first > 0 && near(first - 1) {
        first -= 1;
    }
    while (last as usize) + 1 < rows.len() && near(last + 1) {
        last += 1;
    }
    first..=last
}

/// The passages of hits, in reading order: by company, year, section, position.
pub(crate) fn passages(engine: &Engine, hits: &[u32], radius: usize) -> Vec<Passage> {
    let mut spans: Vec<RangeInclusive<u32>> = hits.iter().map(|row| around(engine, *row, radius)).collect();
    spans.sort_unstable_by_key(|span| *span.start());
    let mut merged: Vec<RangeInclusive<u32>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last)
                if *span.start() <= *last.end() + 1
                    && engine.sentences.same_section(*last.end(), *span.start()) =>
            {
                *last = *last.start()..=(*last.end()).max(*span.end());
            }
            _ => merged.push(span),
        }
    }
    let found: HashSet<u32> = hits.iter().copied().collect();
    let mut passages: Vec<Passage> =
        merged.into_iter().filter_map(|span| passage(engine, span, &found)).collect();
    let place = |passage: &Passage| engine.sections.find(&passage.section);
    passages.sort_by(|a, b| {
        (&a.ticker, a.year, place(a), a.sentences[0].position).cmp(&(
            &b.ticker,
            b.year,
            place(b),
            b.sentences[0].position,
        ))
    });
    passages
}

/// The passage around one sentence.
pub(crate) fn passage_around(engine: &Engine, row: u32, radius: usize) -> Option<Passage> {
    passage(engine, around(engine, row, radius), &HashSet::from([row]))
}

fn passage(engine: &Engine, span: RangeInclusive<u32>, found: &HashSet<u32>) -> Option<Passage> {
    let rows = &engine.sentences;
    let row = *span.start();
    let mut sentences: Vec<PassageSentence> = Vec::new();
    for row in span {
        let sentence = PassageSentence {
            sentence_id: rows.id(row).to_owned(),
            position: rows.position(row),
            text: rows.text(row).to_owned(),
            is_hit: found.contains(&row),
        };
        match sentences.last_mut() {
            // Two rows of one place and text are one sentence that was stored twice.
            Some(last) if last.position == sentence.position && last.text == sentence.text => {
                if sentence.is_hit && !last.is_hit {
                    *last = sentence;
                }
            }
            _ => sentences.push(sentence),
        }
    }
    let (first, last) = (sentences.first()?.position, sentences.last()?.position);
    let company = engine.companies.get(rows.company(row));
    let section = engine.sections.get(rows.section(row)).item.clone();
    Some(Passage {
        header: format!(
            "=== [{}] {} | FY {} | {} | {section} | Sentences {first} - {last} ===",
            company.ticker,
            company.name,
            rows.year(row),
            rows.doc(row),
        ),
        ticker: company.ticker.clone(),
        company: company.name.clone(),
        year: rows.year(row),
        doc_id: rows.doc(row).to_owned(),
        section,
        sentences,
    })
}
