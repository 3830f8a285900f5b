//! BM25 over the sentences, by a tantivy index in memory that holds postings and lengths and no text.

pub(crate) mod analyzer;
pub(crate) mod lexical;
pub(crate) mod top;
