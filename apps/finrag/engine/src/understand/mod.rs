//! What a question asks for: companies, years, items, topics, metrics, and whether the data can answer it at all.

pub(crate) mod asked;
pub(crate) mod companies;
mod evidence;
mod follow;
mod items;
pub(crate) mod metrics;
pub(crate) mod quarters;
mod reader;
mod scope;
mod spelling;
mod strangers;
mod terms;
mod topics;
mod types;
pub(crate) mod words;
mod years;

pub(crate) use reader::Understander;
pub use types::{CompanyMention, ItemMention, MentionKind, MetricMention, RiskTopic, Scope, Understanding};
