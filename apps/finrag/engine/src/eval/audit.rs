//! Holding the data's figures against a table of true ones.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Engine;

/// A true figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Ticker.
    pub ticker: String,
    /// Fiscal year, as the fact table numbers it.
    pub year: i32,
    /// Metric key.
    pub metric: String,
    /// The figure; then as restated, or by another usual definition. In dollars.
    pub values: Vec<f64>,
}

/// Figures nearer than this, relatively, are the same: definitions differ by as much.
const SAME: f64 = 0.01;

/// Why a table of true figures cannot be read.
#[derive(Debug, Error)]
#[error(
    "line {line}: {reason}\nhint: ticker,year,metric,millions,also; `also` has further right figures with blanks between"
)]
pub struct TruthError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a table of true figures: CSV with a header, amounts in millions of dollars.
pub fn truths(csv: &str) -> Result<Vec<Truth>, TruthError> {
    let mut truths = Vec::new();
    for (at, line) in csv.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |reason| TruthError { line: at + 1, reason };
        let mut cells = line.split(',').map(str::trim);
        let mut cell = || cells.next().filter(|cell| !cell.is_empty());
        let ticker = cell().ok_or(wrong("it has no ticker"))?.to_owned();
        let year = cell().and_then(|year| year.parse().ok()).ok_or(wrong("its year is no number"))?;
        let metric = cell().ok_or(wrong("it has no metric"))?.to_owned();
        let first = cell().ok_or(wrong("it has no figure"))?;
        let values = std::iter::once(first)
            .chain(cell().unwrap_or_default().split_whitespace())
            .map(|value| value.parse::<f64>().map(|millions| millions * 1e6))
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("a figure is no number"))?;
        truths.push(Truth { ticker, year, metric, values });
    }
    Ok(truths)
}

/// What the data says of one true figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Right, and given without doubt.
    Right,
    /// Right, and doubted.
    RightDoubted,
    /// Wrong, and doubted.
    WrongDoubted,
    /// Wrong, and given without doubt.
    Wrong,
    /// The data gives none.
    Missing,
}

impl Verdict {
    const ALL: [Self; 5] = [Self::Right, Self::RightDoubted, Self::WrongDoubted, Self::Wrong, Self::Missing];
}

/// One true figure with what the data gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Ticker.
    pub ticker: String,
    /// Fiscal year.
    pub year: i32,
    /// Metric key.
    pub metric: String,
    /// The true figure, in dollars.
    pub truth: f64,
    /// What the data gives.
    pub given: Option<f64>,
    /// Why it is doubted.
    pub doubt: Option<String>,
    /// How they compare.
    pub verdict: Verdict,
}

/// An audit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Every true figure.
    pub findings: Vec<Finding>,
}

/// Looks up every true figure.
pub fn audit(engine: &Engine, truths: &[Truth]) -> Audit {
    let findings = truths
        .iter()
        .map(|truth| {
            let given = engine.figure(&truth.ticker, &truth.metric, truth.year);
            let same = |value: f64| {
                truth.values.iter().any(|right| (right - value).abs() <= SAME * right.abs().max(value.abs()))
            };
            let verdict = match &given {
                None => Verdict::Missing,
                Some(fact) => match (same(fact.value), fact.doubt.is_some()) {
                    (true, false) => Verdict::Right,
                    (true, true) => Verdict::RightDoubted,
                    (false, true) => Verdict::WrongDoubted,
                    (false, false) => Verdict::Wrong,
                },
            };
            Finding {
                ticker: truth.ticker.clone(),
                year: truth.year,
                metric: truth.metric.clone(),
                truth: truth.values.first().copied().unwrap_or(f64::NAN),
                given: given.as_ref().map(|fact| fact.value),
                doubt: given.and_then(|fact| fact.doubt),
                verdict,
            }
        })
        .collect();
    Audit { findings }
}

impl Audit {
    /// How many have a verdict; of one metric, or of all.
    pub fn count(&self, metric: Option<&str>, verdict: Verdict) -> usize {
        let of = |finding: &&Finding| {
            finding.verdict == verdict && metric.is_none_or(|metric| finding.metric == metric)
        };
        self.findings.iter().filter(of).count()
    }
}

/// The confusion counts, a line a metric, and shares over all that were given.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut metrics: Vec<&str> = self.findings.iter().map(|finding| finding.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        writeln!(
            f,
            "{:<12} {:>6} {:>14} {:>14} {:>6} {:>8}",
            "metric", "right", "right, doubted", "wrong, doubted", "wrong", "missing"
        )?;
        for metric in metrics.into_iter().map(Some).chain([None]) {
            let [right, right_doubted, wrong_doubted, wrong, missing] =
                Verdict::ALL.map(|verdict| self.count(metric, verdict));
            writeln!(
                f,
                "{:<12} {right:>6} {right_doubted:>14} {wrong_doubted:>14} {wrong:>6} {missing:>8}",
                metric.unwrap_or("all")
            )?;
        }
        let [right, right_doubted, wrong_doubted, wrong, _] =
            Verdict::ALL.map(|verdict| self.count(None, verdict));
        let share = |part: usize, of: usize| part as f64 * 100.0 / of.max(1) as f64;
        writeln!(
            f,
            "wrong without doubt: {:.1} % of all given; doubted though right: {:.1} % of the right",
            share(wrong, right + right_doubted + wrong_doubted + wrong),
            share(right_doubted, right + right_doubted)
        )
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn truths_are_read_and_mistakes_are_named() {
        let read =
            truths("ticker,year,metric,millions,also\nX,2020,revenue,5,5.5 6\nY,2021,net_income,-1,\n")
                .unwrap();
        assert_eq!(read[0].values, [5e6, 5.5e6, 6e6]);
        assert_eq!((read[1].ticker.as_str(), read[1].values[0]), ("Y", -1e6));
        let error = truths("h\nX,2020,revenue,five,\n").unwrap_err().to_string();
        expect![[r#"
            line 2: a figure is no number
            hint: ticker,year,metric,millions,also; `also` has further right figures with blanks between"#]]
        .assert_eq(&error);
    }

    #[test]
    fn the_table_counts() {
        let finding = |verdict| Finding {
            ticker: "X".to_owned(),
            year: 2020,
            metric: "revenue".to_owned(),
            truth: 1.0,
            given: None,
            doubt: None,
            verdict,
        };
        let audit = Audit {
            findings: [
                Verdict::Right,
                Verdict::Right,
                Verdict::RightDoubted,
                Verdict::Wrong,
                Verdict::Missing,
            ]
            .map(finding)
            .to_vec(),
        };
        expect![[r#"
            metric        right right, doubted wrong, doubted  wrong  missing
            revenue           2              1              0      1        1
            all               2              1              0      1        1
            wrong without doubt: 25.0 % of all given; doubted though right: 33.3 % of the right
        "#]]
        .assert_eq(&audit.to_string());
    }
}
