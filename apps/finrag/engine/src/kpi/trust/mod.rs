//! Which figures of the income statement can be believed, and why not the others.
//!
//! A table without periods says of a row neither how long a time it covers nor what part of the company it is of. Until the SEC
//! dropped Item 302(a) of Regulation S-K (in effect from February 2021), a 10-K repeated its quarters under the same tags as the year;
//! some filers still do. Such a table is believed only where it can be checked: against the sentences of the filings, against ratios
//! that were computed from the year's figures, and against itself.

mod doubt;
mod exact;
mod judge;
mod ledger;
mod line;
mod said;
mod scale;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use doubt::Doubt;
pub(crate) use ledger::{Basis, Judged, Ledger};
pub(crate) use line::Line;
