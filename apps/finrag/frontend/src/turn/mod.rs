//! A turn: one question and what became of it.

mod run;
mod state;

pub use run::start;
pub use state::{Outcome, Progress, Reached, Turn, TurnId};
