//! What a question asks for: companies, years, items, topics, metrics, and whether the data can answer it at all.

pub(crate) mod asked;
pub(crate) mod companies;
mod items;
pub(crate) mod metrics;
mod reader;
mod scope;
mod terms;
mod topics;
mod types;
mod words;
mod years;

pub(crate) use reader::Understander;
pub use types::{CompanyMention, ItemMention, MentionKind, MetricMention, RiskTopic, Scope, Understanding};
