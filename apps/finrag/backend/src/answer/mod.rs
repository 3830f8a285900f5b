//! From a question to an answer whose every claim can be followed to its sentence or fact.

mod chart;
mod citations;
mod extractive;
mod figures;
mod footer;
mod pipeline;
mod prompt;
mod sources;

pub use self::chart::{Kpi, Point, Series};
pub use self::pipeline::{Answerer, Asked, Event, Failure, Outcome};
pub use self::sources::{Source, SourceKind};
