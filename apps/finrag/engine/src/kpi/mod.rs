//! Figures: looked up, and computed from what was looked up, each with the filing it came from.

mod choose;
mod derive;
pub(crate) mod format;
mod formula;
mod lookup;
pub(crate) mod quarterly;
mod text;
pub(crate) mod trust;
mod types;

pub(crate) use lookup::{block, figure, metric_names};
pub use types::{Conflict, Derived, DerivedKind, Fact, FactSource, KpiBlock, Period};
