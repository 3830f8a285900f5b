//! From 10-K filings to tables.

mod embed;
mod exhibit;
mod facts;
mod html;
mod items;
mod known;
mod paged;
mod plain;
mod run;
mod source;
mod split;
mod submission;
mod types;
mod write;
mod xbrl;
mod yields;

pub use embed::embed;
pub use run::run;
pub use types::{IngestError, IngestOptions, IngestReport, Progress};
