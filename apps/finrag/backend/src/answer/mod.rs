//! From a question to an answer whose every claim can be followed to its sentence or fact.

mod chart;
mod citations;
mod extractive;
mod figures;
mod footer;
mod markdown;
mod numbers;
mod pipeline;
mod prompt;
mod sources;

pub use self::chart::{Kpi, Point, Series};
pub(crate) use self::markdown::Escaper;
pub use self::markdown::TextForm;
pub(crate) use self::pipeline::entities;
pub use self::pipeline::{Answerer, Asked, Event, Failure, Outcome, Stages};
pub use self::sources::{Source, SourceKind};
