//! The fact table: every row of it, by (company, metric, year).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::FACTS;
use super::columns::{Ints, Strings, floats, open, undecodable};
use super::companies::Companies;
use super::misfiled;
use super::span::Span;
use crate::LoadError;

const COLUMNS: [&str; 16] = [
    "cik",
    "ticker",
    "year",
    "metric_gaap",
    "metric_key",
    "metric_label",
    "metric_type",
    "value",
    "unit",
    "form",
    "filed_date",
    "accession_no",
    "fiscal_period",
    "period_start",
    "period_end",
    "dimensions",
];

/// A metric that the table has.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) gaap: Option<String>,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct FactRow {
    pub(crate) company: u16,
    pub(crate) metric: u16,
    pub(crate) year: i32,
    pub(crate) value: f64,
    pub(crate) unit: Arc<str>,
    pub(crate) form: Option<Arc<str>>,
    pub(crate) filed: Option<Arc<str>>,
    pub(crate) accession: Option<Arc<str>>,
    /// `FY`, `Q1` … where the table says.
    pub(crate) period: Option<Arc<str>>,
    /// First and last day, where the table says.
    pub(crate) span: Span,
    /// Computed by the data's maker rather than tagged in a filing.
    pub(crate) precomputed: bool,
}

/// All rows, sorted.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) rows: Vec<FactRow>,
    /// Rows of a part (a segment, a class of shares), with the part: kept apart, for they answer for no whole.
    pub(crate) parts: Vec<(Arc<str>, FactRow)>,
    pub(crate) metrics: Vec<Metric>,
}

/// Keeps one copy of each repeated string.
#[derive(Default)]
struct Interner(HashMap<Arc<str>, ()>);

impl Interner {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some((found, ())) = self.0.get_key_value(text) {
            return Arc::clone(found);
        }
        let made: Arc<str> = text.into();
        self.0.insert(Arc::clone(&made), ());
        made
    }
}

impl Facts {
    /// Decodes the table.
    pub(crate) fn decode(bytes: Bytes, companies: &mut Companies) -> Result<Self, LoadError> {
        let mut facts = Self::default();
        let mut strings = Interner::default();
        let mut metrics: HashMap<String, u16> = HashMap::new();
        for batch in open(FACTS, bytes, &COLUMNS)? {
            let batch = batch.map_err(|error| undecodable(FACTS, error))?;
            let cik = Ints::of(FACTS, &batch, "cik")?;
            let ticker = Strings::of(FACTS, &batch, "ticker")?;
            let year = Ints::of(FACTS, &batch, "year")?;
            let key = Strings::of(FACTS, &batch, "metric_key")?;
            let value = floats(FACTS, &batch, "value")?;
            let maybe = |name| Strings::maybe(FACTS, &batch, name);
            let (label, gaap, kind) = (maybe("metric_label")?, maybe("metric_gaap")?, maybe("metric_type")?);
            let (unit, form, filed) = (maybe("unit")?, maybe("form")?, maybe("filed_date")?);
            let (accession, period) = (maybe("accession_no")?, maybe("fiscal_period")?);
            let (start, end, parts) = (maybe("period_start")?, maybe("period_end")?, maybe("dimensions")?);
            let at = |column: &Option<Strings<'_>>, row| {
                column
                    .as_ref()
                    .and_then(|column| column.get(row))
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
            };
            for row in 0..batch.num_rows() {
                // A row that names no company, year or metric, or has no value, can answer nothing.
                let (Some(cik), Some(year), Some(key), Some(value)) = (
                    cik.get(row).and_then(|cik| u64::try_from(cik).ok()),
                    year.get(row).and_then(|year| i32::try_from(year).ok()),
                    key.get(row),
                    value[row].filter(|value| value.is_finite()),
                ) else {
                    continue;
                };
                let company = companies.intern_with_ticker(cik, ticker.get(row))?;
                let metric = match metrics.get(key) {
                    Some(metric) => *metric,
                    None => {
                        let number = facts.metrics.len() as u16;
                        metrics.insert(key.to_owned(), number);
                        facts.metrics.push(Metric {
                            key: key.to_owned(),
                            label: at(&label, row).unwrap_or_else(|| key.replace('_', " ")),
                            gaap: at(&gaap, row),
                        });
                        number
                    }
                };
                let mut intern = |column| at(column, row).map(|text| strings.get(&text));
                let part = intern(&parts);
                let row = FactRow {
                    company,
                    metric,
                    year,
                    value,
                    form: intern(&form),
                    filed: intern(&filed),
                    accession: intern(&accession),
                    period: intern(&period),
                    span: Span::new(intern(&start), intern(&end)),
                    unit: intern(&unit).unwrap_or_else(|| "number".into()),
                    precomputed: kind.as_ref().and_then(|kind| kind.get(row)) == Some("derived"),
                };
                match part {
                    Some(part) => facts.parts.push((part, row)),
                    None => facts.rows.push(row),
                }
            }
        }
        misfiled::put_right(&mut facts.rows);
        facts.rows.sort_by_key(|row| (row.company, row.metric, row.year));
        Ok(facts)
    }

    pub(crate) fn metric(&self, key: &str) -> Option<u16> {
        self.metrics.iter().position(|metric| metric.key == key).map(|at| at as u16)
    }

    /// All rows of one metric of a company, by year.
    pub(crate) fn series(&self, company: u16, metric: u16) -> &[FactRow] {
        let from = self.rows.partition_point(|row| (row.company, row.metric) < (company, metric));
        let len = self.rows[from..].partition_point(|row| (row.company, row.metric) == (company, metric));
        &self.rows[from..from + len]
    }

    /// All rows of one (company, metric, year).
    pub(crate) fn of(&self, company: u16, metric: u16, year: i32) -> &[FactRow] {
        let series = self.series(company, metric);
        let from = series.partition_point(|row| row.year < year);
        let len = series[from..].partition_point(|row| row.year == year);
        &series[from..from + len]
    }

    /// How many distinct (company, metric, year) there are.
    pub(crate) fn distinct(&self) -> usize {
        self.rows.chunk_by(|a, b| (a.company, a.metric, a.year) == (b.company, b.metric, b.year)).count()
    }
}
