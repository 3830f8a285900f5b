//! Figures of quarters, where the table has any: told by their days, or by what the row says. A year's is never shown for one.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::lookup::{fact, keys_of};
use super::{Fact, KpiBlock, derive, text};
use crate::engine::Engine;
use crate::tables::facts::FactRow;
use crate::tables::span::PeriodKind;
use crate::understand::quarters::said;
use crate::{MetricMention, Understanding};

/// Quarters shown when the question names no year.
const RECENT: usize = 8;

/// The figures of the quarters a question asks for, and which there are not; `None` when it asks for none.
pub(crate) fn block(engine: &Engine, understanding: &Understanding) -> Option<KpiBlock> {
    if understanding.quarters.is_empty() || understanding.metrics.is_empty() {
        return None;
    }
    let quarters = said(&understanding.quarters);
    let years = match understanding.years.as_slice() {
        [] => String::new(),
        years => format!(" of FY {}", years.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut facts: Vec<Fact> = Vec::new();
    let mut missing = Vec::new();
    for metric in &understanding.metrics {
        if understanding.companies.is_empty() {
            missing.push(format!("{} for {quarters}{years}", metric.label));
        }
        for company in &understanding.companies {
            let found = engine
                .companies
                .by_ticker(&company.ticker)
                .map(|id| figures(engine, id, metric, understanding))
                .unwrap_or_default();
            if found.is_empty() {
                missing.push(format!("{} of {} for {quarters}{years}", metric.label, company.ticker));
            }
            facts.extend(found);
        }
    }
    let has_any = engine.facts.rows.iter().any(|row| row.span.kind == Some(PeriodKind::Quarter));
    let mut notes = Vec::new();
    if !has_any {
        notes.push(
            "The table of figures has whole fiscal years and no quarters; a year's figure is not shown for a quarter's"
                .to_owned(),
        );
    }
    // One quarter over years is a series; quarters of one year are not compared, for seasons differ.
    let derived = derive::growth(&facts, &|fact| fact.doubt.is_some());
    let text = text::block(&facts, &derived, &[], &notes, &missing);
    Some(KpiBlock { facts, derived, conflicts: Vec::new(), missing, notes, text })
}

/// A metric's quarters of one company, a quarter's years together.
fn figures(engine: &Engine, company: u16, metric: &MetricMention, asked: &Understanding) -> Vec<Fact> {
    for key in keys_of(&metric.key) {
        let Some(number) = engine.facts.metric(key) else { continue };
        let mut wanted: Vec<(i32, u8, &FactRow)> = by_quarter(engine.facts.series(company, number))
            .into_iter()
            .filter(|((year, quarter), _)| {
                asked.quarters.contains(quarter) && (asked.years.is_empty() || asked.years.contains(year))
            })
            .map(|((year, quarter), row)| (year, quarter, row))
            .collect();
        if asked.years.is_empty() {
            let skipped = wanted.len().saturating_sub(RECENT);
            wanted.drain(..skipped);
        }
        wanted.sort_by_key(|(year, quarter, _)| (*quarter, *year));
        let found: Vec<Fact> = wanted
            .into_iter()
            .map(|(year, quarter, row)| {
                let own = fact(engine, row);
                Fact {
                    year,
                    metric_key: format!("{}_q{quarter}", own.metric_key),
                    metric_label: format!("{}, Q{quarter}", own.metric_label),
                    ..own
                }
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// The rows of quarters by fiscal year and quarter, the later filed of two.
fn by_quarter(rows: &[FactRow]) -> BTreeMap<(i32, u8), &FactRow> {
    let days = |row: &FactRow| -> Option<(Date, Date)> {
        Some((row.span.start.as_deref()?.parse().ok()?, row.span.end.as_deref()?.parse().ok()?))
    };
    let years: Vec<(i32, Date, Date)> = rows
        .iter()
        .filter(|row| row.span.is_year())
        .filter_map(|row| days(row).map(|(start, end)| (row.year, start, end)))
        .collect();
    let mut found: BTreeMap<(i32, u8), &FactRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.span.kind == Some(PeriodKind::Quarter)) {
        let within = days(row).and_then(|(start, end)| {
            let (year, first, _) = years.iter().find(|(_, first, last)| *first <= start && end <= *last)?;
            // Quarters begin some 91 days apart.
            let apart = (start - *first).get_days();
            Some((*year, u8::try_from((apart + 45) / 91 + 1).ok()?.clamp(1, 4)))
        });
        let told = || {
            let quarter: u8 = row.period.as_deref()?.strip_prefix('Q')?.parse().ok()?;
            (1..=4).contains(&quarter).then_some((row.year, quarter))
        };
        let Some(place) = within.or_else(told) else { continue };
        let newer = found.get(&place).is_none_or(|known| known.filed <= row.filed);
        if newer {
            found.insert(place, row);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::span::Span;

    fn row(year: i32, value: f64, start: &str, end: &str, period: Option<&str>) -> FactRow {
        FactRow {
            company: 0,
            metric: 0,
            year,
            value,
            unit: "USD".into(),
            form: None,
            filed: Some("2024-02-01".into()),
            accession: None,
            period: period.map(Into::into),
            span: Span::new(Some(start.into()), Some(end.into())),
            precomputed: false,
        }
    }

    #[test]
    fn quarters_lie_within_their_fiscal_year() {
        let rows = [
            row(2023, 100.0, "2022-09-25", "2023-09-30", None),
            row(2023, 40.0, "2022-09-25", "2022-12-31", None),
            row(2023, 20.0, "2023-07-02", "2023-09-30", None),
            row(2024, 25.0, "2024-03-31", "2024-06-29", Some("Q3")),
            row(2024, 7.0, "2024-06-30", "2024-09-28", None),
        ];
        let found: Vec<(i32, u8, f64)> =
            by_quarter(&rows).into_iter().map(|((year, quarter), row)| (year, quarter, row.value)).collect();
        assert_eq!(found, [(2023, 1, 40.0), (2023, 4, 20.0), (2024, 3, 25.0)]);
    }
}
