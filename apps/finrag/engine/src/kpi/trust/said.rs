//! What the filings of a company say of a line and a year.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Line;
use super::judge::Known;
use super::statement::{self, Statement};
use crate::tables::sentences::Sentences;

/// A figure as a sentence has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Said {
    pub(crate) value: f64,
    /// Half of its last digit: nearer than this is the same figure.
    pub(crate) half: f64,
    /// The sentence's row.
    pub(crate) sentence: u32,
    /// Whether the year is certain; else the sentence only stands in that year's filing, and can support but not replace.
    pub(crate) dated: bool,
}

/// All that is said, by line and year.
pub(super) type All = BTreeMap<(Line, i32), Vec<Said>>;

/// Years that a filing speaks of beside its own.
const BACK: i32 = 10;

/// Reads a company's sentences of one year's filings.
pub(super) fn read(sentences: &Sentences, year: i32, rows: Range<u32>, known: &Known, all: &mut All) {
    for row in rows {
        let text = sentences.text(row);
        if !sentences.nature(row).has_figure || !statement::may_say(text) {
            continue;
        }
        for statement in statement::read(text) {
            let of = statement.year.unwrap_or(year);
            if !(0..=BACK).contains(&(year + 1 - of)) {
                continue;
            }
            if let Some((value, half)) = in_dollars(&statement, known.assets_near(of)) {
                let said = Said { value, half, sentence: row, dated: statement.year.is_some() };
                all.entry((statement.line, of)).or_default().push(said);
            }
        }
        if let Some((line, figures)) = statement::row(text) {
            for (of, value, half) in columns(line, &figures, year, known) {
                all.entry((line, of)).or_default().push(Said { value, half, sentence: row, dated: true });
            }
        }
    }
}

/// Against total assets, revenue and net income of real companies lie between these.
const PLAUSIBLE: Range<f64> = 2e-4..20.0;

/// The amount in dollars; one without a unit counts in what makes it plausible against total assets, when only one does.
fn in_dollars(statement: &Statement, assets: Option<f64>) -> Option<(f64, f64)> {
    let plausible = |scale: f64| {
        assets.is_some_and(|assets| PLAUSIBLE.contains(&(statement.value.abs() * scale / assets)))
    };
    if statement.scaled {
        // Without a balance there is nothing to hold it against.
        return (assets.is_none() || plausible(1.0)).then_some((statement.value, statement.half));
    }
    let mut scales = [1.0, 1e3, 1e6].into_iter().filter(|scale| plausible(*scale));
    match (scales.next(), scales.next()) {
        (Some(scale), None) => Some((statement.value * scale, statement.half * scale)),
        _ => None,
    }
}

/// The figures of a table's row with their years: descending from the filing's own or ascending to it, in units in which two of the
/// figures are known. Further columns may be changes and percentages; those are left out.
fn columns(line: Line, figures: &[f64], year: i32, known: &Known) -> Vec<(i32, f64, f64)> {
    let count = figures.len() as i32;
    for first in [false, true] {
        for scale in [1e6, 1e3, 1.0] {
            let years = (0..count).map(|at| if first { year - count + 1 + at } else { year - at });
            let read: Vec<(i32, f64, f64)> =
                years.zip(figures).map(|(of, figure)| (of, figure * scale, 0.5 * scale)).collect();
            let fits = |(of, value, half): &(i32, f64, f64)| {
                known.rows(line, *of).iter().any(|row| (row.value - value).abs() <= *half)
            };
            let (sure, open): (Vec<_>, Vec<_>) = read.into_iter().partition(fits);
            if sure.len() >= 2 {
                let is_a_years = |figure: &(i32, f64, f64)| is_a_years(figure.1, scale, &sure);
                return sure.iter().copied().chain(open.into_iter().filter(is_a_years)).collect();
            }
        }
    }
    Vec::new()
}

/// Whether a figure beside known ones can be a year's: it is not what they differ by, and not a percentage.
fn is_a_years(value: f64, scale: f64, sure: &[(i32, f64, f64)]) -> bool {
    /// A percentage in a row of thousands or millions is this much smaller than the rest.
    const SMALL: f64 = 20.0;
    let change = sure
        .iter()
        .any(|(_, a, _)| sure.iter().any(|(_, b, _)| ((a - b).abs() - value.abs()).abs() <= scale));
    let least = sure.iter().map(|(_, known, _)| known.abs()).fold(f64::INFINITY, f64::min);
    !change && value.abs() * SMALL > least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_percentages_are_no_years() {
        let sure = [(2023, 33_723e6, 0.5e6), (2022, 31_616e6, 0.5e6)];
        for (millions, expected) in [(2_107.0, false), (7.0, false), (29_698.0, true)] {
            assert_eq!(is_a_years(millions * 1e6, 1e6, &sure), expected, "{millions}");
        }
    }
}
