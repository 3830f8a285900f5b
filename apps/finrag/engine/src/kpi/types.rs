//! What the figures' path gives.

use serde::{Deserialize, Serialize};

use crate::tables::span::PeriodKind;

/// One figure of one company and year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Ticker.
    pub ticker: String,
    /// The company's name as filed.
    pub company: String,
    /// Report year.
    pub year: i32,
    /// Metric key, as in `net_income`.
    pub metric_key: String,
    /// Metric label, as in `Net Income`.
    pub metric_label: String,
    /// The figure, in `unit`.
    pub value: f64,
    /// `USD`, `percent`, `ratio`, `shares`, …
    pub unit: String,
    /// The form it was filed on, where known.
    pub form: Option<String>,
    /// The day it was filed (YYYY-MM-DD), where known.
    pub filed_date: Option<String>,
    /// The filing's accession number, where known.
    pub accession_no: Option<String>,
    /// Where the figure comes from.
    pub source: FactSource,
    /// The time it covers, where known: a fiscal year is not always a calendar's.
    pub period: Option<Period>,
    /// Why it may not be the year's or the whole company's. Such a figure is shown, and never compared or computed with.
    pub doubt: Option<String>,
    /// The sentence that says it, where one does.
    pub sentence_id: Option<String>,
}

/// The time a figure covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day (YYYY-MM-DD); none for a balance.
    pub start: Option<String>,
    /// Last day (YYYY-MM-DD).
    pub end: String,
    /// What kind of time it is.
    pub kind: PeriodKind,
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactSource {
    /// As tagged in the filing.
    Filed,
    /// A ratio or sum that the data's maker computed.
    Precomputed,
    /// Computed here from other facts.
    Computed,
    /// As a sentence of a filing says it.
    Stated,
}

/// Something computed from facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// Ticker.
    pub ticker: String,
    /// What it is.
    pub kind: DerivedKind,
    /// What it is called, as in `Revenue growth, 2022 to 2023`.
    pub label: String,
    /// First year it spans.
    pub from_year: i32,
    /// Last year it spans.
    pub to_year: i32,
    /// The result, in `unit`.
    pub value: f64,
    /// `percent` or `ratio`.
    pub unit: String,
    /// Indexes into [`KpiBlock::facts`] that it was computed from.
    pub from: Vec<usize>,
}

/// Kinds of computed figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedKind {
    /// Change over the year before.
    Growth,
    /// Compound annual growth over several years.
    Cagr,
    /// A ratio of two facts of one year.
    Ratio,
}

/// Rows of one (ticker, year, metric) that disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The row that counts.
    pub chosen: Fact,
    /// The others.
    pub others: Vec<Fact>,
    /// Why the chosen one counts, in a sentence.
    pub why: String,
}

/// The figures for a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KpiBlock {
    /// The figures, by ticker, metric, year.
    pub facts: Vec<Fact>,
    /// Growth and ratios computed from them.
    pub derived: Vec<Derived>,
    /// Disagreements among the rows behind `facts`.
    pub conflicts: Vec<Conflict>,
    /// What was asked for and is not in the data, a sentence each.
    pub missing: Vec<String>,
    /// What to mind about the figures, a sentence each.
    pub notes: Vec<String>,
    /// All of it as text, for an answer's context.
    pub text: String,
}
