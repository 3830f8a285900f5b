//! Judging the figures of one company.

use std::collections::{BTreeMap, BTreeSet};

use super::exact;
use super::ledger::{Basis, Judged};
use super::said::{All, Said};
use super::scale::{Point, quarters};
use super::{Doubt, Line};
use crate::kpi::choose::choose;
use crate::tables::facts::{FactRow, Facts};

/// What the table has of a company.
pub(super) struct Known<'f> {
    facts: &'f Facts,
    company: u16,
}

/// Figures nearer than this are one figure, rounded or defined a little differently.
const NEAR: f64 = 0.01;
/// A figure in the text that is at least this many times another, or less than its inverse, is of another period.
const APART: f64 = 2.0;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= NEAR * a.abs().max(b.abs())
}

impl<'f> Known<'f> {
    pub(super) fn new(facts: &'f Facts, company: u16) -> Self {
        Self { facts, company }
    }

    fn of(&self, key: &str, year: i32) -> &'f [FactRow] {
        self.facts.metric(key).map_or(&[], |metric| self.facts.of(self.company, metric, year))
    }

    fn value(&self, keys: &[&str], year: i32) -> Option<f64> {
        keys.iter().find_map(|key| choose(self.of(key, year))).map(|choice| choice.row.value)
    }

    /// All rows of a line and year.
    pub(super) fn rows(&self, line: Line, year: i32) -> Vec<&'f FactRow> {
        line.keys().flat_map(|key| self.of(key, year)).collect()
    }

    fn assets(&self, year: i32) -> Option<f64> {
        self.value(&["total_assets", "assets", "liabilities_and_equity"], year)
    }

    /// Total assets of the year, or of the nearest within three.
    pub(super) fn assets_near(&self, year: i32) -> Option<f64> {
        (0..=3).flat_map(|away| [year - away, year + away]).find_map(|near| self.assets(near))
    }

    fn key(&self, row: &FactRow) -> &'f str {
        &self.facts.metrics[usize::from(row.metric)].key
    }

    /// Whether a revenue that a margin gives is about twice the table's: no period of a year is half of it, so the margin is of a sum
    /// that has something twice.
    fn is_counted_twice(&self, revenue: f64, year: i32) -> bool {
        let row = self.value(Line::Revenue.own(), year);
        row.is_some_and(|row| (1.5..2.3).contains(&(revenue / row)))
    }

    fn years(&self, keys: impl IntoIterator<Item = &'static str>) -> BTreeSet<i32> {
        keys.into_iter()
            .filter_map(|key| self.facts.metric(key))
            .flat_map(|metric| self.facts.series(self.company, metric).iter().map(|row| row.year))
            .collect()
    }
}

/// Figures that the table's ratios give to the dollar, with how.
type Exact = BTreeMap<(Line, i32), (f64, &'static str)>;

const BY_RETURN: &str = "return on average assets, times average total assets, comes out whole";
const BY_EQUITY: &str = "return on average equity, times average equity, comes out whole";
const BY_MARGIN: &str = "net income over net profit margin comes out whole";
const FITS: &str = "its margin gives a whole revenue";

fn exact(known: &Known<'_>, said: &All) -> Exact {
    let mut found = Exact::new();
    for year in known.years(["roa", "roe"]) {
        for row in known.of("roa", year) {
            // A year that ended in January's first days goes by either number.
            for of in [year, year - 1] {
                if let (Some(end), Some(start)) = (known.assets(of), known.assets(of - 1))
                    && let Some(income) = exact::by_return(row.value, end, start)
                {
                    found.entry((Line::NetIncome, of)).or_insert((income, BY_RETURN));
                    break;
                }
            }
        }
        for row in known.of("roe", year) {
            for key in ["equity", "equity_incl_nci"] {
                if let (Some(end), Some(start)) = (known.value(&[key], year), known.value(&[key], year - 1))
                    && let Some(income) = exact::by_return(row.value, end, start)
                {
                    found.entry((Line::NetIncome, year)).or_insert((income, BY_EQUITY));
                }
            }
        }
    }
    for year in known.years(["net_profit_margin"]) {
        let mut incomes: Vec<f64> =
            found.get(&(Line::NetIncome, year)).map(|known| known.0).into_iter().collect();
        incomes.extend(known.rows(Line::NetIncome, year).iter().map(|row| row.value));
        incomes.extend(said.get(&(Line::NetIncome, year)).into_iter().flatten().map(|said| said.value));
        for margin in known.of("net_profit_margin", year) {
            for income in &incomes {
                if let Some(revenue) = exact::by_margin(*income, margin.value)
                    .filter(|revenue| !known.is_counted_twice(*revenue, year))
                {
                    found.entry((Line::Revenue, year)).or_insert((revenue, BY_MARGIN));
                    found.entry((Line::NetIncome, year)).or_insert((*income, FITS));
                }
            }
        }
    }
    found
}

/// Judges every line of every year of a company.
pub(super) fn judge(known: &Known<'_>, said: &All) -> BTreeMap<(Line, i32), Judged> {
    let exact = exact(known, said);
    let mut judged = BTreeMap::new();
    for line in Line::ALL {
        let mut years = known.years(line.keys());
        years.extend(exact.keys().chain(said.keys()).filter(|(of, _)| *of == line).map(|(_, year)| *year));
        for year in years {
            let texts = said.get(&(line, year)).map_or(&[][..], Vec::as_slice);
            if let Some(found) = first(known, line, year, exact.get(&(line, year)), texts) {
                judged.insert((line, year), found);
            }
        }
    }
    for line in Line::ALL {
        doubt_by_scale(known, line, &mut judged);
    }
    doubt_by_filing(known, &mut judged);
    doubt_by_years_beside(known, &mut judged);
    judged
}

/// The figure and what of it can be said without its neighbours.
fn first(
    known: &Known<'_>,
    line: Line,
    year: i32,
    exact: Option<&(f64, &'static str)>,
    said: &[Said],
) -> Option<Judged> {
    let rows = known.rows(line, year);
    let choice = line.keys().find_map(|key| choose(known.of(key, year)));
    // A row with the dates of a year needs no other witness.
    if let Some(choice) = choice.as_ref().filter(|choice| choice.row.span.is_year()) {
        let others = choice.others.iter().map(|row| (*row).clone()).collect();
        return Some(Judged::of_row(choice.row, others, choice.why).certain());
    }
    if let Some((value, how)) = exact {
        let same = rows.iter().find(|row| (row.value - value).abs() <= 1.0);
        let others: Vec<FactRow> =
            choice.iter().map(|choice| choice.row).filter(|row| !near(row.value, *value)).cloned().collect();
        let text = said.iter().find(|said| (said.value - value).abs() <= said.half);
        let found = match same {
            Some(row) => Judged::of_row(row, others, WHY_EXACT),
            None => Judged {
                value: *value,
                basis: Basis::Ratio(how),
                doubt: None,
                others,
                why: WHY_EXACT,
                certain: true,
                said: None,
            },
        };
        return Some(Judged { said: text.map(|said| said.sentence), ..found }.certain());
    }
    let best = best_said(said, choice.as_ref().map(|choice| choice.row.value));
    let Some(choice) = choice else {
        return best.map(|said| Judged::of_said(said, Vec::new())).or_else(|| undated(said));
    };
    let row = choice.row;
    if let Some(text) = said.iter().find(|said| (said.value - row.value).abs() <= said.half) {
        let others = choice.others.iter().map(|row| (*row).clone()).collect();
        return Some(
            Judged { said: Some(text.sentence), ..Judged::of_row(row, others, choice.why) }.certain(),
        );
    }
    if let Some(text) = best {
        let times = (text.value / row.value).abs();
        if !(1.0 / APART..APART).contains(&times) || (text.value < 0.0) != (row.value < 0.0) {
            return Some(Judged::of_said(text, vec![row.clone()]));
        }
    }
    let others = choice.others.iter().map(|row| (*row).clone()).collect();
    let mut found = Judged::of_row(row, others, choice.why);
    found.doubt = own_doubt(known, line, year, row);
    // Basic and diluted income of a year are alike: of two that are not, the larger is the year's.
    if let Some(Doubt::Twin { .. }) = found.doubt
        && let Some(twin) =
            rows.iter().find(|other| other.value.abs() > row.value.abs() && is_twin(known, other))
    {
        found =
            Judged::of_row(twin, vec![row.clone()], "of basic and diluted income the larger is the year's");
    }
    Some(found)
}

/// What the sentences of a year's filing say without naming the year, when they say one figure.
fn undated(said: &[Said]) -> Option<Judged> {
    let first = said.first()?;
    let one = said.iter().all(|other| (other.value - first.value).abs() <= other.half + first.half);
    one.then(|| Judged { doubt: Some(Doubt::Undated), certain: false, ..Judged::of_said(first, Vec::new()) })
}

const WHY_EXACT: &str = "the table's ratios of the year give this figure to the dollar";

/// The dated statement that most others agree with; among equals the finest.
fn best_said(said: &[Said], row: Option<f64>) -> Option<&Said> {
    // A part's figure that passed for the whole's is far below a year's row.
    let plausible = |said: &&Said| row.is_none_or(|row| (0.2..50.0).contains(&(said.value / row).abs()));
    let agree = |a: &Said| said.iter().filter(|b| (a.value - b.value).abs() <= a.half + b.half).count();
    said.iter()
        .filter(|said| said.dated)
        .filter(plausible)
        .max_by(|a, b| agree(a).cmp(&agree(b)).then(b.half.total_cmp(&a.half)))
}

fn is_twin(known: &Known<'_>, row: &FactRow) -> bool {
    ["net_income_common_basic", "net_income_common_diluted"].contains(&known.key(row))
}

/// What speaks against a row by itself.
fn own_doubt(known: &Known<'_>, line: Line, year: i32, row: &FactRow) -> Option<Doubt> {
    match line {
        Line::Revenue => {
            let tag = known.facts.metrics[usize::from(row.metric)].gaap.as_deref().unwrap_or_default();
            if tag.contains("Services") {
                let tag = tag.rsplit(':').next().unwrap_or(tag).to_owned();
                return Some(Doubt::Part { tag });
            }
            if let Some(cash) = known.value(&["cfo"], year).filter(|cash| *cash > row.value) {
                return Some(Doubt::BelowCash { cash });
            }
            let income =
                known.rows(Line::NetIncome, year).iter().map(|row| row.value).fold(f64::MIN, f64::max);
            (income > row.value && income > 0.0).then_some(Doubt::BelowIncome { income })
        }
        Line::GrossProfit => None,
        Line::NetIncome => {
            if is_twin(known, row) {
                let other = known.rows(line, year).into_iter().find(|other| {
                    is_twin(known, other) && (other.value - row.value).abs() > 0.2 * other.value.abs()
                });
                if let Some(other) = other {
                    return Some(Doubt::Twin { other: other.value });
                }
                let revenue = known.value(Line::Revenue.own(), year);
                if revenue.is_some_and(|revenue| row.value.abs() < SMALL * revenue) {
                    return Some(Doubt::CommonAlone);
                }
            }
            if let Some(others) = others_part(known, year, row) {
                return Some(Doubt::WithOthers { others });
            }
            margin_doubt(known, year, row)
        }
    }
}

/// An income below this share of revenue can be another's by what shares beside common stock get.
const SMALL: f64 = 0.02;

/// The part of noncontrolling interests, where a row's tag counts in some of it and it matters.
fn others_part(known: &Known<'_>, year: i32, row: &FactRow) -> Option<f64> {
    let has_some = known.key(row) == "net_income_incl_nonredeemable_nci";
    known.value(&["net_income_nci"], year).filter(|others| has_some && others.abs() > NEAR * row.value.abs())
}

/// Whether the table's own margin contradicts an income: it gives no revenue that is near the table's.
fn margin_doubt(known: &Known<'_>, year: i32, row: &FactRow) -> Option<Doubt> {
    let margins = known.of("net_profit_margin", year);
    let revenue = known.value(Line::Revenue.own(), year);
    let fits =
        |margin: &FactRow| revenue.is_some_and(|revenue| near(row.value / (margin.value / 100.0), revenue));
    (!margins.is_empty() && !margins.iter().any(fits)).then_some(Doubt::Ratio { ratio: "net profit margin" })
}

/// Calls quarters by their size, and doubts them.
fn doubt_by_scale(known: &Known<'_>, line: Line, judged: &mut BTreeMap<(Line, i32), Judged>) {
    // What stands in is of the notes' tables, which have years alone; a part is no quarter.
    let own = |judged: &Judged| match &judged.basis {
        Basis::Row(row) => judged.certain || line.own().contains(&known.key(row)),
        Basis::Ratio(_) | Basis::Said => true,
    };
    let series: Vec<(i32, Point)> = judged
        .iter()
        .filter(|((of, _), found)| *of == line && own(found) && found.doubt != Some(Doubt::Undated))
        .filter_map(|((_, year), found)| {
            let ratio = found.value / known.assets_near(*year).filter(|assets| *assets > 0.0)?;
            let doubtful = found.doubt.is_some();
            Some((*year, Point { year: *year, ratio, known: found.certain, doubtful }))
        })
        .collect();
    let points: Vec<Point> = series.iter().map(|(_, point)| *point).collect();
    for ((year, _), quarter) in series.iter().zip(quarters(&points)) {
        if let Some(found) = judged.get_mut(&(line, *year))
            && quarter
            && found.doubt.is_none()
        {
            found.doubt = Some(Doubt::Scale);
        }
    }
}

/// Where revenue or gross profit of a filing is a quarter's, so is its net income: the quarters' table has all of them.
fn doubt_by_filing(known: &Known<'_>, judged: &mut BTreeMap<(Line, i32), Judged>) {
    let quarters: Vec<(i32, &'static str)> = judged
        .iter()
        .filter(|((line, _), found)| {
            *line != Line::NetIncome
                && matches!(
                    found.doubt,
                    Some(Doubt::Scale | Doubt::BelowCash { .. } | Doubt::BelowIncome { .. })
                )
        })
        .map(|((line, year), _)| (*year, line.key()))
        .collect();
    for (year, line) in quarters {
        if let Some(found) = judged.get_mut(&(Line::NetIncome, year))
            && let Basis::Row(row) = &found.basis
            && found.doubt.is_none()
            && !found.certain
            && Line::NetIncome.own().contains(&known.key(row))
        {
            found.doubt = Some(Doubt::SameFiling { line });
        }
    }
}

/// A filer's quarters come year after year: what stands between two of them under the same tag, with no witness of its own, is doubted.
fn doubt_by_years_beside(known: &Known<'_>, judged: &mut BTreeMap<(Line, i32), Judged>) {
    /// Years that may lie between.
    const AWAY: i32 = 2;
    let is_quarter = |found: &Judged| {
        matches!(
            found.doubt,
            Some(
                Doubt::Scale
                    | Doubt::SameFiling { .. }
                    | Doubt::BelowCash { .. }
                    | Doubt::BelowIncome { .. }
                    | Doubt::Twin { .. }
            )
        )
    };
    let tag = |found: &Judged| match &found.basis {
        Basis::Row(row) => Some(row.metric),
        Basis::Ratio(_) | Basis::Said => None,
    };
    let mut doubted = Vec::new();
    for ((line, year), found) in &*judged {
        let Basis::Row(row) = &found.basis else { continue };
        if *line != Line::NetIncome
            || found.certain
            || found.doubt.is_some()
            || !line.own().contains(&known.key(row))
        {
            continue;
        }
        let beside = |mut years: std::ops::RangeInclusive<i32>, back: bool| {
            let find = |year: i32| judged.get(&(*line, year));
            let nearest = if back { years.rev().find_map(find) } else { years.find_map(find) };
            nearest.is_some_and(|other| is_quarter(other) && tag(other) == Some(row.metric))
        };
        if beside(year - AWAY..=year - 1, true) && beside(year + 1..=year + AWAY, false) {
            doubted.push((*line, *year));
        }
    }
    for key in doubted {
        if let Some(found) = judged.get_mut(&key) {
            found.doubt = Some(Doubt::Beside);
        }
    }
}
