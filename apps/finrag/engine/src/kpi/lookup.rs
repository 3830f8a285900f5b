//! From metrics, companies and years to facts.

use std::collections::{BTreeSet, HashMap};

use super::choose::choose;
use super::formula::{FORMULAS, Input};
use super::trust::{Basis, Judged, Line};
use super::{Conflict, Fact, FactSource, KpiBlock, Period, derive, text};
use crate::Understanding;
use crate::engine::Engine;
use crate::kpi::format;
use crate::tables::facts::FactRow;
use crate::understand::asked::ASKED;

/// Years shown when the question names none.
const RECENT: usize = 5;
/// How deep formulas may rest on formulas.
const DEPTH: usize = 3;

/// A value with what it is from.
#[derive(Debug, Clone)]
struct Found {
    fact: Fact,
    /// How it was computed, when it was.
    how: Option<&'static str>,
    conflict: Option<Conflict>,
}

/// Keys of the data for a metric as asked.
pub(super) fn keys_of(key: &str) -> Vec<&str> {
    ASKED.iter().find(|asked| asked.key == key).map_or_else(|| vec![key], |asked| asked.keys.to_vec())
}

pub(super) fn fact(engine: &Engine, row: &FactRow) -> Fact {
    let company = engine.companies.get(row.company);
    let metric = &engine.facts.metrics[usize::from(row.metric)];
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    Fact {
        ticker: company.ticker.clone(),
        company: company.name.clone(),
        year: row.year,
        metric_key: metric.key.clone(),
        metric_label: metric.label.clone(),
        value: row.value,
        unit: row.unit.to_string(),
        form: text(&row.form),
        filed_date: text(&row.filed),
        accession_no: text(&row.accession),
        source: if row.precomputed { FactSource::Precomputed } else { FactSource::Filed },
        period: row.span.end.as_ref().zip(row.span.kind).map(|(end, kind)| Period {
            start: text(&row.span.start),
            end: end.to_string(),
            kind,
        }),
        doubt: None,
        sentence_id: None,
    }
}

/// A figure that rests on no row.
fn bare(engine: &Engine, company: u16, asked: &str, year: i32, value: f64, source: FactSource) -> Fact {
    let row = engine.companies.get(company);
    let label = ASKED.iter().find(|known| known.key == asked).map_or(asked, |known| known.label);
    Fact {
        ticker: row.ticker.clone(),
        company: row.name.clone(),
        year,
        metric_key: asked.to_owned(),
        metric_label: label.to_owned(),
        value,
        unit: "USD".to_owned(),
        form: None,
        filed_date: None,
        accession_no: None,
        source,
        period: None,
        doubt: None,
        sentence_id: None,
    }
}

/// A line of the income statement, as it was judged when the table was loaded.
fn judged(engine: &Engine, company: u16, line: Line, judged: &Judged, year: i32) -> Found {
    let value = judged.value;
    let (fact, how) = match &judged.basis {
        Basis::Row(row) => (fact(engine, row), None),
        Basis::Ratio(how) => {
            (bare(engine, company, line.key(), year, value, FactSource::Computed), Some(*how))
        }
        Basis::Said => (bare(engine, company, line.key(), year, value, FactSource::Stated), None),
    };
    let chosen = Fact {
        doubt: judged.doubt.as_ref().map(ToString::to_string),
        sentence_id: judged.said.map(|row| engine.sentences.id(row).to_owned()),
        ..fact
    };
    let conflict = (!judged.others.is_empty()).then(|| Conflict {
        chosen: chosen.clone(),
        others: judged.others.iter().map(|row| self::fact(engine, row)).collect(),
        why: judged.why.to_owned(),
    });
    Found { fact: chosen, how, conflict }
}

/// The figure of a metric as asked of one company and year, with what speaks against it.
pub(crate) fn figure(engine: &Engine, company: u16, asked: &str, year: i32) -> Option<Fact> {
    find(engine, company, asked, year, DEPTH).map(|found| found.fact)
}

/// The value of a metric as asked, from the table or by a formula.
fn find(engine: &Engine, company: u16, asked: &str, year: i32, depth: usize) -> Option<Found> {
    if let Some(line) = Line::of(asked) {
        return engine
            .ledger
            .get(company, line, year)
            .map(|found| judged(engine, company, line, found, year));
    }
    for key in keys_of(asked) {
        let rows = engine.facts.metric(key).map(|metric| engine.facts.of(company, metric, year));
        if let Some(choice) = rows.and_then(choose) {
            let chosen = Fact { doubt: doubt(engine, company, key, choice.row), ..fact(engine, choice.row) };
            let conflict = (!choice.others.is_empty()).then(|| Conflict {
                chosen: chosen.clone(),
                others: choice.others.iter().map(|row| fact(engine, row)).collect(),
                why: choice.why.to_owned(),
            });
            return Some(Found { fact: chosen, how: None, conflict });
        }
    }
    if depth == 0 {
        return None;
    }
    FORMULAS.iter().filter(|formula| formula.key == asked).find_map(|formula| {
        let inputs: Vec<Fact> = formula
            .inputs
            .iter()
            .map(|input| match input {
                Input::Of(key) => find(engine, company, key, year, depth - 1),
                Input::Before(key) => find(engine, company, key, year - 1, depth - 1),
            })
            .map(|found| found.map(|found| found.fact))
            .collect::<Option<_>>()?;
        // A quarter's figure beside a year's gives nonsense.
        if inputs.iter().any(|input| input.doubt.is_some()) {
            return None;
        }
        let values: Vec<f64> = inputs.iter().map(|input| input.value).collect();
        let value = formula.apply(&values)?;
        let fact = Fact {
            unit: formula.unit.to_owned(),
            // The accession of a filed input is where a reader can check.
            accession_no: inputs.iter().find_map(|input| input.accession_no.clone()),
            ..bare(engine, company, asked, year, value, FactSource::Computed)
        };
        Some(Found { fact, how: Some(formula.how), conflict: None })
    })
}

/// What speaks against a row that was asked for by another name of a judged line.
fn doubt(engine: &Engine, company: u16, key: &str, row: &FactRow) -> Option<String> {
    let found = engine.ledger.get(company, Line::of_key(key)?, row.year)?;
    let own = matches!(&found.basis, Basis::Row(basis) if basis.metric == row.metric);
    found.doubt.as_ref().filter(|_| own).map(ToString::to_string)
}

/// The years a metric has for a company, ascending.
fn years_of(engine: &Engine, company: u16, asked: &str) -> BTreeSet<i32> {
    let mut years = BTreeSet::new();
    for key in keys_of(asked) {
        if let Some(metric) = engine.facts.metric(key) {
            years.extend(engine.facts.series(company, metric).iter().map(|row| row.year));
        }
    }
    if let Some(line) = Line::of(asked) {
        years.extend(engine.ledger.years(company, line));
    }
    for formula in FORMULAS.iter().filter(|formula| formula.key == asked) {
        if let Some(Input::Of(key)) = formula.inputs.first()
            && let Some(metric) = engine.facts.metric(key)
        {
            years.extend(engine.facts.series(company, metric).iter().map(|row| row.year));
        }
    }
    years
}

const OVER_TIME: &[&str] = &[
    "grow",
    "grew",
    "growth",
    "increase",
    "decrease",
    "change",
    "decline",
    "rise",
    "rose",
    "fell",
    "fall",
    "year-over-year",
    "yoy",
    "trend",
    "evolve",
    "compared",
];

/// The figures for a question; `None` when it asks for none, or for no company that has any.
pub(crate) fn block(engine: &Engine, understanding: &Understanding) -> Option<KpiBlock> {
    if understanding.metrics.is_empty() || engine.facts.rows.is_empty() {
        return None;
    }
    let named: Vec<u16> = understanding
        .companies
        .iter()
        .filter_map(|company| engine.companies.by_ticker(&company.ticker))
        .collect();
    // "Which company …": all of them compete, for years that were named.
    let all = named.is_empty();
    if all && understanding.years.is_empty() && understanding.metrics.len() > 2 {
        return None;
    }
    let companies = if all { engine.companies.iter().map(|(id, _)| id).collect() } else { named };
    let lower = understanding.question.to_lowercase();
    let over_time = OVER_TIME.iter().any(|word| lower.contains(word));
    let mut found: Vec<Found> = Vec::new();
    let mut asked_as: HashMap<(String, i32, String), String> = HashMap::new();
    let mut missing = Vec::new();
    for company in &companies {
        for metric in &understanding.metrics {
            let years = years(engine, *company, &metric.key, understanding, over_time, all);
            let before = found.len();
            for year in years {
                match find(engine, *company, &metric.key, year, DEPTH) {
                    Some(hit) => {
                        let key = (hit.fact.ticker.clone(), year, hit.fact.metric_key.clone());
                        if asked_as.insert(key, metric.key.clone()).is_none() {
                            found.push(hit);
                        }
                    }
                    None if !all && understanding.years.contains(&year) => {
                        let row = engine.companies.get(*company);
                        missing.push(format!("{} of {} for FY {year}", metric.label, row.ticker));
                    }
                    None => {}
                }
            }
            if before == found.len() && understanding.years.is_empty() && !all {
                missing.push(format!("{} of {}", metric.label, engine.companies.get(*company).ticker));
            }
        }
    }
    if found.is_empty() && missing.is_empty() {
        return None;
    }
    let order = |found: &Found| {
        let place = companies.iter().position(|id| engine.companies.get(*id).ticker == found.fact.ticker);
        (place, found.fact.metric_key.clone(), found.fact.year)
    };
    found.sort_by_key(order);
    let notes = notes(&found, all);
    let conflicts: Vec<Conflict> = found.iter().filter_map(|found| found.conflict.clone()).collect();
    let facts: Vec<Fact> = found.into_iter().map(|found| found.fact).collect();
    let skip = |fact: &Fact| fact.doubt.is_some();
    let name = |fact: &Fact| {
        let key = (fact.ticker.clone(), fact.year, fact.metric_key.clone());
        asked_as.get(&key).cloned().unwrap_or_else(|| fact.metric_key.clone())
    };
    let mut derived = derive::growth(&facts, &skip);
    derived.extend(derive::ratios(&facts, &name, &skip));
    let text = text::block(&facts, &derived, &conflicts, &notes, &missing);
    Some(KpiBlock { facts, derived, conflicts, missing, notes, text })
}

/// The years to look up: those named (and the one before the first, when it is asked how a figure changed), else the newest.
fn years(
    engine: &Engine,
    company: u16,
    key: &str,
    understanding: &Understanding,
    over_time: bool,
    all: bool,
) -> Vec<i32> {
    let mut years = understanding.years.clone();
    if years.is_empty() {
        let known = years_of(engine, company, key);
        let count = if all { 1 } else { RECENT };
        let newest: BTreeSet<i32> = known.iter().rev().take(count).copied().collect();
        return newest.into_iter().collect();
    }
    if over_time
        && years.len() == 1
        && let Some(first) = years.first().copied()
    {
        years.insert(0, first - 1);
    }
    years
}

fn notes(found: &[Found], ranked: bool) -> Vec<String> {
    let mut notes = Vec::new();
    for found in found {
        let fact = &found.fact;
        if let Some(doubt) = &fact.doubt {
            notes.push(format!(
                "[{}] {} FY {} ({}) {doubt}; it is not used in growth or comparison",
                fact.ticker,
                fact.metric_label,
                fact.year,
                format::figure(fact.value, &fact.unit)
            ));
        }
        if let Some(how) = found.how {
            notes
                .push(format!("[{}] {} FY {} is computed: {how}", fact.ticker, fact.metric_label, fact.year));
        }
    }
    let tickers: BTreeSet<&str> = found.iter().map(|found| found.fact.ticker.as_str()).collect();
    if ranked || tickers.len() > 1 {
        let mut by: HashMap<(String, i32), Vec<&Fact>> = HashMap::new();
        for found in found.iter().filter(|found| found.fact.doubt.is_none()) {
            by.entry((found.fact.metric_label.clone(), found.fact.year)).or_default().push(&found.fact);
        }
        let mut by: Vec<_> = by.into_iter().filter(|(_, facts)| facts.len() > 1).collect();
        by.sort_by(|a, b| a.0.cmp(&b.0));
        for ((label, year), mut facts) in by {
            facts.sort_by(|a, b| b.value.total_cmp(&a.value));
            let list: Vec<String> = facts
                .iter()
                .take(8)
                .map(|fact| format!("{} {}", fact.ticker, format::figure(fact.value, &fact.unit)))
                .collect();
            notes.push(format!("{label} FY {year}, highest first: {}", list.join(", ")));
        }
    }
    notes
}

/// Every name a metric of the data goes by: key, label, tag with and without namespace, and what askers' metrics take it for.
pub(crate) fn metric_names(engine: &Engine, key: &str) -> Vec<String> {
    let mut names = vec![key.to_owned()];
    if let Some(metric) = engine.facts.metric(key) {
        let metric = &engine.facts.metrics[usize::from(metric)];
        names.push(metric.label.clone());
        if let Some(tag) = &metric.gaap {
            names.push(tag.clone());
            names.push(crate::understand::metrics::local(tag).to_owned());
        }
    }
    for asked in ASKED.iter().filter(|asked| asked.key == key || asked.keys.contains(&key)) {
        names.push(asked.key.to_owned());
        names.push(asked.label.to_owned());
    }
    names
}
