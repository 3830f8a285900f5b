//! FinRAG's backend: an HTTP service that answers questions about 10-K filings from the sentences and figures that the
//! engine finds, through a language model or by quoting, with every claim cited.

pub mod answer;
pub mod api;
pub mod command;
pub mod config;
pub mod data;
pub mod embed;
pub mod llm;
pub mod querylog;
pub mod service;

pub use config::Resolved;
pub use service::Service;
