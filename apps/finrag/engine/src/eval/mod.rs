//! How good retrieval and figures are, over a file of questions.

mod audit;
mod parse;
mod report;
mod run;

pub use audit::{Audit, Finding, Truth, TruthError, Verdict, audit, truths};
pub use parse::{Figure, ParseError, Question, parse};
pub use report::{Outcome, Report, ReportRow};
pub use run::run;
