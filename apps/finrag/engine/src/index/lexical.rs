//! Scoring rows by BM25, term at a time over ranges of rows.
//!
//! The rows of a company and year lie together, so a filter is a few ranges, and a term's postings outside them are
//! skipped by block. Scores go to a dense buffer: the cost is the postings read, whatever the question.

use std::ops::Range;
use std::sync::Arc;

use tantivy::directory::RamDirectory;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index, IndexBuilder, InvertedIndexReader, TantivyDocument, TantivyError, Term};

use super::analyzer;
use crate::LoadError;
use crate::tables::sentences::Sentences;

/// Term saturation and length normalisation as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25
/// and Beyond" (2009); `b` is below the usual 0.75, for sentences vary in length less than what they say does.
const K1: f32 = 1.2;
const B: f32 = 0.55;

/// Memory for building a part's postings, in bytes.
const BUILD_MEMORY: usize = 400 << 20;

/// Rows below which another thread is not worth its while.
const ROWS_PER_PART: usize = 50_000;
/// Parts at most: each costs a look-up of every term.
const PARTS: usize = 4;

/// The index of all sentences: a few parts, built at the same time, each of rows that lie together.
pub(crate) struct Lexical {
    field: Field,
    parts: Vec<Part>,
    rows: u32,
    /// `k1 * (1 - b + b * length / average)` by the code that a length is stored as.
    norms: Box<[f32; 256]>,
}

/// The index of a range of rows.
struct Part {
    rows: Range<u32>,
    postings: Arc<InvertedIndexReader>,
    lengths: FieldNormReader,
    /// Keeps the memory that `postings` and `lengths` read from.
    _index: Index,
}

/// A term with what it counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) term: String,
    pub(crate) weight: f32,
}

impl Lexical {
    /// Indexes every row; a row's number is its document's.
    pub(crate) fn build(sentences: &Sentences) -> Result<Self, LoadError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parts = cores.min(PARTS).min(sentences.len() / ROWS_PER_PART).max(1);
        Self::build_in(sentences, parts)
    }

    fn build_in(sentences: &Sentences, parts: usize) -> Result<Self, LoadError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analyzer::NAME)
            .set_index_option(IndexRecordOption::WithFreqs)
            .set_fieldnorms(true);
        let field = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
        let schema = schema.build();
        let rows = sentences.len() as u32;
        let size = rows.div_ceil(parts as u32).max(1);
        let ranges = (0..parts as u32).map(|part| (part * size).min(rows)..((part + 1) * size).min(rows));
        let built: Vec<tantivy::Result<Part>> = std::thread::scope(|scope| {
            let schema = &schema;
            let threads: Vec<_> =
                ranges.map(|rows| scope.spawn(move || Part::build(sentences, rows, schema, field))).collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(TantivyError::InternalError("indexing broke off".to_owned())))
                })
                .collect()
        });
        let parts: Vec<Part> = built
            .into_iter()
            .collect::<tantivy::Result<_>>()
            .map_err(|error| LoadError::Index { reason: error.to_string() })?;
        let tokens: u64 = parts.iter().map(|part| part.postings.total_num_tokens()).sum();
        let average = tokens as f32 / rows.max(1) as f32;
        let mut norms = Box::new([0.0; 256]);
        for (code, norm) in (0..=255_u8).zip(norms.iter_mut()) {
            let length = FieldNormReader::id_to_fieldnorm(code) as f32;
            *norm = K1 * (1.0 - B + B * length / average.max(1.0));
        }
        Ok(Self { field, parts, rows, norms })
    }

    /// How telling a term is: `ln(1 + (N - n + 0.5) / (n + 0.5))`; `None` when no row has it.
    pub(crate) fn idf(&self, term: &str) -> Option<f32> {
        let term = Term::from_field_text(self.field, term);
        let found: u32 = self.parts.iter().filter_map(|part| part.postings.doc_freq(&term).ok()).sum();
        (found > 0).then(|| {
            let (n, found) = (f64::from(self.rows), f64::from(found));
            (1.0 + (n - found + 0.5) / (found + 0.5)).ln() as f32
        })
    }

    /// Rows that have a term, at most `most`, spread over all of them.
    pub(crate) fn rows_of(&self, term: &str, most: usize) -> Vec<u32> {
        let term = Term::from_field_text(self.field, term);
        let rows: Vec<u32> = self.parts.iter().flat_map(|part| part.rows_of(&term)).collect();
        let step = rows.len().div_ceil(most.max(1)).max(1);
        rows.into_iter().step_by(step).collect()
    }

    /// Scores the rows of `ranges` (ascending, disjoint); the result has their rows end to end.
    pub(crate) fn score(&self, terms: &[Weighted], ranges: &[Range<u32>]) -> Vec<f32> {
        let mut scores = vec![0.0; ranges.iter().map(|range| range.len()).sum()];
        for Weighted { term, weight } in terms {
            let Some(idf) = self.idf(term) else { continue };
            let scale = weight * idf * (K1 + 1.0);
            let term = Term::from_field_text(self.field, term);
            for part in &self.parts {
                part.score(&term, scale, ranges, &self.norms, &mut scores);
            }
        }
        scores
    }
}

impl Part {
    fn build(
        sentences: &Sentences,
        rows: Range<u32>,
        schema: &Schema,
        field: Field,
    ) -> tantivy::Result<Self> {
        let tokenizers = tantivy::tokenizer::TokenizerManager::new();
        tokenizers.register(analyzer::NAME, analyzer::analyzer());
        let mut writer = IndexBuilder::new()
            .schema(schema.clone())
            .tokenizers(tokenizers)
            .single_segment_index_writer::<TantivyDocument>(RamDirectory::create(), BUILD_MEMORY)?;
        for row in rows.clone() {
            let mut document = TantivyDocument::default();
            document.add_text(field, sentences.text(row));
            writer.add_document(document)?;
        }
        let index = writer.finalize()?;
        let searcher = index.reader()?.searcher();
        let segment = searcher.segment_reader(0);
        let postings = segment.inverted_index(field)?;
        let lengths = segment.get_fieldnorms_reader(field)?;
        Ok(Self { rows, postings, lengths, _index: index })
    }

    fn rows_of(&self, term: &Term) -> Vec<u32> {
        let Ok(Some(info)) = self.postings.get_term_info(term) else { return Vec::new() };
        let Ok(mut blocks) = self.postings.read_block_postings_from_terminfo(&info, IndexRecordOption::Basic)
        else {
            return Vec::new();
        };
        let mut rows = Vec::with_capacity(info.doc_freq as usize);
        while blocks.block_len() > 0 {
            rows.extend(blocks.docs().iter().map(|doc| doc + self.rows.start));
            blocks.advance();
        }
        rows
    }

    /// Adds a term's scores for this part's rows.
    fn score(&self, term: &Term, scale: f32, ranges: &[Range<u32>], norms: &[f32; 256], scores: &mut [f32]) {
        let Ok(Some(info)) = self.postings.get_term_info(term) else { return };
        let Ok(mut blocks) =
            self.postings.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)
        else {
            return;
        };
        let mut base = 0;
        for range in ranges {
            let into = &mut scores[base..base + range.len()];
            base += range.len();
            let (first, last) = (range.start.max(self.rows.start), range.end.min(self.rows.end));
            if first >= last {
                continue;
            }
            // Documents count from the part's first row.
            let shift = self.rows.start;
            let mut at = blocks.seek(first - shift);
            'range: while blocks.block_len() > 0 {
                let len = blocks.block_len();
                for (doc, freq) in blocks.docs()[at..len].iter().zip(&blocks.freqs()[at..len]) {
                    let row = *doc + shift;
                    if row >= last {
                        break 'range;
                    }
                    let freq = *freq as f32;
                    let norm = norms[usize::from(self.lengths.fieldnorm_id(*doc))];
                    into[(row - range.start) as usize] += scale * freq / (freq + norm);
                }
                blocks.advance();
                at = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_score_as_the_whole_does() {
        let texts: Vec<String> = (0..1_000)
            .map(|at| format!("Revenue of product {at} {}", if at % 3 == 0 { "rose rose" } else { "fell" }))
            .collect();
        let sentences = Sentences::of_texts(&texts);
        let terms: Vec<Weighted> = ["rose", "revenu", "17", "absent"]
            .iter()
            .map(|term| Weighted { term: (*term).to_owned(), weight: 1.0 })
            .collect();
        let ranges = [0..1, 5..400, 660..700, 999..1_000];
        let whole = Lexical::build_in(&sentences, 1).unwrap();
        let scores = whole.score(&terms, &ranges);
        assert_eq!(scores.len(), 1 + 395 + 40 + 1);
        assert!(scores[0] > scores[1 + 2] && scores[1 + 12] > 3.0, "{:?}", &scores[..20]);
        for parts in [2, 3] {
            assert_eq!(
                Lexical::build_in(&sentences, parts).unwrap().score(&terms, &ranges),
                scores,
                "{parts} parts"
            );
        }
        assert_eq!(whole.idf("absent"), None);
        let third = Lexical::build_in(&sentences, 3).unwrap();
        assert_eq!(third.rows_of("rose", 1_000).len(), 334);
        assert_eq!(third.rows_of("rose", 4), [0, 252, 504, 756]);
    }
}
