//! Charts of figures over years.

mod draw;
mod group;
mod unit;

pub use draw::{PALETTE, Size, svg};
pub use group::{Chart, Line, charts};
pub(crate) use unit::grouped;
pub use unit::{Scale, figure};
