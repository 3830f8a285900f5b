//! Scoring rows by BM25, term at a time over ranges of rows.
//!
//! The rows of a company and year lie together, so a filter is a few ranges, and a term's postings outside them are
//! skipped by block. Scores go to a dense buffer: the cost is the postings read, whatever the question.

use std::ops::Range;
use std::sync::Arc;

use tantivy::directory::RamDirectory;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index, IndexBuilder, InvertedIndexReader, TantivyDocument, Term};

use super::analyzer;
use crate::LoadError;
use crate::tables::sentences::Sentences;

/// Term saturation and length normalisation as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25
/// and Beyond" (2009); `b` is below the usual 0.75, for sentences vary in length less than what they say does.
const K1: f32 = 1.2;
const B: f32 = 0.55;

/// Memory for building the postings, in bytes. All of them are kept until the end.
const BUILD_MEMORY: usize = 400 << 20;

/// The index of all sentences.
pub(crate) struct Lexical {
    field: Field,
    postings: Arc<InvertedIndexReader>,
    lengths: FieldNormReader,
    rows: u32,
    /// `k1 * (1 - b + b * length / average)` by the code that a length is stored as.
    norms: Box<[f32; 256]>,
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
        Self::try_build(sentences).map_err(|error| LoadError::Index { reason: error.to_string() })
    }

    fn try_build(sentences: &Sentences) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analyzer::NAME)
            .set_index_option(IndexRecordOption::WithFreqs)
            .set_fieldnorms(true);
        let field = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
        let schema = schema.build();
        let tokenizers = tantivy::tokenizer::TokenizerManager::new();
        tokenizers.register(analyzer::NAME, analyzer::analyzer());
        let mut writer = IndexBuilder::new()
            .schema(schema)
            .tokenizers(tokenizers)
            .single_segment_index_writer::<TantivyDocument>(RamDirectory::create(), BUILD_MEMORY)?;
        for row in 0..sentences.len() as u32 {
            let mut document = TantivyDocument::default();
            document.add_text(field, sentences.text(row));
            writer.add_document(document)?;
        }
        let index = writer.finalize()?;
        let reader = index.reader()?;
        let searcher = reader.searcher();
        let segment = searcher.segment_reader(0);
        let postings = segment.inverted_index(field)?;
        let lengths = segment.get_fieldnorms_reader(field)?;
        let rows = segment.max_doc();
        let average = postings.total_num_tokens() as f32 / rows.max(1) as f32;
        let mut norms = Box::new([0.0; 256]);
        for (code, norm) in (0..=255_u8).zip(norms.iter_mut()) {
            let length = FieldNormReader::id_to_fieldnorm(code) as f32;
            *norm = K1 * (1.0 - B + B * length / average.max(1.0));
        }
        Ok(Self { field, postings, lengths, rows, norms, _index: index })
    }

    /// How telling a term is: `ln(1 + (N - n + 0.5) / (n + 0.5))`; `None` when no row has it.
    pub(crate) fn idf(&self, term: &str) -> Option<f32> {
        let found = self.postings.doc_freq(&Term::from_field_text(self.field, term)).ok()?;
        (found > 0).then(|| {
            let (n, found) = (f64::from(self.rows), f64::from(found));
            (1.0 + (n - found + 0.5) / (found + 0.5)).ln() as f32
        })
    }

    /// Terms that a row has, as stored (long rows are rounded).
    pub(crate) fn length(&self, row: u32) -> u32 {
        self.lengths.fieldnorm(row)
    }

    /// Scores the rows of `ranges` (ascending, disjoint); the result has their rows end to end.
    pub(crate) fn score(&self, terms: &[Weighted], ranges: &[Range<u32>]) -> Vec<f32> {
        let mut scores = vec![0.0; ranges.iter().map(|range| range.len()).sum()];
        for Weighted { term, weight } in terms {
            let term = Term::from_field_text(self.field, term);
            let Ok(Some(info)) = self.postings.get_term_info(&term) else { continue };
            let (n, found) = (f64::from(self.rows), f64::from(info.doc_freq));
            let idf = (1.0 + (n - found + 0.5) / (found + 0.5)).ln() as f32;
            let scale = weight * idf * (K1 + 1.0);
            let Ok(mut blocks) =
                self.postings.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)
            else {
                continue;
            };
            let mut base = 0;
            for range in ranges {
                let into = &mut scores[base..base + range.len()];
                base += range.len();
                let mut at = blocks.seek(range.start);
                'range: while blocks.block_len() > 0 {
                    let len = blocks.block_len();
                    for (doc, freq) in blocks.docs()[at..len].iter().zip(&blocks.freqs()[at..len]) {
                        if *doc >= range.end {
                            break 'range;
                        }
                        let freq = *freq as f32;
                        let norm = self.norms[usize::from(self.lengths.fieldnorm_id(*doc))];
                        into[(*doc - range.start) as usize] += scale * freq / (freq + norm);
                    }
                    blocks.advance();
                    at = 0;
                }
            }
        }
        scores
    }
}
