//! The tables as they lie in memory: columnar, with one arena for text and interned companies, documents and sections.

pub(crate) mod arena;
pub(crate) mod columns;
pub(crate) mod companies;
pub(crate) mod facts;
pub(crate) mod fetch;
pub(crate) mod misfiled;
pub(crate) mod nature;
pub(crate) mod sections;
pub(crate) mod sentences;
pub(crate) mod span;
pub(crate) mod vectors;

/// The sentences, when they are one file; else every `.parquet` under [`SENTENCES_FOLDER`].
pub const SENTENCES: &str = "sentences.parquet";
/// The folder of the sentences' parts.
pub const SENTENCES_FOLDER: &str = "sentences";
/// The facts.
pub const FACTS: &str = "kpi_facts.parquet";
/// The companies.
pub const COMPANIES: &str = "companies.json";
/// The 10-K items.
pub const SECTIONS: &str = "sections.json";
/// What the data is, in a sentence or two for its readers; optional.
pub const ABOUT: &str = "about.txt";
/// What the vectors are.
pub const VECTORS_META: &str = "vectors.json";
/// The vectors themselves.
pub const VECTORS: &str = "vectors.bin";
