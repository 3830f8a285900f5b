//! Growth and ratios from facts that were found.

use super::{Derived, DerivedKind, Fact};

/// Growth over the year before, and compound growth over the whole span, of every (ticker, metric); `skip` tells facts that are not
/// comparable with their neighbours.
pub(crate) fn growth(facts: &[Fact], skip: &dyn Fn(&Fact) -> bool) -> Vec<Derived> {
    let mut derived = Vec::new();
    let mut start = 0;
    for series in facts.chunk_by(|a, b| a.ticker == b.ticker && a.metric_key == b.metric_key) {
        let usable: Vec<usize> = (start..start + series.len()).filter(|at| !skip(&facts[*at])).collect();
        for pair in usable.windows(2) {
            let (from, to) = (&facts[pair[0]], &facts[pair[1]]);
            if to.year - from.year == 1 {
                derived.extend(change(from, to, pair));
            }
        }
        if let (Some(first), Some(last)) = (usable.first(), usable.last()) {
            derived.extend(compound(&facts[*first], &facts[*last], &[*first, *last]));
        }
        start += series.len();
    }
    derived
}

fn change(from: &Fact, to: &Fact, at: &[usize]) -> Option<Derived> {
    let relative = matches!(from.unit.as_str(), "percent" | "ratio");
    let (value, unit) = if relative {
        (to.value - from.value, if from.unit == "percent" { "points" } else { "ratio" })
    } else {
        // Growth from a loss or from nothing is no percentage.
        if from.value <= 0.0 {
            return None;
        }
        ((to.value / from.value - 1.0) * 100.0, "percent")
    };
    let what = if relative { "change" } else { "growth" };
    Some(Derived {
        ticker: to.ticker.clone(),
        kind: DerivedKind::Growth,
        label: format!("{} {what}, {} to {}", to.metric_label, from.year, to.year),
        from_year: from.year,
        to_year: to.year,
        value,
        unit: unit.to_owned(),
        from: at.to_vec(),
    })
}

fn compound(first: &Fact, last: &Fact, at: &[usize]) -> Option<Derived> {
    let years = last.year - first.year;
    if years < 2
        || first.value <= 0.0
        || last.value <= 0.0
        || matches!(first.unit.as_str(), "percent" | "ratio")
    {
        return None;
    }
    let value = ((last.value / first.value).powf(1.0 / f64::from(years)) - 1.0) * 100.0;
    Some(Derived {
        ticker: last.ticker.clone(),
        kind: DerivedKind::Cagr,
        label: format!("{} compound annual growth, {} to {}", last.metric_label, first.year, last.year),
        from_year: first.year,
        to_year: last.year,
        value,
        unit: "percent".to_owned(),
        from: at.to_vec(),
    })
}

/// Ratios of facts of one ticker and year that are both there: (numerator, denominator, name, unit).
const RATIOS: &[(&str, &str, &str, &str)] = &[
    ("net_income", "revenue", "Net margin", "percent"),
    ("gross_profit", "revenue", "Gross margin", "percent"),
    ("operating_income", "revenue", "Operating margin", "percent"),
    ("cfo", "revenue", "Operating cash flow margin", "percent"),
    ("free_cash_flow", "revenue", "Free cash flow margin", "percent"),
    ("net_income", "equity", "Net income to equity", "percent"),
    ("net_income", "total_assets", "Net income to total assets", "percent"),
    ("total_liabilities", "equity", "Liabilities to equity", "ratio"),
];

/// Ratios between the facts found.
pub(crate) fn ratios(
    facts: &[Fact],
    asked_as: &dyn Fn(&Fact) -> String,
    skip: &dyn Fn(&Fact) -> bool,
) -> Vec<Derived> {
    let mut derived = Vec::new();
    for (over, under, name, unit) in RATIOS {
        for (at, top) in facts.iter().enumerate().filter(|(_, fact)| asked_as(fact) == *over && !skip(fact)) {
            let bottom = facts.iter().position(|fact| {
                asked_as(fact) == *under && fact.ticker == top.ticker && fact.year == top.year && !skip(fact)
            });
            let Some(bottom) = bottom.filter(|bottom| facts[*bottom].value > 0.0) else { continue };
            let ratio = top.value / facts[bottom].value;
            derived.push(Derived {
                ticker: top.ticker.clone(),
                kind: DerivedKind::Ratio,
                label: format!("{name}, {}", top.year),
                from_year: top.year,
                to_year: top.year,
                value: if *unit == "percent" { ratio * 100.0 } else { ratio },
                unit: (*unit).to_owned(),
                from: vec![at, bottom],
            });
        }
    }
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FactSource;

    fn fact(year: i32, key: &str, value: f64) -> Fact {
        Fact {
            ticker: "T".to_owned(),
            company: "T Inc.".to_owned(),
            year,
            metric_key: key.to_owned(),
            metric_label: key.to_owned(),
            value,
            unit: "USD".to_owned(),
            form: None,
            filed_date: None,
            accession_no: None,
            source: FactSource::Filed,
            period: None,
            doubt: None,
            sentence_id: None,
        }
    }

    #[test]
    fn growth_over_a_year_and_over_all() {
        let facts =
            [fact(2020, "revenue", 100.0), fact(2021, "revenue", 110.0), fact(2022, "revenue", 121.0)];
        let values: Vec<(DerivedKind, i64)> = growth(&facts, &|_| false)
            .into_iter()
            .map(|d| (d.kind, (d.value * 1000.0).round() as i64))
            .collect();
        let (growth_kind, cagr) = (DerivedKind::Growth, DerivedKind::Cagr);
        assert_eq!(values, [(growth_kind, 10_000), (growth_kind, 10_000), (cagr, 10_000)]);
        assert!(growth(&[fact(2020, "x", -1.0), fact(2021, "x", 1.0)], &|_| false).is_empty());
        assert!(growth(&facts, &|fact| fact.year == 2021).iter().all(|d| d.kind == DerivedKind::Cagr));
    }

    #[test]
    fn a_ratio_needs_both_facts_of_the_year() {
        let facts =
            [fact(2020, "net_income", 10.0), fact(2020, "revenue", 100.0), fact(2021, "net_income", 5.0)];
        let found = ratios(&facts, &|fact| fact.metric_key.clone(), &|_| false);
        assert_eq!(found.len(), 1);
        assert!((found[0].value - 10.0).abs() < 1e-9);
    }
}
