//! The judged figures of all companies.

use std::collections::BTreeMap;

use super::judge::{Known, judge};
use super::said::{self, Said};
use super::{Doubt, Line};
use crate::tables::facts::{FactRow, Facts};
use crate::tables::sentences::Sentences;

/// What a figure rests on.
#[derive(Debug, Clone)]
pub(crate) enum Basis {
    /// A row of the table.
    Row(FactRow),
    /// The table's ratios, and how.
    Ratio(&'static str),
    /// A sentence alone.
    Said,
}

/// The figure of a line and year.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// In dollars.
    pub(crate) value: f64,
    pub(crate) basis: Basis,
    /// Why it may not be the year's.
    pub(crate) doubt: Option<Doubt>,
    /// Rows of the table that say otherwise.
    pub(crate) others: Vec<FactRow>,
    /// Why this one counts before those.
    pub(crate) why: &'static str,
    /// Whether it was checked against something that cannot be a quarter's.
    pub(super) certain: bool,
    /// A sentence that says the same.
    pub(crate) said: Option<u32>,
}

impl Judged {
    pub(super) fn of_row(row: &FactRow, others: Vec<FactRow>, why: &'static str) -> Self {
        Self {
            value: row.value,
            basis: Basis::Row(row.clone()),
            doubt: None,
            others,
            why,
            certain: false,
            said: None,
        }
    }

    pub(super) fn of_said(said: &Said, others: Vec<FactRow>) -> Self {
        Self {
            value: said.value,
            basis: Basis::Said,
            doubt: None,
            others,
            why: "the filing's own text says so",
            certain: true,
            said: Some(said.sentence),
        }
    }

    pub(super) fn certain(self) -> Self {
        Self { certain: true, ..self }
    }
}

/// Judged figures by company, line and year. Made once, when the tables are loaded.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    companies: BTreeMap<u16, BTreeMap<(Line, i32), Judged>>,
}

impl Ledger {
    /// Judges what the table has, by itself and by the sentences.
    pub(crate) fn build(facts: &Facts, sentences: &Sentences) -> Self {
        if facts.rows.is_empty() {
            return Self::default();
        }
        let mut said: BTreeMap<u16, said::All> = BTreeMap::new();
        for (company, year, rows) in sentences.groups() {
            let known = Known::new(facts, company);
            said::read(sentences, year, rows, &known, said.entry(company).or_default());
        }
        let mut companies: Vec<u16> = facts.rows.iter().map(|row| row.company).collect();
        companies.dedup();
        companies.extend(said.keys());
        companies.sort_unstable();
        companies.dedup();
        let none = said::All::new();
        let companies = companies
            .into_iter()
            .map(|company| {
                let known = Known::new(facts, company);
                (company, judge(&known, said.get(&company).unwrap_or(&none)))
            })
            .collect();
        Self { companies }
    }

    /// The figure of a line and year.
    pub(crate) fn get(&self, company: u16, line: Line, year: i32) -> Option<&Judged> {
        self.companies.get(&company)?.get(&(line, year))
    }

    /// The years that a line has a figure of, ascending.
    pub(crate) fn years(&self, company: u16, line: Line) -> impl Iterator<Item = i32> {
        self.companies
            .get(&company)
            .into_iter()
            .flat_map(move |lines| lines.keys().filter(move |(of, _)| *of == line).map(|(_, year)| *year))
    }
}
