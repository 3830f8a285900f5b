//! How good retrieval and figures are, over a file of questions.

mod parse;
mod report;
mod run;

pub use parse::{Figure, ParseError, Question, parse};
pub use report::{Outcome, Report, ReportRow};
pub use run::run;
